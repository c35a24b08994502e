"""The walk of one pair against the sandbox, as the customer sees it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import BUCKET, JPEG, PACKAGE, Cloud


def test_a_live_person_who_matches_the_photo_passes(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    function = cloud.instance()

    assert function.walk("anna") == {"pair_id": "anna", "state": "published", "status": "passed"}

    result = cloud.result("anna")
    assert result is not None
    assert result["similarity"] == 96.3
    assert result["threshold"] == 70
    assert result["api"]["result"] == "Success"
    assert result["function"] == {
        "name": "liveness",
        "version": "$LATEST",
        "request_id": "invocation-1",
    }
    live, image = result["inputs"]
    assert live["md5"] == hashlib.md5(PACKAGE).hexdigest()
    assert image["md5"] == hashlib.md5(JPEG).hexdigest()
    assert (result["attempts"], result["possibly_billed_calls"]) == (1, 1)
    assert result["best_frame"]["key"] is not None
    assert cloud.billed == 1


@pytest.mark.parametrize("missing", ["live.bin", "reference.jpg"])
def test_a_single_input_waits_and_writes_nothing(cloud: Cloud, missing: str) -> None:
    cloud.put_pair("anna")
    cloud.bucket.delete(f"liveness/incoming/anna/{missing}")

    assert cloud.instance().walk("anna")["state"] == "waiting"

    for prefix in ("results", "frames", "ledger"):
        assert cloud.bucket.keys(f"liveness/{prefix}/") == []
    assert cloud.calls == 0


def test_duplicates_pay_once_and_write_nothing(cloud: Cloud) -> None:
    """Events are delivered at least once, so processing is idempotent."""
    cloud.put_pair("anna")
    function = cloud.instance()
    function.walk("anna")
    before = cloud.bucket.keys()
    request_count = len(cloud.requests_of(function))

    for _ in range(3):
        assert function.walk("anna") == {"pair_id": "anna", "state": "done", "status": "passed"}

    assert cloud.bucket.keys() == before
    assert {request.method for request in cloud.requests_of(function)[request_count:]} == {"HEAD"}
    assert cloud.calls == 1


def test_new_content_under_the_same_pair_id_is_new_work(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    function = cloud.instance()
    function.walk("anna")
    first = cloud.result("anna")
    cloud.put_pair("anna", {"code": "FailedOperation.LivessDetectFake"})

    function.walk("anna")

    second = cloud.result("anna")
    assert first is not None and second is not None
    assert (first["status"], second["status"]) == ("passed", "rejected")
    assert first["fingerprint"] != second["fingerprint"]
    assert cloud.calls == 2


@pytest.mark.parametrize(
    ("package", "status", "code"),
    [
        ({"sim": 70.0}, "passed", "Success"),
        ({"sim": 69.99}, "rejected", "SimilarityBelowThreshold"),
        ({"code": "FailedOperation.CompareLowSimilarity"}, "rejected", None),
        ({"code": "FailedOperation.LivessDetectFail"}, "rejected", None),
        ({"code": "FailedOperation.LivessUnknownError"}, "rejected", None),
        ({"code": "FailedOperation.ActionLightDark"}, "retake", None),
        ({"code": "FailedOperation.SilentMultiFaceFail"}, "retake", None),
        ({"code": "FailedOperation.ImageDecodeFailed"}, "invalid", None),
        ({"code": "FailedOperation.InventedTomorrow"}, "failed", None),
    ],
)
@pytest.mark.parametrize("channel", ["result", "error"])
def test_the_same_code_gives_the_same_verdict_in_both_channels(
    cloud: Cloud, package: dict[str, object], status: str, code: str | None, channel: str
) -> None:
    if package.get("code") is None and channel == "error":
        channel = "result"  # Success is not an error
    cloud.put_pair("anna", {**package, "channel": channel})
    function = cloud.instance()

    assert function.walk("anna")["status"] == status

    result = cloud.result("anna")
    assert result is not None
    assert result["reason"]["code"] == (code or package.get("code", "Success"))
    assert result["api"]["channel"] == channel
    assert function.walk("anna")["state"] == "done"
    assert cloud.calls == 1


def test_the_threshold_is_a_setting(cloud: Cloud) -> None:
    cloud.put_pair("anna", {"sim": 79.9})

    cloud.instance(SIM_THRESHOLD="80").walk("anna")

    result = cloud.result("anna")
    assert result is not None
    assert (result["status"], result["threshold"]) == ("rejected", 80)


def test_a_flat_key_layout_needs_only_settings(cloud: Cloud) -> None:
    cloud.bucket.put("in/anna.live", PACKAGE)
    cloud.bucket.put("in/anna.png", JPEG)
    function = cloud.instance(
        INPUT_PREFIX="in/", LIVE_SUFFIXES=".live", IMAGE_SUFFIXES=".jpg,.jpeg,.png"
    )

    assert function.walk("anna")["status"] == "passed"


def _put_encrypted(cloud: Cloud, key: str) -> None:
    cloud.client.put_object(BUCKET, PACKAGE, key, ServerSideEncryption="cos/kms")


def _put_multipart(cloud: Cloud, key: str) -> None:
    upload = cloud.client.create_multipart_upload(BUCKET, key)["UploadId"]
    part = cloud.client.upload_part(BUCKET, key, PACKAGE, 1, upload)
    parts = {"Part": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    cloud.client.complete_multipart_upload(BUCKET, key, upload, parts)


@pytest.mark.parametrize("put", [_put_encrypted, _put_multipart])
@pytest.mark.parametrize("transfer", ["presign", "upload"])
def test_inputs_whose_etag_is_not_an_md5_are_hashed(
    cloud: Cloud, put: Callable[[Cloud, str], None], transfer: str
) -> None:
    cloud.put_pair("anna")
    put(cloud, "liveness/incoming/anna/live.bin")

    assert cloud.instance(TRANSFER=transfer).walk("anna")["status"] == "passed"

    result = cloud.result("anna")
    assert result is not None
    live = result["inputs"][0]
    assert live["md5"] == hashlib.md5(PACKAGE).hexdigest() != live["etag"]


def test_with_upload_urls_the_service_never_reads_the_bucket(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    function = cloud.instance(TRANSFER="upload")

    assert function.walk("anna")["status"] == "passed"

    by_url = [r for r in cloud.sandbox.requests if r.auth == "query" and r.service == "cos"]
    assert not any((request.key or "").startswith("liveness/") for request in by_url)
    assert [r.action for r in cloud.sandbox.requests if r.service == "faceid"].count(
        "CreateUploadUrl"
    ) == 2


def test_presigned_urls_barely_outlive_the_call(cloud: Cloud) -> None:
    cloud.put_pair("anna")

    cloud.instance().walk("anna")

    downloads = [
        request
        for request in cloud.sandbox.requests
        if request.auth == "query" and (request.key or "").startswith("liveness/incoming/")
    ]
    assert len(downloads) == 2
    for request in downloads:
        start, end = map(int, request.query["q-key-time"].split(";"))
        assert 25 <= end - start - 60 <= 80  # the SDK dates them back by a minute
        assert request.query["x-cos-security-token"]


def test_results_have_a_fixed_field_order_and_readable_chinese(cloud: Cloud) -> None:
    cloud.put_pair("anna")

    cloud.instance().walk("anna")

    result = cloud.result("anna")
    assert result is not None
    assert list(result)[:4] == ["schema", "pair_id", "fingerprint", "status"]
    text = cloud.stored("liveness/results/anna/result.json").body().decode()
    assert "活" in text or "核" in text  # the Chinese hint is UTF-8, not escaped


def test_a_package_with_a_plain_etag_is_never_read(cloud: Cloud) -> None:
    cloud.put_pair("anna", b"x" * (5 * 1024 * 1024))
    function = cloud.instance()

    function.walk("anna")

    reads = [
        request
        for request in cloud.requests_of(function)
        if request.method == "GET" and "/incoming/" in request.key
    ]
    assert reads == []


def longest_chain(requests: list[Any]) -> int:
    """Count the requests that followed one after another: round trips in sequence."""
    length, last_end = 0, 0.0
    for request in sorted(requests, key=lambda request: request.ended):
        if request.started >= last_end:
            length, last_end = length + 1, request.ended
    return length


@pytest.mark.parametrize("warm", [False, True])
def test_three_round_trips_before_the_call_and_three_after_it(cloud: Cloud, warm: bool) -> None:
    function = cloud.instance()
    if warm:
        cloud.put_pair("bert")
        function.walk("bert")
    request_count = len(cloud.sandbox.requests)
    cloud.put_pair("anna")
    cloud.sandbox.cos_latency_seconds = 0.4  # so that concurrent requests overlap

    function.walk("anna")

    requests = cloud.sandbox.requests[request_count:]
    (call,) = [request for request in requests if request.service == "faceid"]
    own_requests = [request for request in requests if request in cloud.requests_of(function)]
    (publication,) = [
        request
        for request in own_requests
        if request.method == "PUT" and request.key.endswith("result.json")
    ]
    assert call.ended is not None
    completed = [(request, request.ended) for request in own_requests if request.ended is not None]
    before = [request for request, end in completed if end <= call.started]
    after = [
        request for request, _ in completed if call.ended <= request.started <= publication.started
    ]
    assert (longest_chain(before), longest_chain(after)) == (3, 3)
