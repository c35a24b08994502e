"""Digits that are no ASCII digits, and far too many of them: refused, never a traceback."""

from __future__ import annotations

import pytest
import requests
from qcloud_cos import CosS3Client

from liveness_sandbox import Bucket, Sandbox
from liveness_sandbox.cos.signature import presigned_query

from .clients import BUCKET

ODD = {"superscript": "²", "Arabic": "٣", "long": "9" * 5000}
LIFECYCLE = (
    "<LifecycleConfiguration><Rule><ID>a</ID><Status>Enabled</Status><Filter/>"
    "<Expiration><Days>{}</Days></Expiration></Rule></LifecycleConfiguration>"
)
CORS = (
    "<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET"
    "</AllowedMethod><MaxAgeSeconds>{}</MaxAgeSeconds></CORSRule></CORSConfiguration>"
)
RESTORE = "<RestoreRequest><Days>{}</Days></RestoreRequest>"
PART = "<CompleteMultipartUpload><Part><PartNumber>{}</PartNumber></Part></CompleteMultipartUpload>"


@pytest.fixture(params=list(ODD.values()), ids=list(ODD))
def odd(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_in_a_request(cos: CosS3Client, http: requests.Session, bucket: Bucket, odd: str) -> None:
    cos.put_object(BUCKET, b"body", "archived", StorageClass="ARCHIVE")
    upload = {"uploadId": cos.create_multipart_upload(BUCKET, "b")["UploadId"]}
    requested = [
        ("GET", "/", {"max-keys": odd}, ""),
        ("GET", "/", {"uploads": "", "max-uploads": odd}, ""),
        ("GET", "b", {**upload, "max-parts": odd}, ""),
        ("GET", "b", {**upload, "part-number-marker": odd}, ""),
        ("PUT", "b", {**upload, "partNumber": odd}, ""),
        ("POST", "c", {"append": "", "position": odd}, ""),
        ("POST", "archived", {"restore": ""}, RESTORE.format(odd)),
        ("POST", "b", upload, PART.format(odd)),
        ("PUT", "/", {"lifecycle": ""}, LIFECYCLE.format(odd)),
        ("PUT", "/", {"cors": ""}, CORS.format(odd)),
    ]

    for method, key, parameters, body in requested:
        link = cos.get_presigned_url(BUCKET, key, method, Params=parameters)
        reply = http.request(method, link, data=body.encode())
        assert 400 <= reply.status_code < 500, (method, parameters)
        assert "<Code>" in reply.text


@pytest.mark.parametrize("name", ["q-sign-time", "q-key-time"])
def test_in_a_signature(sandbox: Sandbox, http: requests.Session, odd: str, name: str) -> None:
    host = f"{BUCKET}.cos.ap-singapore.myqcloud.com"
    signed = presigned_query(sandbox.credentials, "GET", host, "/a", lifetime_seconds=60)

    reply = http.get(f"http://{host}/a", params={**signed, name: f"{odd};{odd}"})

    assert (reply.status_code, "<Code>AccessDenied</Code>" in reply.text) == (403, True)


@pytest.mark.parametrize("header", ["bytes={}-", "bytes=-{}", "bytes=0-{}"])
def test_in_a_range_it_is_no_range(
    cos: CosS3Client, http: requests.Session, bucket: Bucket, odd: str, header: str
) -> None:
    bucket.put("a", b"body")
    link = cos.get_presigned_url(BUCKET, "a", "GET")

    reply = http.get(link, headers={"Range": header.format(odd).encode()})

    assert (reply.status_code, reply.content) == (200, b"body")
