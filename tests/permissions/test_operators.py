"""The policies of viewer, operator, deployer and reader, against the requests of the commands."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from liveness.keys import pair_hash
from liveness.settings import read_settings
from liveness_cli.permissions.evaluator import Request, allows
from liveness_cli.permissions.roles import policy_of
from liveness_sandbox import Reply
from tests.cli.conftest import Command
from tests.conftest import BUCKET, PACKAGE, Cloud
from tests.review.stored import put_review

from .interpretations import (
    Interpretation,
    any_text,
    end_of_pattern,
    interpreted,
    literal_character,
)
from .requests_made import REGION, UIN, cos, denied, requests_by, unused

SETTINGS = read_settings({"TENCENTCLOUD_REGION": REGION, "LIVENESS_BUCKET": BUCKET})
VIEWING = (
    ("status",),
    ("status", "--all"),
    ("explain", "anna"),
    ("explain", "nobody"),
    ("reconcile", "--dry-run"),
    ("forget", "anna", "--dry-run"),
    ("doctor",),
    ("threshold",),
    ("cost",),
)
INVOKING = (("retry", "anna", "--yes"), ("reconcile",))
ERASING = tuple(("forget", name, "--yes") for name in ("anna", "bert", "dora"))
CONFIGURING = (
    ("configure", "--dry-run"),
    ("configure", "--reserved-mb", "1024", "--retries", "1", "--max-event-age", "3600"),
    ("configure", "--inputs-days", "90", "--frames-days", "30"),
    ("configure", "--reserved-mb", "none", "--results-days", "never"),
)


class Commands:
    """Runs commands, each with a key of its own, and returns the requests they make."""

    def __init__(self, cloud: Cloud, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
        self._cloud = cloud
        self._command = command
        self._monkeypatch = monkeypatch

    def requests_of(self, *arguments: str) -> list[Request]:
        keys = self._cloud.sandbox.temporary_credentials()
        for names, text in (
            (("SECRETID", "SECRET_ID"), keys.secret_id),
            (("SECRETKEY", "SECRET_KEY"), keys.secret_key),
            (("SESSIONTOKEN", "TOKEN"), keys.token or ""),
        ):
            for name in names:
                self._monkeypatch.setenv(f"TENCENTCLOUD_{name}", text)
        result = self._command(*arguments)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        assert "Error" not in result.stderr
        requests = requests_by(keys.secret_id, self._cloud.sandbox.requests)
        assert requests
        return requests


@pytest.fixture
def commands(
    cloud: Cloud, liveness: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Commands:
    """The bucket has an unpublished pair, a throttled one, one that a person decided on, and one
    that no event reached.

    The function is deployed with its role.
    """
    trust, policy = (policy_of(role, SETTINGS) for role in ("trust", "function"))
    cloud.sandbox.put_role("liveness-function", trust, {"liveness": policy})
    cloud.deploy()
    cloud.put_pair("anna")
    cloud.put_pair("bert", {"code": "RequestLimitExceeded", "channel": "error", "times": 1})
    cloud.put_pair("lost")
    function = cloud.instance()
    function.walk("anna")
    function.walk("bert")
    cloud.put_pair("dora")
    function.walk("dora")
    result = cloud.stored("liveness/results/dora/result.json").body()
    put_review(cloud, "dora", 1, "approve", "same-person", result)
    cloud.client.delete_object(BUCKET, "liveness/results/anna/result.json")
    hashed, md5 = pair_hash("anna"), hashlib.md5(PACKAGE).hexdigest()
    for name in (f"submissions/{hashed}/1", f"packages/{md5}/1", f"frame-urls/{hashed}/f-1"):
        cloud.bucket.put(f"liveness/ledger/{name}", b'{"pair_id": "anna"}')
    for name, value in (
        ("TENCENTCLOUD_REGION", REGION),
        ("LIVENESS_BUCKET", BUCKET),
        ("LIVENESS_ENDPOINT_SCHEME", "http"),
        ("http_proxy", cloud.sandbox.url),
        ("XDG_CACHE_HOME", str(tmp_path / "cache")),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("liveness.cloud.system.SystemClock.sleep", lambda self, seconds: None)
    return Commands(cloud, liveness, monkeypatch)


def test_a_viewer_may_do_exactly_what_viewing_needs(commands: Commands) -> None:
    viewer = policy_of("viewer", SETTINGS, UIN)

    requests = [request for arguments in VIEWING for request in commands.requests_of(*arguments)]

    assert denied(viewer, requests) == []
    assert unused(viewer, requests) == []


def test_an_operator_may_do_exactly_what_operating_needs(commands: Commands) -> None:
    operator = policy_of("operator", SETTINGS, UIN)

    requests = [
        request for arguments in VIEWING + INVOKING for request in commands.requests_of(*arguments)
    ]

    assert denied(operator, requests) == []
    assert unused(operator, requests) == []
    invocations = denied(policy_of("viewer", SETTINGS, UIN), requests)
    assert {request.action for request in invocations} == {"scf:InvokeFunction"}


def test_an_eraser_may_do_exactly_what_forgetting_needs(cloud: Cloud, commands: Commands) -> None:
    eraser = policy_of("eraser", SETTINGS)
    cloud.on("HEAD", "bert/live.bin", Reply(403))  # so that it looks for its own permissions

    requests = [request for arguments in ERASING for request in commands.requests_of(*arguments)]

    assert denied(eraser, requests) == []
    assert unused(eraser, requests) == []
    assert denied(policy_of("operator", SETTINGS, UIN), requests) != []


WRITES = (
    cos("PutObject", BUCKET, "liveness/results/anna/result.json"),
    cos("PutObject", BUCKET, "liveness/results/anna/result.json", x_cos_forbid_overwrite="true"),
    cos("PutObject", BUCKET, "liveness/frames/anna/best-frame-0.jpg"),
    cos("PutObject", BUCKET, "liveness/ledger/claims/a/b/response", x_cos_forbid_overwrite="true"),
    cos("PutObject", BUCKET, "liveness/ledger/submissions/a/1", x_cos_forbid_overwrite="true"),
    cos("PutObject", BUCKET, "liveness/ledger/packages/a/1", x_cos_forbid_overwrite="true"),
    cos("PutObject", BUCKET, "liveness/ledger/pending/x"),
    cos("PutObjectACL", BUCKET, "liveness/frames/anna/best-frame-0.jpg"),
    Request("faceid:DetectReflectLivenessAndCompare", "*"),
)


@pytest.mark.parametrize("role", ["operator", "eraser", "reviewer", "viewer", "reader"])
@pytest.mark.parametrize("request_", WRITES, ids=lambda item: item.resource[-30:])
def test_nobody_who_operates_or_reviews_can_forge_a_verdict(role: str, request_: Request) -> None:
    assert not allows([policy_of(role, SETTINGS, UIN)], request_)


@pytest.mark.parametrize("role", ["operator", "reviewer", "viewer", "reader", "deployer"])
@pytest.mark.parametrize(
    "key",
    [
        "liveness/incoming/anna/live.bin",
        "liveness/results/anna/result.json",
        "liveness/ledger/claims/a/b/response",
        "liveness/ledger/submissions/a/1",
    ],
)
def test_only_an_eraser_may_erase(role: str, key: str) -> None:
    """Deleting a submission resets the count of a pair's submissions."""
    request = cos("DeleteObject", BUCKET, key)

    assert allows([policy_of("eraser", SETTINGS)], request)
    assert not allows([policy_of(role, SETTINGS, UIN)], request)


