"""Rare faults, one per test: none may bill twice, lose a verdict, or reveal a secret."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from liveness.cloud.connections import Connections
from liveness.cloud.cos import CosStore
from liveness.cloud.credentials import read_credentials
from liveness.errors import (
    LivenessError,
    ObjectChangedError,
    PairsNotFinishedError,
    StoreUnavailableError,
)
from liveness.settings import read_settings
from liveness.store import Digests
from liveness_sandbox import Drop, Pause, Reply
from tests.conftest import BUCKET, CONTEXT, JPEG, PACKAGE, Cloud, Instance
from tests.function.test_one_call import LAST_PAUSE

DETECT = "DetectReflectLivenessAndCompare"
FRAMES = "faceid-resource"  # prefix of the host of upload URLs and best frames
RESULT = "liveness/results/anna/result.json"
LINK = (
    "http://faces-1250000000.cos.ap-singapore.myqcloud.com/liveness/incoming/anna/reference.jpg"
    "?q-sign-algorithm=sha1&q-signature=deadbeef&x-cos-security-token=token"
)
# COS rejects a PUT because another one to the same key is in progress.
CONFLICT = Reply(
    409,
    b"<Error><Code>OperationAborted</Code><Message>m</Message></Error>",
    {"Content-Type": "application/xml"},
)


def api_reply(response: dict[str, Any]) -> Reply:
    body = json.dumps({"Response": response}).encode()
    return Reply(200, body, {"Content-Type": "application/json"})


def end_leases(cloud: Cloud) -> None:
    """Let so much time pass that every lease and every call begun so far has ended."""
    for key in cloud.bucket.keys("liveness/ledger/claims/"):
        if key.endswith(".claim"):
            cloud.bucket.backdate(key, 120)


def at_host(cloud: Cloud, method: str, host: str, do: Reply | Pause) -> None:
    """Answer every request to a host with this prefix."""

    def hook(request: Any, phase: str) -> Reply | Pause | None:
        matches = request.method == method and request.host.startswith(host)
        return do if matches and phase == "before" else None

    cloud.sandbox.hooks.append(hook)


@contextmanager
def paused(
    cloud: Cloud, function: Instance, method: str, name: str, service: str = "cos"
) -> Iterator[None]:
    """Walk anna in a thread; hold back the reply to one request while the block runs."""
    arrived, resume = threading.Event(), threading.Event()

    def hold() -> Pause:
        arrived.set()
        return Pause(resume)

    cloud.on(method, name, hold, phase="after", service=service)
    walker = threading.Thread(target=function.walk, args=("anna",))
    walker.start()
    try:
        assert arrived.wait(10)
        yield
    finally:
        resume.set()
        walker.join()


def foreign_requests(cloud: Cloud) -> list[Any]:
    return [request for request in cloud.sandbox.requests if request.service == "unknown"]


# ---- billing


def test_a_late_answer_is_used_instead_of_a_granted_attempt(cloud: Cloud) -> None:
    """A call is answered after its pair was given up and granted another attempt.

    The granted attempt is throttled at first. Before it is repeated, the slow call is answered
    after all: that answer is published, and no other call is made.
    """
    cloud.put_pair("anna")
    slow, other = cloud.instance(MAX_ATTEMPTS="1"), cloud.instance(MAX_ATTEMPTS="1")
    throttled = api_reply({"Error": {"Code": "RequestLimitExceeded", "Message": ""}})

    with paused(cloud, slow, "POST", DETECT, service="faceid"):
        cloud.advance(LAST_PAUSE)
        assert other.walk("anna")["status"] == "failed"
        cloud.on("POST", DETECT, throttled, service="faceid")
        assert other({"retry": ["anna"]})["pairs"][0]["state"] == "parked"

    assert other.walk("anna") == {"pair_id": "anna", "state": "done", "status": "passed"}
    assert cloud.billed == 1


def test_a_late_answer_is_stored_even_if_its_frame_is_not(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    slow, other = cloud.instance(MAX_ATTEMPTS="1"), cloud.instance(MAX_ATTEMPTS="1")
    cloud.on("PUT", ".jpg", Reply(503), times=99)

    with paused(cloud, slow, "POST", DETECT, service="faceid"):
        cloud.advance(LAST_PAUSE)
        assert other.walk("anna")["status"] == "failed"

    assert cloud.ledger("late-1") == ["late-1"]


def fail_to_prepare_then_pass(cloud: Cloud, function: Instance, error: str) -> None:
    """Fail three times, more often than attempts are allowed; pass once the fault is removed."""
    for _ in range(3):
        with pytest.raises(PairsNotFinishedError, match=error):
            function.walk("anna")
        end_leases(cloud)
    cloud.sandbox.hooks.clear()

    assert function.walk("anna")["status"] == "passed"

    result = cloud.result("anna")
    assert result is not None
    assert (result["attempts"], result["possibly_billed_calls"]) == (1, 1)


def test_an_unavailable_upload_host_uses_up_no_attempts(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    function = cloud.instance(TRANSFER="upload", MAX_ATTEMPTS="2")
    at_host(cloud, "PUT", FRAMES, Reply(503))

    fail_to_prepare_then_pass(cloud, function, "upload of")


def test_a_missing_read_permission_uses_up_no_attempts(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    key = "liveness/incoming/anna/live.bin"
    cloud.client.put_object(BUCKET, PACKAGE, key, ServerSideEncryption="cos/kms")
    function = cloud.instance(MAX_ATTEMPTS="2")
    cloud.on("GET", "live.bin", Reply(403), times=99)
    cloud.on("GET", ".liveness-control", Reply(403), times=99)

    fail_to_prepare_then_pass(cloud, function, "execution role")


def test_a_redelivered_retry_event_grants_only_one_attempt(cloud: Cloud) -> None:
    """The platform delivers it again because bert cannot be finished; anna fails every time."""
    for name in ("anna", "bert"):
        cloud.put_pair(name, {"response": {"Sim": None}})
    function = cloud.instance()
    function.walk("anna", "bert")
    end_leases(cloud)
    cloud.on("HEAD", "bert/live.bin", Reply(503), times=99)
    for _ in range(3):
        with pytest.raises(PairsNotFinishedError):
            function({"retry": ["anna", "bert"]})
        end_leases(cloud)
    assert cloud.calls == 3

    function({"retry": ["anna"]}, CONTEXT | {"request_id": "invocation-2"})

    assert cloud.calls == 4


def test_a_conflict_with_another_request_does_not_lose_the_answer(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    cloud.on("PUT", "/response", CONFLICT)

    assert cloud.instance().walk("anna")["status"] == "passed"
    assert cloud.ledger("response") == ["response"]
    assert cloud.calls == 1


def test_a_conflict_with_another_request_does_not_prove_create_only(cloud: Cloud) -> None:
    cloud.put_pair("anna")

    def delete_claim() -> None:
        for key in cloud.ledger_keys("1.claim"):
            cloud.bucket.delete(key)

    cloud.on("PUT", "1.claim", CONFLICT)
    cloud.on("PUT", "1.claim", delete_claim, times=9)

    with pytest.raises(PairsNotFinishedError, match="x-cos-forbid-overwrite"):
        cloud.instance().walk("anna")

    assert cloud.calls == 0


@pytest.mark.parametrize(
    "response",
    [
        {"Error": {"Code": "RequestLimitExceeded"}},
        {"Error": {"Code": "RequestLimitExceeded"}, "RequestId": "r"},
        {"Error": {"Code": "RequestLimitExceeded", "Message": "m"}},
    ],
)
def test_an_error_with_missing_fields_keeps_its_meaning(
    cloud: Cloud, response: dict[str, Any]
) -> None:
    cloud.put_pair("anna")
    cloud.on("POST", DETECT, api_reply(response), service="faceid")
    function = cloud.instance()

    assert function.walk("anna")["state"] == "parked"
    assert cloud.ledger(".released") == ["1.released"]
    assert not function.logged("pair.call-outcome-unknown")


# ---- destinations of requests and secrets


@pytest.mark.parametrize("status", [302, 307, 308])
def test_the_billed_call_follows_no_redirect_to_another_host(cloud: Cloud, status: int) -> None:
    cloud.put_pair("anna")
    redirect = Reply(status, b"", {"Location": "http://evil.example/collect"})
    cloud.on("POST", DETECT, redirect, service="faceid", times=99)

    assert cloud.instance().walk("anna")["state"] == "parked"
    assert foreign_requests(cloud) == []


def test_a_redirect_back_to_the_service_is_counted_as_a_call(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    redirect = Reply(307, b"", {"Location": "http://faceid.intl.tencentcloudapi.com/"})
    cloud.on("POST", DETECT, redirect, phase="after", service="faceid")
    function = cloud.instance()

    assert function.walk("anna")["state"] == "parked"
    cloud.advance(75)
    assert function.walk("anna")["status"] == "passed"

    result = cloud.result("anna")
    assert result is not None
    assert cloud.billed == result["possibly_billed_calls"] == 2


@pytest.mark.parametrize(
    "url",
    [
        "http://evil.example/steal",
        "http://169.254.169.254/x",
        "http://faces-1.cos.ap-hongkong.myqcloud.com/another-region",
    ],
)
def test_uploads_go_to_cos_hosts_only(cloud: Cloud, url: str) -> None:
    cloud.put_pair("anna")
    target = api_reply({"UploadUrl": url, "ResourceUrl": "http://a/b", "RequestId": "r"})
    cloud.on("POST", "CreateUploadUrl", target, service="faceid", times=99)

    assert cloud.instance(TRANSFER="upload").walk("anna")["state"] == "parked"
    assert foreign_requests(cloud) == []
    assert not any("hongkong" in request.host for request in cloud.sandbox.requests)
    assert cloud.calls == 0


@pytest.mark.parametrize("channel", ["result", "error"])
@pytest.mark.parametrize("field", ["code", "description"])
def test_a_quoted_link_is_neither_published_nor_logged(
    cloud: Cloud, field: str, channel: str
) -> None:
    answer = {"code": "FailedOperation.ImageDecodeFailed", "channel": channel}
    cloud.put_pair("anna", answer | {field: f"FailedOperation.X cannot decode {LINK}"})
    function = cloud.instance()

    function.walk("anna")

    output = cloud.stored(RESULT).body().decode() + "".join(function.lines)
    assert "cannot decode" in output
    assert "q-signature" not in output and "security-token" not in output


def test_raised_errors_carry_no_other_exception(cloud: Cloud) -> None:
    """The platform prints the whole chain, and a library's exception quotes signed URLs."""
    cloud.put_pair("anna")
    function = cloud.instance()
    cloud.on("PUT", "1.claim", Drop(), times=99)
    events = [{"pairs": ["anna"]}, {"x": 1}, {"Type": "Timer", "Message": "?"}, {"Records": 3}]

    for event in events:
        with pytest.raises(LivenessError) as raised:
            function(event)
        assert raised.value.__context__ is None and raised.value.__cause__ is None


