"""Rare misfortunes, one a test: none may cost money twice, a verdict, or a secret."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from liveness.cos import CosStore, new_session
from liveness.credentials import read_credentials
from liveness.errors import LivenessError, ObjectChanged, PairsNotFinished, StoreUnavailable
from liveness.settings import read_settings
from liveness_sandbox import Drop, Hold, Reply, StoredObject
from tests.conftest import BUCKET, CONTEXT, JPEG, PACKAGE, Cloud, Instance

DETECT = "DetectReflectLivenessAndCompare"
FRAMES = "faceid-resource"  # how the host of upload URLs and best frames begins
RESULT = "liveness/results/anna/result.json"
LINK = (
    "http://faces-1250000000.cos.ap-singapore.myqcloud.com/liveness/incoming/anna/reference.jpg"
    "?q-sign-algorithm=sha1&q-signature=deadbeef&x-cos-security-token=token"
)
# COS refuses a PUT because another one to the same key is under way.
CONFLICT = Reply(
    409,
    b"<Error><Code>OperationAborted</Code><Message>m</Message></Error>",
    {"Content-Type": "application/xml"},
)


def api_reply(response: dict[str, Any]) -> Reply:
    body = json.dumps({"Response": response}).encode()
    return Reply(200, body, {"Content-Type": "application/json"})


def stored(cloud: Cloud, key: str, bucket: str = BUCKET) -> StoredObject:
    found = cloud.sandbox.bucket(bucket).get(key)
    assert found is not None
    return found


def end_leases(cloud: Cloud) -> None:
    """Let so much time pass that every call begun so far is over, too."""
    for key in cloud.bucket.keys("liveness/ledger/claims/"):
        if key.endswith(".claim"):
            cloud.bucket.backdate(key, 120)


def at_host(cloud: Cloud, method: str, host: str, do: Reply | Hold) -> None:
    """Answer every request to a host that begins so."""

    def hook(request: Any, phase: str) -> Reply | Hold | None:
        hit = phase == "before" and request.method == method and request.host.startswith(host)
        return do if hit else None

    cloud.sandbox.hooks.append(hook)


@contextmanager
def paused(
    cloud: Cloud, function: Instance, method: str, name: str, service: str = "cos"
) -> Iterator[None]:
    """Walk anna, but hold back the reply to one request while the block runs."""
    asked, go_on = threading.Event(), threading.Event()

    def hold() -> Hold:
        asked.set()
        return Hold(go_on)

    cloud.on(method, name, hold, phase="after", service=service)
    walker = threading.Thread(target=function.walk, args=("anna",))
    walker.start()
    try:
        assert asked.wait(10)
        yield
    finally:
        go_on.set()
        walker.join()


def foreign_requests(cloud: Cloud) -> list[Any]:
    return [request for request in cloud.sandbox.requests if request.service == "unknown"]


# ---- what was paid for


def test_an_answer_that_comes_after_giving_up_and_a_grant_takes_the_grants_place(
    cloud: Cloud,
) -> None:
    cloud.put_pair("anna")
    slow, other = cloud.instance(MAX_ATTEMPTS="1"), cloud.instance(MAX_ATTEMPTS="1")
    throttled = api_reply({"Error": {"Code": "RequestLimitExceeded", "Message": ""}})

    with paused(cloud, slow, "POST", DETECT, service="faceid"):
        end_leases(cloud)
        assert other.walk("anna")["status"] == "failed"
        cloud.on("POST", DETECT, throttled, service="faceid")
        assert other({"retry": ["anna"]})["pairs"][0]["state"] == "parked"

    assert other.walk("anna") == {"pair_id": "anna", "state": "done", "status": "passed"}
    assert cloud.billed == 1


def test_a_late_answer_is_kept_even_if_its_frame_cannot_be_put(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    slow, other = cloud.instance(MAX_ATTEMPTS="1"), cloud.instance(MAX_ATTEMPTS="1")
    cloud.on("PUT", ".jpg", Reply(503), times=99)

    with paused(cloud, slow, "POST", DETECT, service="faceid"):
        end_leases(cloud)
        assert other.walk("anna")["status"] == "failed"

    assert cloud.ledger("late-1") == ["late-1"]


def cannot_prepare(cloud: Cloud, function: Instance, why: str) -> None:
    """Three times, which is more than the attempts allowed; then nothing keeps it from passing."""
    for _ in range(3):
        with pytest.raises(PairsNotFinished, match=why):
            function.walk("anna")
        end_leases(cloud)
    cloud.sandbox.hooks.clear()

    assert function.walk("anna")["status"] == "passed"

    result = cloud.result("anna")
    assert result is not None
    assert (result["attempts"], result["possibly_billed_calls"]) == (4, 1)


def test_an_upload_host_that_is_down_uses_no_attempts_up(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    function = cloud.instance(TRANSFER="upload", MAX_ATTEMPTS="2")
    at_host(cloud, "PUT", FRAMES, Reply(503))

    cannot_prepare(cloud, function, "upload of")


def test_a_role_that_may_not_read_uses_no_attempts_up(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    key = "liveness/incoming/anna/live.bin"
    cloud.client.put_object(BUCKET, PACKAGE, key, ServerSideEncryption="cos/kms")
    function = cloud.instance(MAX_ATTEMPTS="2")
    cloud.on("GET", "live.bin", Reply(403), times=99)

    cannot_prepare(cloud, function, "execution role")


def test_a_retry_event_that_is_delivered_again_grants_nothing_more(cloud: Cloud) -> None:
    # The platform delivers it again because bert cannot be finished; anna fails every time.
    for name in ("anna", "bert"):
        cloud.put_pair(name, {"response": {"Sim": None}})
    function = cloud.instance()
    function.walk("anna", "bert")
    end_leases(cloud)
    cloud.on("HEAD", "bert/live.bin", Reply(503), times=99)
    for _ in range(3):
        with pytest.raises(PairsNotFinished):
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

    def forget() -> None:
        for key in cloud.ledger_keys("1.claim"):
            cloud.bucket.delete(key)

    cloud.on("PUT", "1.claim", CONFLICT)
    cloud.on("PUT", "1.claim", forget, times=9)

    with pytest.raises(PairsNotFinished, match="x-cos-forbid-overwrite"):
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
def test_an_error_that_lacks_a_field_is_still_that_error(
    cloud: Cloud, response: dict[str, Any]
) -> None:
    cloud.put_pair("anna")
    cloud.on("POST", DETECT, api_reply(response), service="faceid")
    function = cloud.instance()
    assert function.walk("anna")["state"] == "parked"
    assert cloud.ledger(".released") == ["1.released"]
    assert not function.logged("pair.call-unanswered")


# ---- where requests and secrets go


@pytest.mark.parametrize("status", [302, 307, 308])
def test_the_paid_call_follows_no_redirect_elsewhere(cloud: Cloud, status: int) -> None:
    cloud.put_pair("anna")
    away = Reply(status, b"", {"Location": "http://evil.example/collect"})
    cloud.on("POST", DETECT, away, service="faceid", times=99)
    assert cloud.instance().walk("anna")["state"] == "parked"
    assert foreign_requests(cloud) == []


def test_a_redirect_to_the_service_itself_is_no_second_call_unseen(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    again = Reply(307, b"", {"Location": "http://faceid.intl.tencentcloudapi.com/"})
    cloud.on("POST", DETECT, again, phase="after", service="faceid")

    assert cloud.instance().walk("anna")["status"] == "passed"

    result = cloud.result("anna")
    assert result is not None
    assert cloud.billed == result["possibly_billed_calls"] == 2


@pytest.mark.parametrize("url", ["http://evil.example/steal", "http://169.254.169.254/x"])
def test_uploads_go_to_cos_hosts_only(cloud: Cloud, url: str) -> None:
    cloud.put_pair("anna")
    target = api_reply({"UploadUrl": url, "ResourceUrl": "http://a/b", "RequestId": "r"})
    cloud.on("POST", "CreateUploadUrl", target, service="faceid", times=99)
    assert cloud.instance(TRANSFER="upload").walk("anna")["state"] == "parked"
    assert foreign_requests(cloud) == []
    assert cloud.calls == 0


@pytest.mark.parametrize("channel", ["result", "error"])
@pytest.mark.parametrize("field", ["code", "description"])
def test_a_link_that_the_service_quotes_is_neither_published_nor_logged(
    cloud: Cloud, field: str, channel: str
) -> None:
    answer = {"code": "FailedOperation.ImageDecodeFailed", "channel": channel}
    cloud.put_pair("anna", answer | {field: f"FailedOperation.X cannot decode {LINK}"})
    function = cloud.instance()
    function.walk("anna")
    said = stored(cloud, RESULT).body().decode() + "".join(function.lines)
    assert "cannot decode" in said
    assert "q-signature" not in said and "security-token" not in said


def test_what_is_raised_carries_no_other_exception(cloud: Cloud) -> None:
    # The platform prints the whole chain, and a library's exception quotes signed URLs.
    cloud.put_pair("anna")
    function = cloud.instance()
    cloud.on("PUT", "1.claim", Drop(), times=99)
    events = [{"pairs": ["anna"]}, {"x": 1}, {"Type": "Timer", "Message": "?"}, {"Records": 3}]
    for event in events:
        with pytest.raises(LivenessError) as raised:
            function(event)
        assert raised.value.__context__ is None and raised.value.__cause__ is None


# ---- what is published


def test_a_frame_host_that_hangs_does_not_keep_the_verdict_back(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("liveness.frames.FETCH_SECONDS", 0.2)
    cloud.put_pair("anna")
    over = threading.Event()
    at_host(cloud, "GET", FRAMES, Hold(over))
    began = time.monotonic()
    try:
        assert cloud.instance().walk("anna")["status"] == "passed"
    finally:
        over.set()
    assert time.monotonic() - began < 5
    result = cloud.result("anna")
    assert result is not None
    assert result["best_frame"]["missing_because"] == "it could not be downloaded"


def test_a_crash_before_a_poorer_result_is_mended_leaves_it_to_the_next_walk(
    cloud: Cloud,
) -> None:
    cloud.put_pair("anna")
    cloud.instance().walk("anna")
    rich = stored(cloud, RESULT)
    body, metadata = rich.body(), rich.metadata
    frame_key = json.loads(body)["best_frame"]["key"]
    frame = stored(cloud, frame_key).body()
    cloud.bucket.delete(RESULT)
    cloud.bucket.delete(frame_key)
    cloud.sandbox.clock.advance(3 * 3600)  # the frame's URL is gone by then

    def luckier() -> None:
        cloud.bucket.put(frame_key, frame)
        cloud.bucket.put(RESULT, body, metadata=metadata, content_type="application/json")
        cloud.on("HEAD", frame_key, Reply(503), times=99)

    cloud.on("PUT", "result.json", luckier)
    with pytest.raises(PairsNotFinished):
        cloud.instance().walk("anna")
    cloud.sandbox.hooks.clear()
    poorer = cloud.result("anna")
    assert poorer is not None and poorer["best_frame"]["key"] is None

    cloud.instance().walk("anna")

    mended = cloud.result("anna")
    assert mended is not None and mended["best_frame"]["key"] == frame_key


def put_large_image(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    cloud.put("anna", "reference.jpg", JPEG + b"x" * (2 * 1024 * 1024))


def test_a_lowered_limit_does_not_overrule_an_answer_that_comes_meanwhile(cloud: Cloud) -> None:
    # While a deployment rolls out, instances of two settings run side by side.
    put_large_image(cloud)
    old, new = cloud.instance(), cloud.instance(MAX_IMAGE_MB="2")
    with paused(cloud, new, "HEAD", "result.json"):
        assert old.walk("anna")["status"] == "passed"
    result = cloud.result("anna")
    assert result is not None and result["status"] == "passed"


def test_a_lowered_limit_does_not_overrule_an_answer_not_yet_published(cloud: Cloud) -> None:
    put_large_image(cloud)
    cloud.on("PUT", "result.json", Reply(503), times=99)
    with pytest.raises(PairsNotFinished):
        cloud.instance().walk("anna")
    cloud.sandbox.hooks.clear()

    assert cloud.instance(MAX_IMAGE_MB="2").walk("anna")["status"] == "passed"
    assert cloud.calls == 1


def test_a_raised_limit_reaches_what_was_refused_for_its_size(cloud: Cloud) -> None:
    put_large_image(cloud)
    assert cloud.instance(MAX_IMAGE_MB="2").walk("anna")["status"] == "invalid"
    assert cloud.instance().walk("anna")["status"] == "passed"


def test_a_copied_frame_is_found_again_where_etags_are_no_md5(cloud: Cloud) -> None:
    results = "results-1250000000"
    cloud.sandbox.create_bucket(results, encryption="cos/kms")
    cloud.put_pair("anna")
    cloud.instance(RESULT_BUCKET=results).walk("anna")
    first = json.loads(stored(cloud, RESULT, results).body())["best_frame"]
    cloud.sandbox.bucket(results).delete(RESULT)
    cloud.sandbox.clock.advance(3 * 3600)

    assert cloud.instance(RESULT_BUCKET=results).walk("anna")["status"] == "passed"

    second = json.loads(stored(cloud, RESULT, results).body())["best_frame"]
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
def test_a_pair_id_means_itself_and_no_neighbour(cloud: Cloud, pair_id: str) -> None:
    for neighbour in ("a", "b", "e\u0301"):
        cloud.put_pair(neighbour, f"package of {neighbour}".encode())
    for name, body in (("live.bin", PACKAGE), ("reference.jpg", JPEG)):
        cloud.client.put_object(BUCKET, body, f"liveness/incoming/{pair_id}/{name}")
    before = set(cloud.bucket.keys())
    function = cloud.instance()

    event = cloud.sandbox.event_for(BUCKET, f"liveness/incoming/{pair_id}/live.bin")
    summary = function(event)

    assert summary["pairs"] == [{"pair_id": pair_id, "state": "published", "status": "passed"}]
    result = cloud.result(pair_id)
    assert result is not None and result["pair_id"] == pair_id
    own = (f"liveness/results/{pair_id}/", "liveness/ledger/claims/")
    assert all(key.startswith(own) for key in set(cloud.bucket.keys()) - before)
    assert all(line.count("\n") == 1 for line in function.lines)
    assert cloud.calls == 1


# ---- the store


HASHING: dict[str, Callable[[CosStore, str, str], str]] = {
    "md5": lambda store, key, etag: store.md5(BUCKET, key, etag),
    "send": lambda store, key, etag: store.send(
        BUCKET, key, etag, f"http://{BUCKET}.cos.ap-singapore.myqcloud.com/elsewhere"
    ),
}


@pytest.mark.parametrize("verb", HASHING)
@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(302, b"", {"Location": "http://x/"}), StoreUnavailable),
        (
            Reply(
                200,
                b"other content",
                {"ETag": f'"{"1" * 32}"', "Last-Modified": "Sat, 22 Nov 2025 12:00:00 GMT"},
            ),
            ObjectChanged,
        ),
    ],
    ids=["redirect", "other-etag"],
)
def test_only_the_content_that_was_looked_at_is_hashed(
    cloud: Cloud, verb: str, reply: Reply, error: type[Exception]
) -> None:
    environ = cloud.instance().environ
    cloud.on("GET", "live.bin", reply)
    cloud.on("PUT", "elsewhere", Reply(200))
    with new_session() as session:
        store = CosStore(read_settings(environ), read_credentials(environ), session)
        with pytest.raises(error):
            HASHING[verb](store, "liveness/incoming/anna/live.bin", "0" * 32)
