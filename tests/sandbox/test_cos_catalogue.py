"""Every operation of COS is served, or refused as not served: none is taken for another."""

from __future__ import annotations

import inspect
import re

import pytest
import qcloud_cos.cos_client
import requests
from qcloud_cos import CosS3Client
from qcloud_cos.cos_comm import maplist

from liveness_sandbox import Bucket, Sandbox
from liveness_sandbox.cos.catalogue import (
    BUCKET_OPERATIONS_NOT_SERVED,
    HEADERS_NOT_SERVED,
    OBJECT_OPERATIONS_NOT_SERVED,
    SUBRESOURCES,
)

from .clients import BUCKET

SERVED_OF_OBJECT = {
    *(("GET", name) for name in ("tagging", "uploadId", "acl")),
    *(("PUT", name) for name in ("tagging", "uploadId", "acl")),
    *(("POST", name) for name in ("append", "restore", "uploads", "uploadId")),
    *(("DELETE", name) for name in ("tagging", "uploadId")),
}
SERVED_OF_BUCKET = {
    *(("GET", name) for name in ("location", "versioning", "versions", "uploads")),
    *(("GET", name) for name in ("acl", "cors", "encryption", "lifecycle")),
    *(("PUT", name) for name in ("acl", "cors", "encryption", "lifecycle", "versioning")),
    *(("DELETE", name) for name in ("cors", "encryption", "lifecycle")),
    ("POST", "delete"),
}
# Parameters of the SDK's requests that belong to other hosts: of Cloud Infinite and of live video.
OTHER_HOSTS = {"comp", "domainname", "live", "style", "vod", "response-control"}
METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE")
UNKNOWN = ("foo", "versionid", "list-type", "torrent")


def url(cos: CosS3Client, method: str, key: str, name: str) -> str:
    return str(cos.get_presigned_url(BUCKET, key or "/", method, Params={name: ""}))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", sorted({*SUBRESOURCES, *UNKNOWN}))
def test_what_is_not_served_is_refused_and_changes_nothing(
    cos: CosS3Client, http: requests.Session, bucket: Bucket, method: str, name: str
) -> None:
    stored = bucket.put("a", b"body")
    for key, served in (("a", SERVED_OF_OBJECT), ("", SERVED_OF_BUCKET)):
        if (method, name) in served:
            continue
        reply = http.request(method, url(cos, method, key, name), data=b"other")
        assert (key, reply.status_code) == (key, 405)
        if method != "HEAD":
            assert "<Code>MethodNotAllowed</Code>" in reply.text

    assert bucket.get("a") is stored
    assert bucket.keys() == ["a"]


@pytest.mark.parametrize("key", ["a", ""])
def test_what_is_served_is_not_listed_as_not_served(
    cos: CosS3Client, http: requests.Session, bucket: Bucket, key: str
) -> None:
    served = SERVED_OF_OBJECT if key else SERVED_OF_BUCKET
    listed = OBJECT_OPERATIONS_NOT_SERVED if key else BUCKET_OPERATIONS_NOT_SERVED
    assert not served & set(listed)
    for method, name in sorted(served):
        bucket.put("a", b"body")
        reply = http.request(method, url(cos, method, key, name), data=b"")
        assert (method, name, reply.status_code == 405) == (method, name, False)


def test_the_catalogue_has_every_subresource_of_the_vendors_client() -> None:
    source = inspect.getsource(qcloud_cos.cos_client)
    used = set(re.findall(r"params ?= ?\{'([\w-]+)': ?''", source))
    assert len(used) > 20

    assert used - OTHER_HOSTS <= SUBRESOURCES


def test_two_subresources_at_once_are_refused(
    sandbox: Sandbox, cos: CosS3Client, http: requests.Session, bucket: Bucket
) -> None:
    bucket.put("a", b"body")
    link = cos.get_presigned_url(BUCKET, "a", "GET", Params={"acl": "", "tagging": ""})
    assert http.get(link).status_code == 405


# Of the vendor's client, by its own names: what the sandbox serves, or what changes nothing.
SERVED_HEADERS = re.compile(
    r"content-.*|cache-control|expires|accept.*|referer|range|if-.*|x-cos-traffic-limit"
    r"|x-cos-(acl|tagging|grant-.*|storage-class|copy-source-.*)"
    r"|x-cos-server-side-encryption(-cos-kms-key-id|-customer-.*)?"
)


@pytest.mark.parametrize("name", sorted({*HEADERS_NOT_SERVED, "x-amz-acl"}))
def test_a_header_that_asks_for_more_is_refused_and_nothing_changes(
    cos: CosS3Client, http: requests.Session, bucket: Bucket, name: str
) -> None:
    stored = bucket.put("a", b"body")
    upload_id = cos.create_multipart_upload(BUCKET, "b")["UploadId"]
    headers = {name: "anything"}
    requested = [
        ("PUT", "a", {}, {}),
        ("PUT", "a", {}, {"x-cos-copy-source": f"{BUCKET}.cos.ap-singapore.myqcloud.com/a"}),
        ("GET", "a", {}, {}),
        ("DELETE", "a", {}, {}),
        ("POST", "c", {"append": "", "position": "0"}, {}),
        ("POST", "c", {"uploads": ""}, {}),
        ("PUT", "b", {"uploadId": upload_id, "partNumber": "1"}, {}),
        ("POST", "b", {"uploadId": upload_id}, {}),
    ]

    for method, key, parameters, extra in requested:
        link = cos.get_presigned_url(BUCKET, key, method, Params=parameters)
        reply = http.request(method, link, data=b"other", headers={**headers, **extra})
        assert (method, key, reply.status_code) == (method, key, 405)
        assert name in reply.text

    assert bucket.get("a") is stored
    assert bucket.keys() == ["a"]
    assert len(cos.list_multipart_uploads(BUCKET)["Upload"]) == 1


def test_every_header_of_the_vendors_client_is_served_or_refused() -> None:
    # Not a header: what is a parameter, and the group of x-cos-meta-*.
    parameters = re.compile(r"response-.*|versionid|metadata")
    names = {name.lower() for name in maplist.values() if not parameters.fullmatch(name.lower())}
    assert len(names) > 30

    assert {name for name in names if not SERVED_HEADERS.fullmatch(name)} <= HEADERS_NOT_SERVED
