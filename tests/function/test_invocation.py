"""One invocation as the platform makes it: messages, contexts, logs, summaries and errors."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from liveness.errors import ConfigurationError, EventError, PairsNotFinishedError, SettingsError
from liveness.logs import EVENTS
from liveness_sandbox import Drop, Reply
from tests.conftest import BUCKET, JPEG, PACKAGE, ROOT, Cloud

SANDBOX_LOGGERS = ("aiohttp", "asyncio")  # the sandbox runs in the same process
AWKWARD = [
    "a b",
    "a+b",
    "100%41",
    "a#b",
    "a?b=c&d",
    "中文 路径",
    "😀",
    ".hidden",
    "..",
    "a//b",
    "a.",
]


@pytest.mark.parametrize("pair_id", AWKWARD)
def test_awkward_keys_work_from_upload_to_result(cloud: Cloud, pair_id: str) -> None:
    function = cloud.instance()
    for name, body in (("live.bin", PACKAGE), ("reference.jpg", JPEG)):
        key = f"liveness/incoming/{pair_id}/{name}"
        cloud.client.put_object(BUCKET, body, key)
        summary = function(cloud.sandbox.trigger_event(BUCKET, key))

    assert summary["pairs"] == [{"pair_id": pair_id, "state": "published", "status": "passed"}]
    result = cloud.result(pair_id)
    assert result is not None
    assert result["pair_id"] == pair_id


def test_keys_of_850_bytes_work(cloud: Cloud) -> None:
    prefix = "long/" * 60
    pair_id = "人" * 178 + "x" * 6
    key = f"{prefix}{pair_id}/live.bin"
    assert len(key.encode()) == 849
    cloud.client.put_object(BUCKET, PACKAGE, key)
    cloud.bucket.put(f"{prefix}{pair_id}/r.jpg", JPEG)
    function = cloud.instance(INPUT_PREFIX=prefix, RESULT_PREFIX="r/", IMAGE_SUFFIXES="/r.jpg")

    (pair,) = function(cloud.sandbox.trigger_event(BUCKET, key))["pairs"]

    assert pair["status"] == "passed"
    assert cloud.bucket.get(f"r/{pair_id}/result.json")


def test_an_overlong_pair_id_is_rejected_and_logged(cloud: Cloud) -> None:
    function = cloud.instance()
    key = f"liveness/incoming/{'x' * 800}/live.bin"
    cloud.bucket.put(key, PACKAGE)

    summary = function(cloud.sandbox.trigger_event(BUCKET, key))

    assert summary["pairs"] == []
    assert "would fit only up to" in function.logged("record.stray")[0]["reason"]


def test_many_records_process_each_pair_once(cloud: Cloud) -> None:
    names = ["anna", "bert", "cleo"]
    records: list[Any] = []
    for name in names:
        cloud.put_pair(name)
        for part in ("live.bin", "reference.jpg"):
            key = f"liveness/incoming/{name}/{part}"
            records += cloud.sandbox.trigger_event(BUCKET, key)["Records"]
    function = cloud.instance()

    summary = function({"Records": records})

    assert [pair["pair_id"] for pair in summary["pairs"]] == names
    assert len(function.logged("pair.published")) == cloud.calls == 3


def test_bad_records_do_not_affect_good_ones(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    good = cloud.sandbox.trigger_event(BUCKET, "liveness/incoming/anna/live.bin")["Records"]
    foreign = json.loads((ROOT / "events/foreign-key.json").read_text())["Records"]
    own_result = cloud.sandbox.trigger_event(BUCKET, "liveness/incoming/anna/live.bin")["Records"]
    result_key = "/1250000000/faces/liveness/results/anna/result.json"
    own_result[0]["cos"]["cosObject"] |= {"key": result_key, "url": ""}
    function = cloud.instance()

    summary = function({"Records": [7, *foreign, None, *own_result, {"cos": []}, *good]})

    assert [pair["status"] for pair in summary["pairs"]] == ["passed"]
    kinds = [record["kind"] for record in summary["skipped"]]
    assert kinds == ["malformed", "ignored", "malformed", "ignored", "malformed"]


@pytest.mark.parametrize(
    "context", [None, "x", {}, {"time_limit_in_ms": 120, "memory_limit_in_mb": "128"},
                {"time_limit_in_ms": "soon"}, {"time_limit_in_ms": True}]
)  # fmt: skip
def test_malformed_contexts_are_tolerated(cloud: Cloud, context: object) -> None:
    """The vendor's local runner puts seconds into time_limit_in_ms, and text into the memory."""
    cloud.put_pair("anna")

    summary = cloud.instance()({"pairs": ["anna"]}, context)

    assert summary["pairs"][0]["status"] == "passed"


