"""Hooks: they replace replies, reset connections, delay and pause requests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from qcloud_cos import CosS3Client
from qcloud_cos.cos_exception import CosClientError, CosServiceError
from tencentcloud.common.exception import TencentCloudSDKException

from liveness_sandbox import Bucket, Delay, Drop, Pause, Reply, RequestRecord, Sandbox

from .clients import BUCKET, Pair, cos_client, wait_until

Action = Reply | Drop | Delay | Pause


def on(method: str, phase: str, action: Action) -> Callable[[RequestRecord, str], Action | None]:
    return lambda request, now: action if (request.method, now) == (method, phase) else None


def test_a_request_dropped_before_has_no_effect(
    sandbox: Sandbox, cos: CosS3Client, bucket: Bucket
) -> None:
    sandbox.hooks.append(on("PUT", "before", Drop()))
    with pytest.raises(CosClientError, match=r"(?i)reset|aborted"):
        cos.put_object(BUCKET, b"body", "a")
    assert bucket.keys() == []
    assert sandbox.requests[-1].status is None


def test_a_request_dropped_after_loses_only_its_reply(
    sandbox: Sandbox, cos: CosS3Client, bucket: Bucket
) -> None:
    sandbox.hooks.append(on("PUT", "after", Drop()))
    with pytest.raises(CosClientError, match=r"(?i)reset|aborted"):
        cos.put_object(BUCKET, b"body", "a")
    assert bucket.keys() == ["a"]


def test_a_retry_of_the_sdk_finds_its_own_object(sandbox: Sandbox, bucket: Bucket) -> None:
    """If the reply to a create-only PUT is lost, the retry gets 409 for the client's own object."""
    lost = iter([Drop()])
    sandbox.hooks.append(lambda request, phase: next(lost, None) if phase == "after" else None)
    client = cos_client(sandbox)
    client._retry = 1

    with pytest.raises(CosServiceError, match="FileAlreadyExists"):
        client.put_object(BUCKET, b"mine", "a", Metadata={"x-cos-forbid-overwrite": "true"})
    stored = bucket.get("a")
    assert stored is not None and stored.body() == b"mine"


def test_a_hook_can_reply_before_or_after_the_effect(
    sandbox: Sandbox, cos: CosS3Client, bucket: Bucket
) -> None:
    sandbox.hooks[:] = [on("PUT", "before", Reply(503))]
    with pytest.raises(CosServiceError) as before:
        cos.put_object(BUCKET, b"body", "a")
    assert before.value.get_status_code() == 503 and bucket.keys() == []

    sandbox.hooks[:] = [on("PUT", "after", Reply(500, b"<Error/>", {"x-cos-request-id": "r"}))]

    with pytest.raises(CosServiceError) as after:
        cos.put_object(BUCKET, b"body", "a")
    assert after.value.get_status_code() == 500 and bucket.keys() == ["a"]
    assert [request.status for request in sandbox.requests] == [503, 500]


def test_a_hook_can_delay_a_request(sandbox: Sandbox, cos: CosS3Client) -> None:
    sandbox.hooks.append(on("PUT", "before", Delay(0.15)))
    started = time.monotonic()

    cos.put_object(BUCKET, b"", "a")

    assert time.monotonic() - started >= 0.15


def test_pauses_let_a_test_control_the_order(sandbox: Sandbox, bucket: Bucket) -> None:
    """Of two create-only PUTs the first one is paused, so the second one wins."""
    gate, arrived = threading.Event(), threading.Event()

    def pause_first(request: RequestRecord, phase: str) -> Pause | None:
        if phase == "before" and request.headers.get("x-cos-meta-who") == "first":
            arrived.set()
            return Pause(gate)
        return None

    def create(who: str) -> int:
        try:
            headers = {"x-cos-forbid-overwrite": "true", "x-cos-meta-who": who}
            cos_client(sandbox).put_object(BUCKET, who.encode(), "claim", Metadata=headers)
            return 200
        except CosServiceError as error:
            return int(error.get_status_code())

    sandbox.hooks.append(pause_first)

    with ThreadPoolExecutor() as threads:
        first = threads.submit(create, "first")
        assert arrived.wait(10)
        assert create("second") == 200
        gate.set()
        assert first.result(10) == 409
    stored = bucket.get("claim")
    assert stored is not None and stored.body() == b"second"


def test_one_of_many_simultaneous_creates_wins(sandbox: Sandbox) -> None:
    gate = threading.Event()
    sandbox.hooks.append(on("PUT", "before", Pause(gate)))
    clients = [cos_client(sandbox) for _ in range(40)]

    def create(client: CosS3Client) -> int:
        try:
            client.put_object(BUCKET, b"", "claim", Metadata={"x-cos-forbid-overwrite": "true"})
            return 200
        except CosServiceError as error:
            return int(error.get_status_code())

    with ThreadPoolExecutor(len(clients)) as threads:
        codes = threads.map(create, clients)
        wait_until(lambda: len(sandbox.requests) == len(clients))
        gate.set()
        assert sorted(codes) == [200] + [409] * 39


def test_a_hook_can_change_the_store(sandbox: Sandbox, cos: CosS3Client, bucket: Bucket) -> None:
    bucket.put("a", b"old")

    def swap(request: RequestRecord, phase: str) -> None:
        if request.method == "HEAD" and phase == "after":
            bucket.put("a", b"new")

    sandbox.hooks.append(swap)
    old = cos.head_object(BUCKET, "a")["ETag"]

    with pytest.raises(CosServiceError, match="PreconditionFailed"):
        cos.get_object(BUCKET, "a", IfMatch=old)


def test_hooks_reach_the_face_api(sandbox: Sandbox, pair: Callable[..., Pair]) -> None:
    judged = pair()
    sandbox.hooks.append(
        lambda request, phase: Drop() if request.service == "faceid" and phase == "after" else None
    )

    with pytest.raises(TencentCloudSDKException, match="ClientNetworkError"):
        judged.judge()
    assert len(sandbox.faceid.billed) == 1
    assert sandbox.requests[0].action == "DetectReflectLivenessAndCompare"


def test_latency_does_not_block_other_clients(sandbox: Sandbox) -> None:
    sandbox.cos_latency_seconds = 0.2
    clients = [cos_client(sandbox) for _ in range(10)]
    started = time.monotonic()

    with ThreadPoolExecutor(10) as threads:
        list(threads.map(lambda client: client.put_object(BUCKET, b"", "a"), clients))

    assert 0.2 <= time.monotonic() - started < 1.5


def test_leaving_the_sandbox_ends_paused_requests() -> None:
    with ThreadPoolExecutor(1) as threads:
        with Sandbox() as sandbox:
            sandbox.create_bucket(BUCKET)
            sandbox.hooks.append(on("PUT", "before", Pause(threading.Event())))
            put = threads.submit(cos_client(sandbox).put_object, BUCKET, b"", "a")
            wait_until(lambda: sandbox.requests)
        with pytest.raises(CosClientError):
            put.result(10)
