"""Uploads that cost the function work, or publish a face: archived, encrypted, public, huge, open.

What the uploader's policy refuses is tried once more without the policy, to see what the function
makes of it.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Iterator
from contextlib import closing

import pytest

from liveness_sandbox import Reply
from tests.conftest import BUCKET, PACKAGE, Cloud

from .cast import (
    CREATE_ONLY,
    DENIED,
    DONE,
    Actor,
    Attempt,
    Cast,
    allowing,
    outcome_of,
    package_key,
    photo_key,
    put,
    without_condition,
)

MEGABYTE = 1024 * 1024
KEY = package_key("anna")
CUSTOMER_KEY = b"k" * 32
OWN_KEY = {
    "x-cos-server-side-encryption-customer-algorithm": "AES256",
    "x-cos-server-side-encryption-customer-key": base64.b64encode(CUSTOMER_KEY).decode(),
    "x-cos-server-side-encryption-customer-key-MD5": base64.b64encode(
        hashlib.md5(CUSTOMER_KEY).digest()
    ).decode(),
}
KMS = {"x-cos-server-side-encryption": "cos/kms"}
STORAGE, KMS_KEY = "cos:x-cos-storage-class", "cos:x-cos-server-side-encryption"
CUSTOMER_ALGORITHM = "cos:x-cos-server-side-encryption-customer-algorithm"
# By what an upload is like: its headers, and the condition that forbids them.
SPOILED: dict[str, tuple[dict[str, str], str]] = {
    "archived": ({"x-cos-storage-class": "ARCHIVE"}, STORAGE),
    "deeply archived": ({"x-cos-storage-class": "DEEP_ARCHIVE"}, STORAGE),
    "encrypted with a key of the uploader's": (OWN_KEY, CUSTOMER_ALGORITHM),
    "encrypted with a KMS key": (KMS, KMS_KEY),
    "public": ({"x-cos-acl": "public-read"}, "cos:x-cos-acl"),
    "open to every account": ({"x-cos-acl": "authenticated-read"}, "cos:x-cos-acl"),
    "granted for reading": ({"x-cos-grant-read": 'id="100000000003"'}, "cos:x-cos-grant-read"),
    "granted for writing": ({"x-cos-grant-write": 'id="100000000003"'}, "cos:x-cos-grant-write"),
    "granted the ACL's reading": (
        {"x-cos-grant-read-acp": 'id="100000000003"'},
        "cos:x-cos-grant-read-acp",
    ),
    "granted the ACL's writing": (
        {"x-cos-grant-write-acp": 'id="100000000003"'},
        "cos:x-cos-grant-write-acp",
    ),
    "granted altogether": (
        {"x-cos-grant-full-control": 'id="100000000003"'},
        "cos:x-cos-grant-full-control",
    ),
    "sent without TLS": ({"x-sandbox-transport": "http"}, "cos:secure-transport"),
}


@pytest.fixture
def small(cloud: Cloud) -> Iterator[Cast]:
    """An installation that takes packages of one megabyte."""
    with closing(Cast(cloud, MAX_LIVE_MB="1", MAX_IMAGE_MB="1")) as cast:
        yield cast


def begun_in_parts(headers: dict[str, str]) -> Attempt:
    named = CREATE_ONLY | headers
    return lambda who: who.cos.create_multipart_upload(BUCKET, KEY, Metadata=dict(named))


@pytest.mark.parametrize("kind", SPOILED)
def test_an_app_cannot_put_a_package_that_is(cast: Cast, kind: str) -> None:
    headers, condition = SPOILED[kind]

    for attempt in (put(KEY, PACKAGE, CREATE_ONLY | headers), begun_in_parts(headers)):
        assert cast.attempt_in_session("anna", attempt) == DENIED
        assert cast.attempt_in_session("anna", attempt, "app-simple") == DENIED
    assert cast.cloud.bucket.keys("") == []
    attempt = put(KEY, PACKAGE, CREATE_ONLY | headers)
    assert cast.stopped_in_session("anna", attempt, without_condition(condition))


@pytest.mark.parametrize("kind", SPOILED)
def test_a_backend_cannot_put_a_photo_that_is(cast: Cast, kind: str) -> None:
    headers, condition = SPOILED[kind]

    attempt = put(photo_key("anna"), headers=CREATE_ONLY | headers)

    assert cast.stopped_by_policy("backend", attempt, without_condition(condition))


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"x-cos-storage-class": "ARCHIVE"}, "InputArchived"),
        ({"x-cos-storage-class": "DEEP_ARCHIVE"}, "InputArchived"),
        (OWN_KEY, "InputEncrypted"),
        (KMS, "InputUnreadable"),
    ],
    ids=["archived", "deeply archived", "own key", "foreign KMS key"],
)
def test_without_the_policy_an_unreadable_package_is_invalid_and_costs_nothing(
    cast: Cast, headers: dict[str, str], code: str
) -> None:
    cast.photo("anna")
    with cast.with_policy("app", allowing("name/cos:*")):
        put(KEY, PACKAGE, CREATE_ONLY | headers)(cast.actor("app"))
    if headers is KMS:  # the sandbox has one key for all
        cast.cloud.on("GET", KEY, Reply(403), times=99)

    assert cast.wake("anna")["status"] == "invalid"

    assert cast.result("anna")["reason"]["code"] == code
    assert (cast.cloud.calls, cast.cloud.markers(), cast.cloud.ledger()) == (0, [], [])


def test_a_package_with_more_metadata_than_can_be_read_is_invalid_and_stops_nobody(
    cast: Cast,
) -> None:
    """No condition limits metadata, of which 2 KB are more headers than HTTP clients read."""
    metadata = {f"x-cos-meta-{number}": "1" for number in range(101)}
    names = [f"bad-{number}" for number in range(9)]
    for name in names:
        cast.photo(name)
        keys = cast.session(name, "app-simple")
        package = f"the package of {name}".encode()
        put(package_key(name), package, CREATE_ONLY | metadata)(cast.actor(keys))
    cast.photo("zoe")
    cast.package("zoe", PACKAGE)

    assert cast.wake("bad-0")["status"] == "invalid"
    assert cast.function({"reconcile": {}})["reconcile"]["complete"]
    cast.function({"drain": {}})

    assert cast.result("zoe")["status"] == "passed"
    assert {cast.result(name)["reason"]["code"] for name in names} == {"InputUnreadable"}
    assert (cast.cloud.calls, cast.cloud.markers()) == (1, [])


# ---- size


@pytest.mark.parametrize("role", ["app", "app-simple"])
def test_an_app_cannot_put_a_larger_package_than_the_function_accepts(
    small: Cast, role: str
) -> None:
    largest = put(package_key("bert"), b"x" * MEGABYTE, CREATE_ONLY)
    larger = put(KEY, b"x" * (MEGABYTE + 1), CREATE_ONLY)

    assert small.attempt_in_session("bert", largest, role) == DONE
    assert small.stopped_in_session("anna", larger, without_condition("cos:content-length"), role)


def test_a_body_of_unknown_length_is_not_accepted(small: Cast) -> None:
    """Its length could not be compared with the limit."""
    keys = small.session("anna")
    url = small.actor(keys).cos.get_presigned_url(
        BUCKET,
        KEY,
        "PUT",
        Headers=dict(CREATE_ONLY),
        Params={"x-cos-security-token": keys.token},
    )

    def put_chunks(who: Actor) -> int:
        chunks = iter([b"x" * MEGABYTE] * 2)
        return who.http.put(url, data=chunks, headers=CREATE_ONLY).status_code

    assert put_chunks(small.actor(keys)) == 403
    assert small.cloud.bucket.keys("") == []


def test_a_backend_cannot_put_a_larger_photo_than_the_function_accepts(small: Cast) -> None:
    attempt = put(photo_key("anna"), b"x" * (MEGABYTE + 1), CREATE_ONLY)

    assert small.stopped_by_policy("backend", attempt, without_condition("cos:content-length"))


def in_parts(parts: int) -> Attempt:
    def attempt(who: Actor) -> None:
        named = dict(CREATE_ONLY)
        upload = who.cos.create_multipart_upload(BUCKET, KEY, Metadata=dict(named))["UploadId"]
        listed = [
            {
                "PartNumber": number,
                "ETag": who.cos.upload_part(BUCKET, KEY, b"x" * MEGABYTE, number, upload)["ETag"],
            }
            for number in range(1, parts + 1)
        ]
        whole = {"Part": listed}
        who.cos.complete_multipart_upload(BUCKET, KEY, upload, whole, Metadata=dict(named))

    return attempt


def test_many_small_parts_of_a_huge_package_are_invalid_and_cost_no_call(small: Cast) -> None:
    """No condition can limit the size of an upload in parts as a whole."""
    small.photo("anna")
    assert small.attempt_in_session("anna", in_parts(2)) == DONE

    assert small.wake("anna")["status"] == "invalid"

    assert small.result("anna")["reason"]["code"] == "InputTooLarge"
    assert small.cloud.calls == 0
    read = [
        request.key
        for request in small.cloud.requests_of(small.function)
        if request.method == "GET" and request.key.startswith("liveness/incoming/")
    ]
    assert read == [], "it must not even be read"


def test_a_package_that_unpacks_to_a_huge_one_is_not_unpacked(cast: Cast) -> None:
    """Its Content-Encoding has HTTP libraries unpack it; what is stored is what is judged."""
    bomb = gzip.compress(bytes(64 * MEGABYTE))
    cast.photo("anna")
    actor = cast.actor(cast.session("anna"))
    named = {**CREATE_ONLY, "Content-Encoding": "gzip"}
    upload = actor.cos.create_multipart_upload(BUCKET, KEY, Metadata=named)["UploadId"]
    part = actor.cos.upload_part(BUCKET, KEY, bomb, 1, upload)
    whole = {"Part": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    actor.cos.complete_multipart_upload(BUCKET, KEY, upload, whole, Metadata=dict(CREATE_ONLY))

    cast.wake("anna")

    live = next(item for item in cast.result("anna")["inputs"] if item["role"] == "live")
    assert live["sha256"] == hashlib.sha256(bomb).hexdigest()


def test_an_app_for_small_packages_cannot_upload_in_parts(small: Cast) -> None:
    actor = small.actor(small.session("anna", "app-simple"))

    assert outcome_of(in_parts(1), actor) == DENIED
    assert small.attempt_in_session("anna", in_parts(1)) == DONE