@pytest.mark.parametrize("limit", [3, 3000, 17_000])
def test_a_timeout_too_short_for_a_call_is_a_configuration_error(cloud: Cloud, limit: int) -> None:
    with pytest.raises(ConfigurationError, match="timeout is"):
        cloud.instance()({"pairs": ["anna"]}, {"time_limit_in_ms": limit})


def test_invalid_settings_stop_before_any_request(cloud: Cloud) -> None:
    function = cloud.instance(SIM_THRESHOLD="x", TRANSFER="y")

    with pytest.raises(SettingsError, match=r"SIM_THRESHOLD.*TRANSFER"):
        function.walk("anna")

    assert cloud.sandbox.requests == []


def test_a_missing_role_is_a_configuration_error(cloud: Cloud) -> None:
    function = cloud.instance()
    del function.environ["TENCENTCLOUD_SECRETKEY"]
    with pytest.raises(ConfigurationError, match="execution role"):
        function.walk("anna")


def test_an_unknown_event_is_rejected_and_logged(cloud: Cloud) -> None:
    function = cloud.instance()

    with pytest.raises(EventError):
        function({"hello": "world"})

    assert function.logged("invocation.failed")


def test_credentials_are_read_at_every_invocation(cloud: Cloud) -> None:
    function = cloud.instance()
    cloud.put_pair("anna")
    function.walk("anna")
    renewed = cloud.instance().environ
    function.environ.update(renewed)
    cloud.put_pair("bert")

    assert function.walk("bert")["status"] == "passed"

    principals = {r.principal for r in cloud.sandbox.requests if "bert" in (r.key or "")}
    assert principals == {renewed["TENCENTCLOUD_SECRETID"]}


def test_an_invalid_input_is_published_without_a_call(cloud: Cloud) -> None:
    cloud.put_pair("empty")
    cloud.put("empty", "live.bin", b"")
    cloud.put_pair("large")
    cloud.put("large", "reference.jpg", JPEG + b"x" * (2 * 1024 * 1024))
    cloud.put_pair("two-images")
    cloud.put("two-images", "reference.png", JPEG)
    function = cloud.instance(MAX_IMAGE_MB="2")

    pairs = function({"pairs": ["empty", "large", "two-images"]})["pairs"]

    assert [pair["status"] for pair in pairs] == ["invalid"] * 3
    codes = []
    for name in ("empty", "large", "two-images"):
        result = cloud.result(name)
        assert result is not None
        codes.append(result["reason"]["code"])
        assert result["reason"]["detail"]
    assert codes == ["InputEmpty", "InputTooLarge", "InputAmbiguous"]
    assert cloud.calls == 0

    cloud.bucket.delete("liveness/incoming/two-images/reference.png")

    assert function.walk("two-images")["status"] == "passed"


