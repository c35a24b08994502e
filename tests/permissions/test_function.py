"""The function's policy allows exactly what the function does."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from liveness.keys import breaker_key
from liveness.settings import Settings, read_settings
from liveness_cli.permissions.evaluator import Request, allows
from liveness_cli.permissions.roles import policy_of
from tests.conftest import BUCKET, JPEG, PACKAGE, Cloud, Instance
from tests.function.test_one_call import LAST_PAUSE

from .requests_made import APPID, REGION, cos, denied, requests_by, unused

RESULTS, LEDGER = f"results-{APPID}", f"ledger-{APPID}"
# As many as open the breaker.
UNANSWERED = [f"ute-{number}" for number in range(5)]
THROTTLED = {"code": "RequestLimitExceeded", "channel": "error", "times": 1}
LAYOUTS: Mapping[str, Mapping[str, str]] = {
    "default": {},
    "by upload": {"TRANSFER": "upload"},
    "several buckets": {"RESULT_BUCKET": RESULTS, "LEDGER_BUCKET": LEDGER},
    "flat": {
        "INPUT_PREFIX": "in/人/",
        "RESULT_PREFIX": "out/",
        "FRAME_PREFIX": "pictures/",
        "LEDGER_PREFIX": "notes/",
        "LIVE_SUFFIXES": ".live",
        "IMAGE_SUFFIXES": ".jpg,.png",
    },
}


def settings_of(function: Instance) -> Settings:
    return read_settings(function.environ)


def upload(cloud: Cloud, settings: Settings, pair_id: str, live: bytes | None = PACKAGE) -> None:
    prefix = settings.input_prefix + pair_id
    if live is not None:
        cloud.bucket.put(prefix + settings.live_suffixes[0], live)
    cloud.bucket.put(prefix + settings.image_suffixes[0], JPEG)


def scripted(**instructions: object) -> bytes:
    """A liveness package that scripts the sandbox's face API."""
    return json.dumps({"sandbox": 1, **instructions}).encode()


def upload_in_parts(cloud: Cloud, key: str) -> None:
    """Upload an object whose ETag is not an MD5, so that the function has to read it."""
    upload_id = cloud.client.create_multipart_upload(BUCKET, key)["UploadId"]
    part = cloud.client.upload_part(BUCKET, key, PACKAGE + b" in parts", 1, upload_id)
    parts = {"Part": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    cloud.client.complete_multipart_upload(BUCKET, key, upload_id, parts)


def do_everything(cloud: Cloud, function: Instance) -> None:
    """Take every path through the function that makes requests of its own."""
    settings = settings_of(function)
    ledger = cloud.sandbox.bucket(settings.ledger_bucket)
    for name, live in (
        ("anna", PACKAGE),
        ("bert", scripted(**THROTTLED)),
        ("cleo", scripted(drop="after", times=3)),
        ("dora", b""),
        ("fred", scripted(frame="missing")),
        ("lost", PACKAGE + b" of lost"),
        ("twin", PACKAGE),
    ):
        upload(cloud, settings, name, live)
    upload(cloud, settings, "emil", None)
    upload_in_parts(cloud, settings.input_prefix + "emil" + settings.live_suffixes[0])
    for name in ("anna", "bert", "cleo", "dora", "emil", "fred", "twin"):
        key = settings.input_prefix + name + settings.live_suffixes[0]
        function(cloud.sandbox.trigger_event(BUCKET, key))
    states = []
    while "published" not in states:
        cloud.advance(LAST_PAUSE)
        states.append(function.walk("cleo")["state"])
        assert len(states) < 9
    function({"retry": ["cleo"]})
    function({"reconcile": {"prefix": "lo"}})
    function({"drain": {}})
    for number, name in enumerate(UNANSWERED):  # the sandbox tells packages apart by content
        upload(cloud, settings, name, scripted(drop="after", times=1, sim=90 + number))
    function({"reconcile": {}})
    function({"drain": {}})
    breaker = breaker_key(settings)
    assert ledger.get(breaker) is not None
    for _ in range(3):
        cloud.advance(LAST_PAUSE)
        function({"drain": {}})
    assert ledger.get(breaker) is None
    for name, status in (
        ("anna", "passed"),
        ("bert", "passed"),
        ("cleo", "passed"),
        ("dora", "invalid"),
        ("emil", "passed"),
        ("fred", "passed"),
        ("lost", "passed"),
        ("twin", "rejected"),
        *((name, "passed") for name in UNANSWERED),
    ):
        key = f"{settings.result_prefix}{name}/result.json"
        result = json.loads(cloud.stored(key, settings.result_bucket).body())
        assert result["status"] == status, name


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda name: name.replace(" ", "-"))
def test_the_policy_allows_exactly_what_the_function_requests(cloud: Cloud, layout: str) -> None:
    for bucket in (RESULTS, LEDGER):
        cloud.sandbox.create_bucket(bucket)
    function = cloud.instance(**LAYOUTS[layout])

    do_everything(cloud, function)

    requests = requests_by(function.environ["TENCENTCLOUD_SECRETID"], cloud.sandbox.requests)
    policy = policy_of("function", settings_of(function))
    assert len(requests) > 50
    assert denied(policy, requests) == []
    assert unused(policy, requests) == []


