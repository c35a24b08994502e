"""The example backend's decisions."""

from __future__ import annotations

from typing import Any

import pytest

from backend import decide

RESULT = {
    "schema": "liveness-result/1",
    "status": "passed",
    "submission": {"number": 1, "count": 1},
    "package": {"reused": False},
}


@pytest.mark.parametrize(
    ("fields", "decision"),
    [
        ({}, "accept"),
        ({"submission": None, "package": None}, "accept"),
        ({"submission": {"number": 2, "count": 2}}, "accept"),
        ({"submission": {"number": 3, "count": 3}}, "review"),
        ({"submission": {"number": 1, "count": 3}}, "review"),
        ({"package": {"reused": True}}, "review"),
        ({"status": "rejected"}, "reject"),
        ({"status": "retake"}, "retry"),
        ({"status": "invalid"}, "retry"),
        ({"status": "failed"}, "wait"),
        ({"status": "something new"}, "review"),
        ({"schema": "liveness-result/2"}, "review"),
    ],
)
def test_only_an_undoubted_pass_is_accepted(fields: dict[str, Any], decision: str) -> None:
    assert decide(RESULT | fields) == decision
