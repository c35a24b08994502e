"""`liveness accept`: the first real run, on an installation of the real package."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from liveness_cli.account.function import Invoked
from liveness_cli.deploy.acceptance import Observed, answers_of
from liveness_cli.permissions.evaluator import Request, allows
from liveness_cli.permissions.roles import policy_of
from tests.conftest import ROOT
from tests.permissions.requests_made import cos, requests_by, unused

from .conftest import BUCKET, SETTINGS, UIN, Deployment
from .test_drift import disable_the_trigger
from .test_policies import refused
from .test_real_function import archive, uncompiled

__all__ = ["archive", "uncompiled"]
SAMPLE = ROOT / "events/sample"
CREATE_ONLY = {"x_cos_forbid_overwrite": "true"}
FILES = ("--live", str(SAMPLE / "live.bin"), "--reference", str(SAMPLE / "reference.jpg"))


@pytest.fixture
def installation(
    deployment: Deployment, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> Deployment:
    """The real function, and a key with the policy `tester` alone; waiting lets it work."""
    deployment.package = archive
    deployment.deploy("--yes")
    deployment.as_role("tester")
    monkeypatch.setattr(
        "liveness.cloud.system.SystemClock.sleep", lambda self, seconds: time.sleep(0.02)
    )
    return deployment


def test_the_first_run_answers_the_questions_and_costs_one_call(installation: Deployment) -> None:
    value = installation.value("accept", "--yes", *FILES)

    answers = {answer["question"]: answer["answer"] for answer in value["answers"]}
    assert len(answers) == 7
    assert [each for each in answers.values() if each == "no"] == []
    assert list(answers.values())[:4] == ["yes"] * 4
    assert value["explanation"]["state"] == "passed"
    assert len(installation.sandbox.faceid.billed) == 1


def test_the_policy_allows_what_is_needed_and_nothing_else(
    installation: Deployment, tmp_path: Path
) -> None:
    refused_package = tmp_path / "live.bin"
    refused_package.write_text('{"sandbox": true, "code": "InternalError", "channel": "error"}')

    installation.value("accept", "--yes", *FILES)
    result = installation.run(
        "accept", "--yes", "--timeout", "0", "--live", str(refused_package), *FILES[2:]
    )

    assert result.exit_code == 4, "the second pair is parked"
    assert refused(installation) == []
    made = requests_by(installation.key, installation.sandbox.requests)
    assert unused(policy_of("tester", installation.settings, UIN), made) == []
    assert installation.sandbox.bucket(BUCKET).keys("liveness/ledger/accept/") == []


@pytest.mark.parametrize(
    "request_",
    [
        cos("PutObject", BUCKET, "liveness/incoming/session-0001/live.bin", **CREATE_ONLY),
        cos("PutObject", BUCKET, "liveness/results/liveness-accept-1/result.json"),
        cos("PutObject", BUCKET, "liveness/ledger/claims/a/b/1.claim", **CREATE_ONLY),
        cos("PutObject", BUCKET, "liveness/ledger/accept/1"),
        cos("GetObject", BUCKET, "liveness/incoming/liveness-accept-1/reference.jpg"),
        cos("GetObject", BUCKET, "liveness/frames/liveness-accept-1/best-frame-0.jpg"),
        cos("GetObject", BUCKET, "liveness/results/session-0001/result.json"),
        cos("DeleteObject", BUCKET, "liveness/ledger/claims/a/b/1.claim"),
        cos("DeleteObject", BUCKET, "liveness/incoming/liveness-accept-1/live.bin"),
        Request("scf:UpdateFunctionCode", "*"),
    ],
    ids=lambda item: f"{item.action} {item.resource.partition('/liveness/')[2]}",
)  # fmt: skip
def test_a_tester_cannot(request_: Request) -> None:
    assert not allows([policy_of("tester", SETTINGS, UIN)], request_)


NEEDED = [
    ("scf:GetAlias", "function/liveness"),
    ("scf:GetFunction", "function/liveness"),
    ("scf:InvokeFunction", "function/liveness"),
    ("name/cos:GetBucket", f"{BUCKET}/*"),
    ("name/cos:PutObject", "/liveness/ledger/accept/"),
    ("name/cos:DeleteObject", "/liveness/ledger/accept/"),
    ("name/cos:PutObject", "/liveness/incoming/liveness-accept-"),
    ("name/cos:HeadObject", "/liveness/incoming/liveness-accept-"),
    ("name/cos:HeadObject", "/liveness/results/liveness-accept-"),
    ("name/cos:HeadObject", "/liveness/frames/liveness-accept-"),
    ("name/cos:GetObject", "/liveness/incoming/.liveness-control"),
    ("name/cos:GetObject", "/liveness/results/liveness-accept-"),
    ("name/cos:GetObject", "/liveness/ledger/claims/"),
    ("name/cos:GetObject", "/liveness/ledger/submissions/"),
    ("name/cos:GetObject", "/liveness/ledger/packages/"),
    ("name/cos:GetObject", "/liveness/ledger/pending/"),
    ("name/cos:GetObject", "/liveness/ledger/drain/"),
    ("name/cos:GetObject", "/liveness/ledger/breaker.json"),
]


@pytest.mark.parametrize(("action", "place"), NEEDED, ids=lambda text: text.strip("/"))
def test_what_the_key_may_not_is_named_before_anything_is_paid(
    deployment: Deployment, action: str, place: str
) -> None:
    deployment.deploy("--yes")
    deployment.as_role("tester", without=(action, place))

    result = deployment.run("accept", "--yes", "--timeout", "0", *FILES)

    assert result.exit_code == 1
    said = result.stderr.strip().splitlines()[-1]
    assert re.search(rf"{re.escape(action)} on qcs::\S*{re.escape(place)}", said), said
    assert said.endswith("give it the policy `tester` (`liveness policies --role tester`)")
    uploaded = deployment.sandbox.bucket(BUCKET).keys("liveness/incoming/")
    assert not [key for key in uploaded if key.endswith("live.bin")]
    assert deployment.sandbox.faceid.calls == []


def test_the_report_names_no_person_bucket_or_key(installation: Deployment) -> None:
    value = installation.value("accept", "--yes", *FILES)

    report = Path(value["report"]).read_text()
    result = json.loads(report)
    assert result["answers"] == value["answers"]
    for text in (
        value["pair_id"],
        value["pair_id"][-16:],
        BUCKET,
        "1250000000",
        installation.key,
        "96.3",
    ):
        assert text not in report
    assert "q-sign" not in installation.run("accept", "--yes", *FILES).output


def test_it_says_what_it_costs_and_asks(installation: Deployment) -> None:
    result = installation.run("accept", *FILES, stdin="n\n")

    assert result.exit_code == 1
    assert "one call is billed" in result.stderr
    assert installation.sandbox.faceid.calls == []


def test_a_pair_whose_event_is_lost_still_has_an_answer(installation: Deployment) -> None:
    disable_the_trigger(installation)

    value = installation.value("accept", "--yes", "--timeout", "0", *FILES)

    answers = [answer["answer"] for answer in value["answers"]]
    assert answers[:3] == ["yes", "no", "yes"]
    assert len(installation.sandbox.faceid.billed) == 1


def test_without_a_function_nothing_is_uploaded(deployment: Deployment) -> None:
    result = deployment.run("accept", "--yes", *FILES)

    assert result.exit_code == 1
    assert "`liveness deploy` first" in result.stderr


def observed(**changes: Any) -> Observed:
    started = json.dumps({"event": "instance.started", "cpu_share": 0.14})
    pair_id = "accept 验收"
    usual = Observed(
        first_check=Invoked({}, None, (started,), 900.0),
        second_check=Invoked({}, None, ("{}",), 90.0),
        pair_id=pair_id,
        came_by_event=True,
        result={"reason": {"code": "Success"}, "api": {"result": "Success"}},
        repeated=Invoked({}, None, (json.dumps({"pair_id": pair_id}, ensure_ascii=False),)),
        created=[True, *[False] * 19],
        transfer="presign",
    )
    return usual._replace(**changes)


@pytest.mark.parametrize(
    ("changes", "number", "answer"),
    [
        ({}, 0, "yes"),
        (
            {
                "result": {
                    "reason": {"code": "FailedOperation.DownLoadError"},
                    "api": {"result": ""},
                }
            },
            0,
            "no",
        ),
        ({"result": {"reason": {"code": "PackageReused"}, "api": None}}, 0, "unknown"),
        ({"result": None}, 0, "unknown"),
        ({"transfer": "upload"}, 0, "unknown"),
        ({"came_by_event": False}, 1, "no"),
        ({"created": [True, True]}, 2, "no"),
        ({"created": [False, False]}, 2, "no"),
        ({"repeated": Invoked({}, None, ('{"pair_id": "accept ??"}',))}, 3, "no"),
        ({"repeated": Invoked({}, None, ())}, 3, "unknown"),
        ({}, 4, "yes"),
        ({"first_check": Invoked({}, None, ("{}",))}, 4, "unknown"),
        ({"first_check": Invoked({}, None, ("{}",))}, 5, "unknown"),
        ({}, 6, "unknown"),
    ],
)
def test_an_answer_follows_from_what_was_observed(
    changes: dict[str, Any], number: int, answer: str
) -> None:
    assert list(answers_of(observed(**changes)))[number].answer == answer
