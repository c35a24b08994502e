"""What is read of result.json and review-<n>.json, whatever anybody wrote into them."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveness_review.documents import MAX_DOCUMENT_BYTES, read_decision, read_result
from liveness_review.rows import UNREADABLE, DecisionRow, ResultRow

from .stored import PUBLISHED, metadata_of, result, review

GOLDEN = Path(__file__).parents[1] / "unit/golden"
RESULT_BODY = json.dumps(result("anna")).encode()


def read(document: Any, metadata: dict[str, str] | None = None) -> ResultRow:
    valid = metadata_of(result("anna"))
    return read_result("anna", json.dumps(document).encode(), metadata or valid, PUBLISHED)


@pytest.mark.parametrize(
    "path", sorted(GOLDEN.glob("result-*.metadata.json")), ids=lambda p: p.name
)
def test_every_kind_of_result_of_the_function_is_read(path: Path) -> None:
    body = path.with_name(path.name.replace(".metadata", "")).read_bytes()
    document = json.loads(body)

    row = read_result(document["pair_id"], body, json.loads(path.read_text()), PUBLISHED)

    assert row.problem == ""
    assert (row.status, row.similarity) == (document["status"], document["similarity"])
    assert row.possibly_billed_calls == document["possibly_billed_calls"]


def test_the_fields_of_a_result() -> None:
    submission = {"number": 2, "count": 2, "limit": 5, "possibly_billed_calls": 3, "earlier": []}
    package = {"reused": True, "first_used": "2026-11-01T00:00:00.000Z"}

    row = read(result("anna", submission=submission, package=package))

    assert (row.at, row.completed_at) == (PUBLISHED, PUBLISHED - 20)
    assert (row.claimed_at, row.answered_at) == (PUBLISHED - 2, PUBLISHED - 1)
    assert (row.billed_calls, row.possibly_billed_calls, row.earlier_calls) == (1, 1, 2)
    assert (row.submission, row.submissions, row.is_package_reused) == (2, 2, True)
    assert len(row.result_sha256) == 64


def changed(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Return an edit that sets a field, or removes it if the value is an ellipsis."""

    def edit(document: dict[str, Any]) -> None:
        *parents, name = path.split(".")
        fields: Any = document
        for parent in parents:
            fields = fields[int(parent) if parent.isdigit() else parent]
        if value is ...:
            del fields[name]
        else:
            fields[name] = value

    return edit


EDITS = {
    "schema": changed("schema", "liveness-result/2"),
    "another person's pair": changed("pair_id", "berta"),
    "another status than in the metadata": changed("status", "retake"),
    "an unknown status": changed("status", "<b>passed</b>"),
    "another fingerprint": changed("fingerprint", "f" * 64),
    "no fingerprint": changed("fingerprint", None),
    "passed below the threshold": changed("similarity", 69.9),
    "passed without a similarity": changed("similarity", None),
    "similarity in text": changed("similarity", "96.5"),
    "similarity above 100": changed("similarity", 1e308),
    "similarity below 0": changed("similarity", -1),
    "similarity that is true": changed("similarity", True),
    "a threshold that is a huge number": changed("threshold", 10**400),
    "no threshold": changed("threshold", ...),
    "reason in text": changed("reason", "Success"),
    "code that is a number": changed("reason.code", 7),
    "code that is not Unicode": changed("reason.code", "\ud800"),
    "no times": changed("times", []),
    "a time that is a number": changed("times.published", 1795000000),
    "a day that does not exist": changed("times.published", "2026-02-30T00:00:00.000Z"),
    "a time with digits of another script": changed(
        "times.published", "２０２６-11-18T11:06:40.125Z"
    ),
    "one input": changed("inputs", [{"last_modified": None}]),
    "inputs that are texts": changed("inputs", ["live", "image"]),
    "calls that are a fraction": changed("possibly_billed_calls", 1.5),
    "calls below 0": changed("possibly_billed_calls", -1),
    "more calls than SQLite can count": changed("possibly_billed_calls", 2**64),
    "api that is an array": changed("api", []),
    "submission that is an array": changed("submission", []),
    "submission with a number in text": changed("submission", {"number": "1"}),
    "package that says neither": changed("package", {"reused": "no"}),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_edited_result_is_marked(edit: Callable[[dict[str, Any]], None]) -> None:
    document = result("anna")
    edit(document)

    row = read(document)

    assert (row.pair_id, row.at, row.status) == ("anna", PUBLISHED, UNREADABLE)
    assert row.problem
    assert row.similarity is None
    assert is_storable(row)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"<html>", "not JSON"),
        (b"null", "not an object"),
        (b"[" * 100_000, "not JSON"),
        (b'{"schema": NaN}', "NaN"),
        (b'{"similarity": ' + b"9" * 10_000 + b"}", "not JSON"),
        (b'{"a":"' + b"x" * MAX_DOCUMENT_BYTES + b'"}', "larger than"),
    ],
)
def test_what_is_no_document_is_marked(body: bytes, problem: str) -> None:
    row = read_result("anna", body, {}, PUBLISHED)

    assert row.status == UNREADABLE
    assert problem in row.problem
    assert problem in read_decision("anna", 1, body, PUBLISHED).problem