def test_an_unexpected_error_reports_only_its_location(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raise_with_secret(*_: object) -> None:
        raise RuntimeError("http://x/?q-signature=0123456789abcdef")

    cloud.put_pair("anna")
    monkeypatch.setattr("liveness.inspection.classify", raise_with_secret)
    function = cloud.instance()

    with pytest.raises(PairsNotFinishedError) as raised:
        function.walk("anna")

    assert "RuntimeError at test_invocation.py" in str(raised.value)
    assert "q-signature" not in str(raised.value) + "".join(function.lines)
    assert raised.value.__context__ is None  # the platform would print it


def test_logs_are_short_json_lines_of_documented_events(cloud: Cloud) -> None:
    pair_id = "中" * 200
    cloud.put_pair(pair_id)
    function = cloud.instance()

    function.walk(pair_id)

    for line in function.lines:
        assert line.endswith("\n") and line.count("\n") == 1
        assert len(line.encode()) < 8 * 1024
        assert json.loads(line)["event"] in EVENTS
    (published,) = function.logged("pair.published")
    assert published["request_id"] == "invocation-1"
    assert published["pair_id"] == pair_id
    assert re.fullmatch(r"[0-9a-f]{64}", published["fingerprint"])
    assert published["ms"] >= 0


@pytest.mark.parametrize("transfer", ["presign", "upload"])
@pytest.mark.parametrize("fault", ["none", "lost", "frame", "store", "refused", "proxy"])
def test_no_secret_is_logged_published_or_raised(
    cloud: Cloud,
    transfer: str,
    fault: str,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")  # as if a root logger wrote everything to stdout
    cloud.put_pair("anna", {"frame": "missing"} if fault == "frame" else PACKAGE)
    function = cloud.instance(TRANSFER=transfer, MAX_ATTEMPTS="1")
    action = "DetectReflectLivenessAndCompare"
    if fault == "lost":
        cloud.on("POST", action, Drop(), phase="after", service="faceid", times=9)
    if fault == "store":
        cloud.on("PUT", "response", Drop(), times=99)
        cloud.on("GET", "live.bin", Drop(), times=99)
    if fault == "refused":
        cloud.on("PUT", "1.claim", Reply(403), times=99)
    if fault == "proxy":
        cloud.on("POST", action, Reply(407), service="faceid", times=9)
    event = cloud.sandbox.trigger_event(BUCKET, "liveness/incoming/anna/live.bin")
    headers = event["Records"][0]["event"]["requestParameters"]["requestHeaders"]
    headers["Authorization"] = "q-sign-algorithm=sha1&q-signature=uploaders-own"

    output = ""
    try:
        output += json.dumps(function(event))
    except PairsNotFinishedError as error:
        output += str(error)

    output += "".join(function.lines) + "".join(capfd.readouterr())
    output += "".join(
        r.getMessage() for r in caplog.records if not r.name.startswith(SANDBOX_LOGGERS)
    )
    for key in cloud.bucket.keys("liveness/results/"):
        if key.endswith(".json"):
            output += cloud.stored(key).body().decode()
    for secret in (*function.secrets, "q-signature", "q-sign", "security-token", "uploaders-own"):
        assert secret not in output
    assert "http://" not in output and "https://" not in output


def test_only_the_functions_own_prefixes_are_written(cloud: Cloud) -> None:
    cloud.put_pair("anna", {"code": "RequestLimitExceeded", "channel": "error", "times": 1})
    function = cloud.instance()
    function.walk("anna")

    function.walk("anna")

    written_keys = [
        r.key for r in cloud.requests_of(function) if r.method in ("PUT", "POST", "DELETE")
    ]
    assert written_keys
    for key in written_keys:
        assert key.startswith(("liveness/results/", "liveness/frames/", "liveness/ledger/"))


def test_results_and_ledger_may_be_in_other_buckets(cloud: Cloud) -> None:
    for name in ("results-1250000000", "ledger-1250000000"):
        cloud.sandbox.create_bucket(name)
    cloud.put_pair("anna")
    function = cloud.instance(RESULT_BUCKET="results-1250000000", LEDGER_BUCKET="ledger-1250000000")

    assert function.walk("anna")["status"] == "passed"
    assert function.walk("anna")["state"] == "done"
    assert cloud.bucket.keys() == [
        "liveness/incoming/anna/live.bin",
        "liveness/incoming/anna/reference.jpg",
    ]
    for prefix in ("results", "frames"):
        assert cloud.sandbox.bucket("results-1250000000").keys(f"liveness/{prefix}/anna/")
    assert cloud.sandbox.bucket("ledger-1250000000").keys("liveness/ledger/claims/")


@pytest.mark.parametrize("name", ["BUCKET", "LEDGER_BUCKET"])
def test_a_missing_bucket_is_a_configuration_error(cloud: Cloud, name: str) -> None:
    cloud.put_pair("anna")
    said = rf"no bucket nowhere-1250000000 \(LIVENESS_{name}\) in ap-singapore"
    with pytest.raises(PairsNotFinishedError, match=said):
        cloud.instance(**{name: "nowhere-1250000000"}).walk("anna")
