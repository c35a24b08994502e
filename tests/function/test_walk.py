"""The walk of one pair against the sandbox: what a customer sees."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from tests.conftest import BUCKET, JPEG, PACKAGE, Cloud


def test_a_live_person_who_is_the_same_passes(cloud: Cloud) -> None:
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
def test_one_input_alone_waits_and_writes_nothing(cloud: Cloud, missing: str) -> None:
    cloud.put_pair("anna")
    cloud.bucket.delete(f"liveness/incoming/anna/{missing}")

    assert cloud.instance().walk("anna")["state"] == "waiting"

    assert cloud.bucket.keys("liveness/results/") == cloud.bucket.keys("liveness/ledger/") == []
    assert cloud.calls == 0


def test_duplicates_pay_once_and_write_nothing(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    function = cloud.instance()
    function.walk("anna")
    before = cloud.bucket.keys()
    asked = len(cloud.requests_of(function))

    for _ in range(3):
        assert function.walk("anna") == {"pair_id": "anna", "state": "done", "status": "passed"}

    assert cloud.bucket.keys() == before
    assert {request.method for request in cloud.requests_of(function)[asked:]} == {"HEAD"}
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
        channel = "result"  # Success is no error
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


def test_flat_layout_needs_only_settings(cloud: Cloud) -> None:
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
def test_inputs_whose_etag_is_no_md5_are_hashed(
    cloud: Cloud, put: Callable[[Cloud, str], None], transfer: str
) -> None:
    cloud.put_pair("anna")
    put(cloud, "liveness/incoming/anna/live.bin")

    assert cloud.instance(TRANSFER=transfer).walk("anna")["status"] == "passed"

    result = cloud.result("anna")
    assert result is not None
    live = result["inputs"][0]
    assert live["md5"] == hashlib.md5(PACKAGE).hexdigest() != live["etag"]


def test_by_upload_url_nobody_needs_to_read_the_bucket(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    function = cloud.instance(TRANSFER="upload")

    assert function.walk("anna")["status"] == "passed"

    by_url = [r for r in cloud.sandbox.requests if r.auth == "query" and r.service == "cos"]
    assert all((request.key or "").startswith("liveness/") is False for request in by_url)
    assert [r.action for r in cloud.sandbox.requests if r.service == "faceid"].count(
        "CreateUploadUrl"
    ) == 2


def test_presigned_urls_outlive_the_call_but_not_by_much(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    cloud.instance().walk("anna")
    downloads = [
        request
        for request in cloud.sandbox.requests
        if request.auth == "query" and (request.key or "").startswith("liveness/incoming/")
    ]
    assert len(downloads) == 2
    for request in downloads:
        began, ends = map(int, request.query["q-key-time"].split(";"))
        assert 25 <= ends - began - 60 <= 60  # the SDK dates them back by a minute
        assert request.query["x-cos-security-token"]


def test_published_results_are_the_same_bytes_order_every_time(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    cloud.instance().walk("anna")
    result = cloud.result("anna")
    assert result is not None
    assert list(result)[:4] == ["schema", "pair_id", "fingerprint", "status"]
    text = cloud.bucket.get("liveness/results/anna/result.json").body().decode()
    assert "活" in text or "核" in text  # the Chinese hint stands as UTF-8, not escaped