# ---- results


def test_a_hanging_frame_host_does_not_delay_the_verdict(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("liveness.best_frame.FETCH_SECONDS", 0.2)
    cloud.put_pair("anna")
    end_of_test = threading.Event()
    at_host(cloud, "GET", FRAMES, Pause(end_of_test))
    started = time.monotonic()

    try:
        assert cloud.instance().walk("anna")["status"] == "passed"
    finally:
        end_of_test.set()

    assert time.monotonic() - started < 5
    result = cloud.result("anna")
    assert result is not None
    assert result["best_frame"]["missing_because"] == "it could not be downloaded"


def test_the_next_walk_restores_a_best_frame_that_a_result_lost(cloud: Cloud) -> None:
    """A crash may leave a result that names no best frame although the frame is stored.

    One instance publishes the result with its best frame. A slower one can no longer download the
    frame, overwrites the result with one that names none, and crashes before it can correct that.
    """
    cloud.put_pair("anna")
    cloud.instance().walk("anna")
    complete = cloud.stored(RESULT)
    body, metadata = complete.body(), complete.metadata
    frame_key = json.loads(body)["best_frame"]["key"]
    frame = cloud.stored(frame_key).body()
    cloud.bucket.delete(RESULT)
    cloud.bucket.delete(frame_key)
    cloud.sandbox.clock.advance(3 * 3600)  # the frame's URL has expired by then

    def publish_with_frame() -> None:
        cloud.bucket.put(frame_key, frame)
        cloud.bucket.put(RESULT, body, metadata=metadata, content_type="application/json")
        cloud.on("HEAD", frame_key, Reply(503), times=99)

    cloud.on("PUT", "result.json", publish_with_frame)

    with pytest.raises(PairsNotFinishedError):
        cloud.instance().walk("anna")
    cloud.sandbox.hooks.clear()
    frameless = cloud.result("anna")
    assert frameless is not None and frameless["best_frame"]["key"] is None

    cloud.instance().walk("anna")

    restored = cloud.result("anna")
    assert restored is not None and restored["best_frame"]["key"] == frame_key


def put_large_image(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    cloud.put("anna", "reference.jpg", JPEG + b"x" * (2 * 1024 * 1024))


def test_a_lowered_size_limit_does_not_overrule_a_concurrent_answer(cloud: Cloud) -> None:
    """During a deployment, instances with the old and the new settings run at the same time."""
    put_large_image(cloud)
    old, new = cloud.instance(), cloud.instance(MAX_IMAGE_MB="2")

    with paused(cloud, new, "HEAD", "result.json"):
        assert old.walk("anna")["status"] == "passed"

    result = cloud.result("anna")
    assert result is not None and result["status"] == "passed"


def test_a_lowered_size_limit_does_not_overrule_an_unpublished_answer(cloud: Cloud) -> None:
    put_large_image(cloud)
    cloud.on("PUT", "result.json", Reply(503), times=99)
    with pytest.raises(PairsNotFinishedError):
        cloud.instance().walk("anna")
    cloud.sandbox.hooks.clear()

    assert cloud.instance(MAX_IMAGE_MB="2").walk("anna")["status"] == "passed"
    assert cloud.calls == 1


def test_a_raised_size_limit_admits_a_pair_rejected_earlier(cloud: Cloud) -> None:
    put_large_image(cloud)

    assert cloud.instance(MAX_IMAGE_MB="2").walk("anna")["status"] == "invalid"
    assert cloud.instance().walk("anna")["status"] == "passed"


def test_a_stored_frame_is_found_where_etags_are_not_md5s(cloud: Cloud) -> None:
    results = "results-1250000000"
    cloud.sandbox.create_bucket(results, encryption="cos/kms")
    cloud.put_pair("anna")
    cloud.instance(RESULT_BUCKET=results).walk("anna")
    first = json.loads(cloud.stored(RESULT, results).body())["best_frame"]
    cloud.sandbox.bucket(results).delete(RESULT)
    cloud.sandbox.clock.advance(3 * 3600)

    assert cloud.instance(RESULT_BUCKET=results).walk("anna")["status"] == "passed"

    second = json.loads(cloud.stored(RESULT, results).body())["best_frame"]
    assert first["key"] is not None
    assert second == first


@pytest.mark.parametrize(
    "pair_id",
    [
        "a/../b",
        "../../ledger/claims/x",
        "./a",
        "a\nb",
        "a\r\nX-Evil: 1",
        "a\x00b",
        "a\\b",
        "a\"b'c",
        "%2e%2e/b",
        "a%2Fb",
        "é",
        "\u2028",
        "\ufeffa",
        "a;b&c",
        "<x>&amp;",
        "/a",
        "a/",
        " a",
        "a ",
        "result.json",
        "b/best-frame-" + "0" * 32 + ".jpg",
        "a/live.bin",
    ],
)
def test_a_pair_id_never_reaches_a_neighboring_pair(cloud: Cloud, pair_id: str) -> None:
    for neighbor in ("a", "b", "e\u0301"):
        cloud.put_pair(neighbor, f"package of {neighbor}".encode())
    for name, body in (("live.bin", PACKAGE), ("reference.jpg", JPEG)):
        cloud.client.put_object(BUCKET, body, f"liveness/incoming/{pair_id}/{name}")
    before = set(cloud.bucket.keys())
    function = cloud.instance()
    event = cloud.sandbox.trigger_event(BUCKET, f"liveness/incoming/{pair_id}/live.bin")

    summary = function(event)

    assert summary["pairs"] == [{"pair_id": pair_id, "state": "published", "status": "passed"}]
    result = cloud.result(pair_id)
    assert result is not None and result["pair_id"] == pair_id
    ledger = ("claims", "submissions", "packages")
    prefixes = (
        f"liveness/results/{pair_id}/",
        f"liveness/frames/{pair_id}/",
        *(f"liveness/ledger/{folder}/" for folder in ledger),
    )
    assert all(key.startswith(prefixes) for key in set(cloud.bucket.keys()) - before)
    assert all(line.count("\n") == 1 for line in function.lines)
    assert cloud.calls == 1


# ---- hashing


HASHING: dict[str, Callable[[CosStore, str, str], Digests]] = {
    "digest": lambda store, key, etag: store.digest(BUCKET, key, etag),
    "upload_to_url": lambda store, key, etag: store.upload_to_url(
        BUCKET, key, etag, f"http://{BUCKET}.cos.ap-singapore.myqcloud.com/elsewhere"
    ),
}


@pytest.mark.parametrize("verb", HASHING)
@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(302, b"", {"Location": "http://x/"}), StoreUnavailableError),
        (
            Reply(
                200,
                b"other content",
                {"ETag": f'"{"1" * 32}"', "Last-Modified": "Sat, 22 Nov 2025 12:00:00 GMT"},
            ),
            ObjectChangedError,
        ),
    ],
    ids=["redirect", "other-etag"],
)
def test_only_the_inspected_content_is_hashed(
    cloud: Cloud, verb: str, reply: Reply, error: type[Exception]
) -> None:
    environ = cloud.instance().environ
    cloud.on("GET", "live.bin", reply)
    cloud.on("PUT", "elsewhere", Reply(200))

    with closing(Connections()) as connections:
        store = CosStore(read_settings(environ), read_credentials(environ), connections)
        with pytest.raises(error):
            HASHING[verb](store, "liveness/incoming/anna/live.bin", "0" * 32)