def test_a_result_without_its_metadata_is_marked() -> None:
    row = read_result("anna", RESULT_BODY, {}, PUBLISHED)

    assert "liveness-fingerprint" in row.problem


def test_long_texts_are_cut() -> None:
    document = result("anna")
    document["reason"]["code"] = "<script>" * 1000

    row = read(document)

    assert row.status == "passed"
    assert len(row.reason) == 1000


def test_the_fields_of_a_decision() -> None:
    document = review("anna", 3, "reject", "different-person", RESULT_BODY)

    row = read_decision("anna", 3, json.dumps(document).encode(), PUBLISHED)

    assert (row.number, row.decision, row.reason) == (3, "reject", "different-person")
    assert row.reviewer == "qcs::cam::uin/100000000001:uin/100000000002"
    assert row.decided_at == PUBLISHED + 600
    assert row.problem == ""


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "liveness-review/2"},
        {"pair_id": "berta"},
        {"number": 2},
        {"number": True},
        {"decision": "approved"},
        {"decision": []},
        {"reason": None},
        {"reviewer": "me"},
        {"decided": "yesterday"},
        {"shown": {"fingerprint": "f" * 63, "result_sha256": "f" * 64}},
    ],
    ids=str,
)
def test_an_edited_decision_is_marked(change: dict[str, Any]) -> None:
    document = review("anna", 1, "approve", "same-person", RESULT_BODY) | change

    row = read_decision("anna", 1, json.dumps(document).encode(), PUBLISHED)

    assert row.problem
    assert row.decision == ""
    assert is_storable(row)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.data())
def test_no_edit_of_one_field_can_crash_the_reader(data: st.DataObject) -> None:
    document: dict[str, Any] = result("anna")
    name = data.draw(st.sampled_from([*document, "submission", "package"]))
    target: dict[str, Any] = document
    if isinstance(document.get(name), dict) and data.draw(st.booleans()):
        target, name = document[name], data.draw(st.sampled_from(list(document[name])))
    target[name] = data.draw(VALUES)

    row = read(document)

    assert is_storable(row)
    assert (row.status == UNREADABLE) == bool(row.problem)
    if row.similarity is not None:
        assert 0 <= row.similarity <= 100


def is_storable(row: ResultRow | DecisionRow) -> bool:
    """Whether SQLite takes every value, and every number is finite."""
    numbers = [value for value in row if isinstance(value, float)]
    places = ", ".join("?" * len(row))
    sqlite3.connect(":memory:").execute(f"SELECT {places}", row)
    return all(map(math.isfinite, numbers))
