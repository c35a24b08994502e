"""The policy `viewer` is enough for the commands that analyze results, and shows them no face."""

from __future__ import annotations

from pathlib import Path

import pytest

from liveness.settings import read_settings
from liveness_cli.permissions.roles import policy_of
from tests.cli.conftest import Command
from tests.conftest import BUCKET, Cloud
from tests.review.stored import put_review

from .requests_made import REGION, UIN, denied, requests_by

SETTINGS = read_settings({"TENCENTCLOUD_REGION": REGION, "LIVENESS_BUCKET": BUCKET})


@pytest.mark.parametrize("command", ["threshold", "cost", "export"])
def test_a_viewer_may_analyze_results(
    cloud: Cloud,
    liveness: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
) -> None:
    cloud.put_pair("anna")
    cloud.instance().walk("anna")
    body = cloud.stored("liveness/results/anna/result.json").body()
    put_review(cloud, "anna", 1, "approve", "same-person", body)
    for name, value in cloud.sandbox.client_environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LIVENESS_BUCKET", BUCKET)
    monkeypatch.setenv("LIVENESS_ENDPOINT_SCHEME", "http")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    result = liveness(command, *([str(tmp_path / "export")] if command == "export" else []))

    assert result.exit_code == 0, result.output
    requests = requests_by(cloud.sandbox.credentials.secret_id, cloud.sandbox.requests)
    read = {request.resource.rpartition("/")[2] for request in requests}
    assert {"result.json", "review-1.json"} <= read
    assert not [name for name in read if name.endswith(".jpg")]
    assert denied(policy_of("viewer", SETTINGS, UIN), requests) == []
