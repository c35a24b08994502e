"""Behavior that the function relies on and no document settles, most important first."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from qcloud_cos import CosS3Client
from qcloud_cos.cos_exception import CosServiceError
from tencentcloud.common.exception import TencentCloudSDKException

from liveness_cli.deploy.open_questions import is_about_link, race

from . import environment
from .messages import AWKWARD_NAMES, HOW_TO_RECORD, read_record
from .target import TIMEOUT_S, Target, status_of, wait_until_listed

SAMPLE = Path(__file__).parents[2] / "events/sample"
RACERS = 50
CREATE_ONLY = {"x-cos-forbid-overwrite": "true"}
TOKEN = "x-cos-security-token"


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def quoted_md5(data: bytes) -> str:
    return f'"{md5(data)}"'


def link(target: Target, cos: CosS3Client, key: str) -> str:
    if target.token is None:
        environment.missing(
            f"{environment.SESSION_TOKEN} is not set: give temporary credentials, as a role has"
        )
    url: str = cos.get_presigned_url(
        target.bucket, key, "GET", Expired=300, Params={TOKEN: target.token}
    )
    return url


def body_of(reply: dict[str, Any]) -> bytes:
    body: bytes = reply["Body"].get_raw_stream().read()
    return body


@pytest.mark.paid
def test_the_face_api_accepts_links_signed_with_temporary_credentials(target: Target) -> None:
    """The sample shows no real person, so any verdict about its content is accepted."""
    live = (SAMPLE / "live.bin").read_bytes()
    image = (SAMPLE / "reference.jpg").read_bytes()
    with target.cos() as cos:
        keys = target.key("live.bin"), target.key("reference.jpg")
        for key, body in zip(keys, (live, image), strict=True):
            cos.put_object(target.bucket, body, key)
        parameters = {
            "LiveDataUrl": link(target, cos, keys[0]),
            "LiveDataMd5": md5(live),
            "ImageUrl": link(target, cos, keys[1]),
            "ImageMd5": md5(image),
        }

    try:
        reply = target.face_api().call_json("DetectReflectLivenessAndCompare", parameters)
        code = reply["Response"]["Result"]
    except TencentCloudSDKException as error:
        code = error.get_code()

    assert code == "Success" or code.startswith("FailedOperation."), code
    assert not is_about_link(code)


def test_anyone_can_open_a_link_signed_with_temporary_credentials(target: Target) -> None:
    with target.cos() as cos, target.session() as client:
        key = target.key("linked")
        cos.put_object(target.bucket, b"body", key)
        signed = link(target, cos, key)
        reply = client.get(signed, timeout=TIMEOUT_S)
        # By default the SDK omits the token: such a link is useless.
        without_token = cos.get_presigned_url(target.bucket, key, "GET", Expired=300)
        tokenless_reply = client.get(without_token, timeout=TIMEOUT_S)
        unsigned_reply = client.get(signed.partition("?")[0], timeout=TIMEOUT_S)

    assert (reply.status_code, reply.content) == (200, b"body")
    assert (tokenless_reply.status_code, unsigned_reply.status_code) == (403, 403)


def test_exactly_one_of_many_concurrent_creates_succeeds(target: Target) -> None:
    key = target.key("claim")

    def create(number: int) -> tuple[int, str]:
        with target.cos() as cos:
            try:
                cos.put_object(target.bucket, str(number).encode(), key, Metadata=CREATE_ONLY)
            except CosServiceError as error:
                return error.get_status_code(), error.get_error_code()
        return 200, ""

    answers = race(create, RACERS)

    assert sorted(answers) == [(200, "")] + [(409, "FileAlreadyExists")] * (RACERS - 1)
    with target.cos() as cos:
        assert body_of(cos.get_object(target.bucket, key)) == str(answers.index((200, ""))).encode()


def test_head_and_get_see_a_new_object_immediately(target: Target) -> None:
    with target.cos() as cos, target.cos() as other:
        for number in range(20):
            key = target.key(f"fresh-{number}")
            head = partial(other.head_object, target.bucket, key)
            assert status_of(head) == 404
            for body in (b"first", b"second"):
                cos.put_object(target.bucket, body, key)
                assert head()["ETag"] == quoted_md5(body)
                assert body_of(other.get_object(target.bucket, key)) == body
            cos.delete_object(target.bucket, key)
            assert status_of(head) == 404


def test_a_new_object_is_listed_within_a_minute(target: Target) -> None:
    keys = [target.key(f"listed-{number}") for number in range(20)]
    with target.cos() as cos:
        for key in keys:
            cos.put_object(target.bucket, b"", key)
        wait_until_listed(cos, target, keys)


def test_suspended_versioning_defeats_create_only(target: Target) -> None:
    """COS returns a version id in a header: the function recognizes such a bucket by it."""
    bucket = target.suspended_bucket()
    key = target.key("claim", bucket)

    with target.cos() as cos:
        for body in (b"first", b"second"):
            reply = cos.put_object(bucket, body, key, Metadata=CREATE_ONLY)
            assert "x-cos-version-id" in reply
        assert body_of(cos.get_object(bucket, key)) == b"second"


def test_a_bucket_without_versioning_returns_no_version_id(target: Target) -> None:
    with target.cos() as cos:
        key = target.key("plain")
        assert "x-cos-version-id" not in cos.put_object(target.bucket, b"", key)
        assert "x-cos-version-id" not in cos.head_object(target.bucket, key)


def plain(cos: CosS3Client, bucket: str, key: str) -> None:
    cos.put_object(bucket, b"body", key)


def sse_cos(cos: CosS3Client, bucket: str, key: str) -> None:
    cos.put_object(bucket, b"body", key, ServerSideEncryption="AES256")


def sse_kms(cos: CosS3Client, bucket: str, key: str) -> None:
    cos.put_object(bucket, b"body", key, ServerSideEncryption="cos/kms")


def multipart(cos: CosS3Client, bucket: str, key: str) -> None:
    upload = cos.create_multipart_upload(bucket, key)["UploadId"]
    etag = cos.upload_part(bucket, key, b"body", 1, upload)["ETag"]
    parts = {"Part": [{"PartNumber": 1, "ETag": etag}]}
    cos.complete_multipart_upload(bucket, key, upload, parts)


def append(cos: CosS3Client, bucket: str, key: str) -> None:
    cos.append_object(bucket, key, 0, b"body")


@pytest.mark.parametrize(
    ("upload", "etag_is_md5"),
    [(plain, True), (sse_cos, True), (sse_kms, False), (multipart, False), (append, False)],
)
def test_only_some_uploads_have_an_md5_as_their_etag(
    target: Target, upload: Callable[[CosS3Client, str, str], None], etag_is_md5: bool
) -> None:
    """HEAD shows which objects lack one: the function reads those and hashes them."""
    key = target.key("uploaded")
    with target.cos() as cos:
        upload(cos, target.bucket, key)
        head = cos.head_object(target.bucket, key)
        assert body_of(cos.get_object(target.bucket, key)) == b"body"

    etag = head["ETag"]
    assert (etag == quoted_md5(b"body")) is etag_is_md5
    looks_plain = (
        "-" not in etag
        and head.get("x-cos-object-type", "normal") == "normal"
        and head.get("x-cos-server-side-encryption", "AES256") == "AES256"
    )
    assert looks_plain is etag_is_md5


def test_messages_spell_awkward_keys_as_documented(target: Target) -> None:
    """`key` is raw and `url` percent-encoded, and both mean the same object."""
    records = [record for event in target.events(AWKWARD_NAMES) for record in event["Records"]]
    objects = [read_record(record) for record in records]

    for each in objects:
        assert each.raw_key == each.url_key
        assert each.url_is_encoded
        assert isinstance(each.size, int)
        assert each.event_name.startswith("cos:ObjectCreated:")
    unseen = {
        name for name in AWKWARD_NAMES if not any(each.raw_key.endswith(name) for each in objects)
    }
    if unseen:
        environment.missing(f"no message about {sorted(unseen)}: {HOW_TO_RECORD}")