def test_the_policy_allows_no_record_to_be_rewritten() -> None:
    settings = read_settings({"TENCENTCLOUD_REGION": REGION, "LIVENESS_BUCKET": BUCKET})
    policies = [policy_of("function", settings)]
    for prefix in ("claims", "submissions", "packages", "drain"):
        key = f"liveness/ledger/{prefix}/hash/1"

        assert allows(policies, cos("PutObject", BUCKET, key, x_cos_forbid_overwrite="true"))
        assert not allows(policies, cos("PutObject", BUCKET, key))
        if prefix != "drain":
            assert not allows(policies, cos("DeleteObject", BUCKET, key))


@pytest.mark.parametrize(
    "headers",
    [
        {"x_cos_acl": "public-read"},
        {"x_cos_acl": "authenticated-read"},
        {"x_cos_grant_read": 'id="100000000003"'},
        {"x_cos_grant_read_acp": 'id="100000000003"'},
        {"x_cos_grant_write_acp": 'id="100000000003"'},
        {"x_cos_grant_full_control": 'id="100000000003"'},
    ],
    ids=str,
)
def test_the_policy_allows_nothing_to_be_published(headers: dict[str, str]) -> None:
    settings = read_settings({"TENCENTCLOUD_REGION": REGION, "LIVENESS_BUCKET": BUCKET})
    policies = [policy_of("function", settings)]
    for key in (
        "frames/anna/best-frame-0.jpg",
        "results/anna/result.json",
        "ledger/frame-urls/a/b",
    ):
        assert allows(policies, cos("PutObject", BUCKET, f"liveness/{key}"))
        assert not allows(policies, cos("PutObject", BUCKET, f"liveness/{key}", **headers))


INPUT, RESULT = "liveness/incoming/anna/live.bin", "liveness/results/anna/result.json"
RECORD = "liveness/ledger/claims/hash/fingerprint/response"
OTHER = "other-1250000000"


@pytest.mark.parametrize(
    "request_",
    [
        cos("PutObject", BUCKET, INPUT),
        cos("PutObject", BUCKET, "liveness/incoming/anna/reference.jpg"),
        cos("DeleteObject", BUCKET, INPUT),
        cos("DeleteObject", BUCKET, RESULT),
        cos("DeleteObject", BUCKET, RECORD),
        cos("GetObject", BUCKET, RESULT),
        cos("GetObject", BUCKET, "other/file"),
        cos("PutObject", BUCKET, "other/file"),
        cos("PutObject", BUCKET, "liveness/incoming"),
        cos("HeadObject", OTHER, INPUT),
        cos("PutObject", OTHER, RESULT),
        cos("GetBucket", OTHER, ""),
        cos("PutObject", BUCKET, RECORD),
        cos("PutObject", BUCKET, RECORD, x_cos_forbid_overwrite="false"),
        cos("PutObjectACL", BUCKET, RESULT),
        cos("PutBucketACL", BUCKET, ""),
        cos("PutBucketLifecycle", BUCKET, ""),
        cos("PutBucketVersioning", BUCKET, ""),
        cos("DeleteMultipleObjects", BUCKET, ""),
        Request("name/faceid:CreateUploadUrl", "*"),
        Request("name/faceid:DetectAuth", "*"),
        Request("name/scf:InvokeFunction", "*"),
        Request("name/sts:AssumeRole", "*"),
    ],
    ids=lambda item: f"{item.action} {item.resource.rpartition(':')[2]}",
)
def test_the_policy_allows_nothing_harmful(request_: Request) -> None:
    settings = read_settings({"TENCENTCLOUD_REGION": REGION, "LIVENESS_BUCKET": BUCKET})

    assert not allows([policy_of("function", settings)], request_)