def test_an_operator_may_invoke_no_other_function() -> None:
    operator = [policy_of("operator", SETTINGS, UIN)]
    function = f"qcs::scf:{REGION}:uin/{UIN}:namespace/default/function/"

    assert allows(operator, Request("scf:InvokeFunction", function + "liveness"))
    for name in ("other", "liveness-2", "*"):
        assert not allows(operator, Request("scf:InvokeFunction", function + name))


# ---- who sees a face

PACKAGE_OF_ANNA = "liveness/incoming/anna/live.bin"
PHOTO = "liveness/incoming/anna/reference.jpg"
FRAME = "liveness/frames/anna/best-frame-0.jpg"
LIVE_URL = "liveness/ledger/frame-urls/a/b-1"


@pytest.mark.parametrize(
    ("role", "visible"),
    [
        ("viewer", ()),
        ("operator", ()),
        ("eraser", ()),
        ("deployer", ()),
        ("installer", ()),
        ("reader", ()),
        ("app", ()),
        ("backend", ()),
        ("reader-with-frames", (FRAME,)),
        ("reviewer", (FRAME, PHOTO)),
        ("function", (PACKAGE_OF_ANNA, PHOTO, LIVE_URL)),
    ],
)
def test_who_may_see_a_face(role: str, visible: tuple[str, ...]) -> None:
    policies = [policy_of(role, SETTINGS, UIN)]

    for key in (PACKAGE_OF_ANNA, PHOTO, FRAME, LIVE_URL):
        assert allows(policies, cos("GetObject", BUCKET, key)) is (key in visible), key


@pytest.mark.parametrize("role", ["reader", "viewer", "operator", "eraser", "reviewer"])
@pytest.mark.parametrize("interpretation", [any_text, literal_character, end_of_pattern])
def test_no_interpretation_of_a_star_shows_more_or_forges_a_result(
    role: str, interpretation: Interpretation
) -> None:
    policy = interpreted(policy_of(role, SETTINGS, UIN), interpretation)
    frame = FRAME if role != "reviewer" else PACKAGE_OF_ANNA

    assert not allows([policy], cos("GetObject", BUCKET, frame))
    assert not allows([policy], cos("GetObject", BUCKET, LIVE_URL))
    for request in WRITES:
        assert not allows([policy], request)


# ---- reviewers


def review(name: str, **headers: str) -> Request:
    headers = {"x_cos_forbid_overwrite": "true", "content_length": "2000", **headers}
    return cos("PutObject", BUCKET, f"liveness/results/{name}", **headers)


