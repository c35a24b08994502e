"""Who else may read: ACLs of buckets and objects, and requests without a signature."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests
from qcloud_cos import CosS3Client
from qcloud_cos.cos_exception import CosServiceError

from liveness_sandbox import Bucket, Sandbox

from .clients import BUCKET, cos_client
from .test_cos_buckets import NEW, refused

URL = f"http://{BUCKET}.cos.ap-singapore.myqcloud.com/"
EVERYBODY = "http://cam.qcloud.com/groups/global/AllUsers"


def test_a_private_bucket_refuses_requests_without_a_signature(
    http: requests.Session, bucket: Bucket
) -> None:
    bucket.put("a", b"secret")
    for method in ("GET", "HEAD"):
        assert http.request(method, f"{URL}a").status_code == 403
        assert http.request(method, f"{URL}missing").status_code == 403
        assert http.request(method, URL).status_code == 403


def test_a_public_bucket_is_read_and_not_written_by_everybody(
    cos: CosS3Client, http: requests.Session, bucket: Bucket
) -> None:
    bucket.put("a", b"open")
    cos.put_bucket_acl(BUCKET, ACL="public-read")

    acl = cos.get_bucket_acl(BUCKET)
    assert acl["CannedACL"] == "public-read"
    grants = acl["AccessControlList"]["Grant"]
    assert [(each["Grantee"].get("URI"), each["Permission"]) for each in grants] == [
        (EVERYBODY, "READ"),
        (None, "FULL_CONTROL"),
    ]
    assert http.get(f"{URL}a").content == b"open"
    assert "<Key>a</Key>" in http.get(URL).text
    for method in ("PUT", "DELETE"):
        assert http.request(method, f"{URL}a", data=b"").status_code == 403
    assert http.get(f"{URL}a", params={"acl": ""}).status_code == 403

    cos.put_object_acl(BUCKET, "a", ACL="private")
    assert http.get(f"{URL}a").status_code == 403
    cos.put_bucket_acl(BUCKET, ACL="private")
    assert http.get(URL).status_code == 403


def test_one_object_is_public_when_its_upload_says_so(
    cos: CosS3Client, http: requests.Session
) -> None:
    cos.put_object(BUCKET, b"open", "a", ACL="public-read")
    cos.put_object(BUCKET, b"closed", "b", GrantRead='id="100000000003"')

    assert http.get(f"{URL}a").content == b"open"
    assert http.get(f"{URL}b").status_code == 403
    assert cos.get_object_acl(BUCKET, "a")["CannedACL"] == "public-read"
    grants = cos.get_object_acl(BUCKET, "b")["AccessControlList"]["Grant"]
    assert (grants[0]["Grantee"]["ID"], grants[0]["Permission"]) == ("100000000003", "READ")
    cos.put_object_acl(BUCKET, "a", ACL="authenticated-read")
    assert http.get(f"{URL}a").status_code == 403
    (every_account, _) = cos.get_object_acl(BUCKET, "a")["AccessControlList"]["Grant"]
    assert every_account["Grantee"]["URI"].endswith("/AuthenticatedUsers")
    cos.put_object(BUCKET, b"again", "a")
    assert http.get(f"{URL}a").status_code == 403
    assert cos.get_object_acl(BUCKET, "a")["CannedACL"] == "default"


def test_an_acl_in_xml_is_what_is_shown_afterwards(cos: CosS3Client, bucket: Bucket) -> None:
    bucket.put("a", b"")
    grant = {"Grantee": {"Type": "Group", "URI": EVERYBODY}, "Permission": "READ"}
    policy: dict[str, Any] = {"AccessControlList": {"Grant": [grant]}}

    cos.put_bucket_acl(BUCKET, policy)
    cos.put_object_acl(BUCKET, "a", policy)

    assert cos.get_bucket_acl(BUCKET)["CannedACL"] == "public-read"
    assert cos.get_object_acl(BUCKET, "a")["CannedACL"] == "public-read"
    malformed: dict[str, Any]
    for malformed in ({"Owner": {}}, {"AccessControlList": {"Grant": [{"Permission": "READ"}]}}):
        assert refused(cos.put_bucket_acl, BUCKET, malformed) == (400, "MalformedACLError")


def test_an_acl_that_cannot_be_is_refused_before_anything_is_stored(
    cos: CosS3Client, bucket: Bucket
) -> None:
    for headers in ({"ACL": "public"}, {"GrantRead": "everybody"}):
        with pytest.raises(CosServiceError) as caught:
            cos.put_object(BUCKET, b"x", "a", **headers)
        assert caught.value.get_error_code() == "InvalidArgument"
    assert bucket.get("a") is None


def test_a_new_bucket_is_private_unless_its_creation_says_otherwise(
    sandbox: Sandbox, cos: CosS3Client
) -> None:
    cos.create_bucket(NEW)
    assert cos.get_bucket_acl(NEW)["CannedACL"] == "private"
    cos.delete_bucket(NEW)
    cos.create_bucket(NEW, ACL="public-read")
    assert cos.get_bucket_acl(NEW)["CannedACL"] == "public-read"


def test_default_encryption_is_set_used_and_removed(cos: CosS3Client, bucket: Bucket) -> None:
    absent = (404, "NoSuchEncryptionConfiguration")
    assert refused(cos.get_bucket_encryption, BUCKET) == absent
    wanted = {"Rule": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}

    cos.put_bucket_encryption(BUCKET, wanted)

    assert cos.get_bucket_encryption(BUCKET) == wanted
    cos.put_object(BUCKET, b"", "a")
    assert cos.head_object(BUCKET, "a")["x-cos-server-side-encryption"] == "AES256"
    wrong = {"Rule": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "ROT13"}}]}
    assert refused(cos.put_bucket_encryption, BUCKET, wrong) == (400, "MalformedXML")
    cos.delete_bucket_encryption(BUCKET)
    assert refused(cos.delete_bucket_encryption, BUCKET) == absent


def test_acls_survive_a_restart(tmp_path: Path) -> None:
    with Sandbox(data=tmp_path) as before:
        before.create_bucket(BUCKET)
        cos = cos_client(before)
        cos.put_bucket_acl(BUCKET, ACL="public-read")
        cos.put_object(BUCKET, b"", "a", GrantRead='id="100000000003"')
    with Sandbox(data=tmp_path) as after:
        cos = cos_client(after)
        assert cos.get_bucket_acl(BUCKET)["CannedACL"] == "public-read"
        grants = cos.get_object_acl(BUCKET, "a")["AccessControlList"]["Grant"]
        assert [each["Permission"] for each in grants] == ["READ", "FULL_CONTROL"]


def test_buckets_are_listed_page_by_page(cos: CosS3Client) -> None:
    for number in range(3):
        cos.create_bucket(f"new-{number}-1250000000")
    first = cos.list_buckets(MaxKeys=2)
    names = [each["Name"] for each in first["Buckets"]["Bucket"]]
    assert (len(names), first["IsTruncated"], first["NextMarker"]) == (2, "true", names[-1])
    rest = cos.list_buckets(MaxKeys=2, Marker=first["NextMarker"])
    assert [each["Name"] for each in rest["Buckets"]["Bucket"]] == [
        "new-1-1250000000",
        "new-2-1250000000",
    ]
    assert rest["IsTruncated"] == "false"