def test_a_reviewer_may_read_what_explain_reads(commands: Commands) -> None:
    reviewer = policy_of("reviewer", SETTINGS)

    requests = [
        request
        for arguments in (("status",), ("explain", "dora"), ("explain", "nobody"))
        for request in commands.requests_of(*arguments)
    ]

    assert denied(reviewer, requests) == []
    rest = [
        cos("GetObject", BUCKET, FRAME),
        *(
            cos("GetObject", BUCKET, f"liveness/incoming/anna/reference.{suffix}")
            for suffix in ("jpg", "jpeg", "png")
        ),
        review("anna/review-1.json"),
        Request("sts:GetCallerIdentity", "*"),
    ]
    assert denied(reviewer, rest) == []
    assert unused(reviewer, requests + rest) == []


@pytest.mark.parametrize(
    "request_",
    [
        review("anna/review-1.json", x_cos_forbid_overwrite="false"),
        review("anna/review-1.json", x_cos_acl="public-read"),
        review("anna/review-1.json", x_cos_storage_class="ARCHIVE"),
        review("anna/review-1.json", x_cos_server_side_encryption="cos/kms"),
        review("anna/review-1.json", content_length="300000"),
        review("anna/review-1.json", secure_transport="false"),
        review("anna/result.json"),
        review("anna/review-1/result.json"),
        review("anna/review-/result.json"),
        cos("PutObject", BUCKET, FRAME, x_cos_forbid_overwrite="true"),
        review("review-1.json"),
        cos("PutObject", BUCKET, "liveness/incoming/anna/review-1.json"),
        cos("DeleteObject", BUCKET, "liveness/results/anna/review-1.json"),
        cos("GetObject", BUCKET, PACKAGE_OF_ANNA),
        Request("scf:InvokeFunction", "*"),
    ],
    ids=lambda item: f"{item.action} {item.resource[-30:]}",
)
def test_a_reviewer_may_only_add_decisions(request_: Request) -> None:
    assert not allows([policy_of("reviewer", SETTINGS)], request_)


@pytest.mark.parametrize("role", ["viewer", "deployer", "reader"])
@pytest.mark.parametrize(
    "request_",
    [
        cos("PutObject", BUCKET, "liveness/ledger/pending/x"),
        cos("PutObject", BUCKET, "liveness/results/anna/result.json"),
        cos("DeleteObject", BUCKET, "liveness/incoming/anna/live.bin"),
        cos("PutObjectACL", BUCKET, "liveness/results/anna/result.json"),
        Request("faceid:DetectReflectLivenessAndCompare", "*"),
        Request("scf:InvokeFunction", "*"),
        Request("cam:AttachRolePolicy", "*"),
    ],
    ids=lambda item: item.action,
)
def test_viewer_deployer_and_reader_may_not_change_anything(role: str, request_: Request) -> None:
    assert not allows([policy_of(role, SETTINGS)], request_)


@pytest.mark.parametrize("role", ["reader", "reader-with-frames"])
def test_a_reader_may_read_results_and_decisions(role: str) -> None:
    reader = [policy_of(role, SETTINGS)]

    for name in ("anna/result.json", "anna/b/result.json", "anna/review-1.json"):
        assert allows(reader, cos("GetObject", BUCKET, f"liveness/results/{name}"))


@pytest.mark.parametrize("role", ["reader", "reader-with-frames"])
@pytest.mark.parametrize(
    "key", ["liveness/ledger/claims/a/b/response", "liveness/incoming/anna/live.bin", "x"]
)
def test_a_reader_may_read_nothing_but_results(role: str, key: str) -> None:
    reader = [policy_of(role, SETTINGS)]

    assert not allows(reader, cos("GetObject", BUCKET, key))


def test_a_deployer_may_do_what_configure_needs(commands: Commands) -> None:
    """That it may do nothing else but deploy is tested in tests/deployment."""
    deployer = policy_of("deployer", SETTINGS, UIN)

    requests = [
        request for arguments in CONFIGURING for request in commands.requests_of(*arguments)
    ]

    assert denied(deployer, requests) == []


@pytest.mark.parametrize(
    "key", ["liveness/incoming/anna/reference.jpg", "liveness/results/anna/result.json"]
)
def test_a_deployer_may_read_no_face(key: str) -> None:
    deployer = [policy_of("deployer", SETTINGS, UIN)]

    assert not allows(deployer, cos("GetObject", BUCKET, key))


@pytest.mark.parametrize(
    ("role", "is_allowed"), [("liveness-function", True), ("administrator", False)]
)
def test_a_deployer_may_pass_only_the_functions_role(role: str, is_allowed: bool) -> None:
    deployer = [policy_of("deployer", SETTINGS, UIN)]

    request = Request("cam:PassRole", f"qcs::cam::uin/{UIN}:roleName/{role}")

    assert allows(deployer, request) is is_allowed


def test_only_the_platform_may_assume_the_functions_role() -> None:
    (statement,) = policy_of("trust", SETTINGS)["statement"]

    assert statement == {
        "effect": "allow",
        "action": ["name/sts:AssumeRole"],
        "principal": {"service": ["scf.qcloud.com"]},
    }
