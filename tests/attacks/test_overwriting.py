"""What was uploaded stays: neither the owner of an app's keys nor a backend can replace it."""

from __future__ import annotations

import pytest
from qcloud_cos.cos_exception import CosServiceError

from liveness_cli.permissions.roles import policy_of, policy_of_pair
from tests.conftest import BUCKET, JPEG, PACKAGE
from tests.sandbox.test_cos_signature import signed_form

from .cast import (
    CREATE_ONLY,
    DENIED,
    DONE,
    TAKEN,
    Actor,
    Attempt,
    Cast,
    Weaken,
    allowing,
    delete,
    outcome_of,
    package_key,
    photo_key,
    put,
    without_condition,
)

OURS = b"the attacker's own"
OVERWRITING = without_condition("cos:x-cos-forbid-overwrite")
PACKAGE_KEY, PHOTO_KEY = package_key("anna"), photo_key("anna")


def in_parts(key: str, begin: dict[str, str], end: dict[str, str]) -> Attempt:
    """Return an upload in parts, with these headers at its begin and its end."""

    def attempt(who: Actor) -> None:
        first = who.cos.create_multipart_upload(BUCKET, key, Metadata=dict(begin))
        upload = first["UploadId"]
        part = who.cos.upload_part(BUCKET, key, OURS, 1, upload)
        parts = {"Part": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        more = dict(end)
        who.cos.complete_multipart_upload(BUCKET, key, upload, parts, Metadata=more)

    return attempt


def by_form(key: str) -> Attempt:
    """Return an upload by a form, which signs its policy in place of the request."""

    def attempt(who: Actor) -> None:
        form = signed_form(who.keys, {"expiration": "2099-01-01T00:00:00Z", "conditions": []})
        fields = {"key": key, "x-cos-security-token": who.keys.token or "", **form}
        url = f"http://{BUCKET}.cos.ap-singapore.myqcloud.com/"
        reply = who.http.post(url, data=fields, files={"file": OURS}, timeout=10)
        if not reply.ok:
            raise CosServiceError("POST", reply.text, reply.status_code)

    return attempt


def copied_from(source: str, key: str) -> Attempt:
    where = {"Bucket": BUCKET, "Key": source, "Region": "ap-singapore"}
    return lambda who: who.cos.copy_object(BUCKET, key, where)


def appended(key: str) -> Attempt:
    return lambda who: who.cos.append_object(BUCKET, key, 0, OURS)


@pytest.fixture
def uploaded(cast: Cast) -> Cast:
    """Both of anna's files are there."""
    cast.photo("anna")
    cast.package("anna", PACKAGE)
    return cast


def body_of(cast: Cast, key: str) -> bytes:
    return cast.cloud.stored(key).body()


ANYTHING = allowing("name/cos:*")
WAYS: dict[str, tuple[Attempt, Weaken]] = {
    "by a plain PUT": (put(PACKAGE_KEY, OURS), OVERWRITING),
    "by an upload in parts": (in_parts(PACKAGE_KEY, {}, {}), OVERWRITING),
    "by a form": (by_form(PACKAGE_KEY), ANYTHING),
    "by a copy of the photo": (copied_from(PHOTO_KEY, PACKAGE_KEY), ANYTHING),
    "by deleting it": (delete(PACKAGE_KEY), ANYTHING),
}


@pytest.mark.parametrize("way", WAYS)
def test_an_app_cannot_replace_its_package(uploaded: Cast, way: str) -> None:
    attempt, weaken = WAYS[way]

    assert uploaded.attempt_in_session("anna", attempt) == DENIED
    assert body_of(uploaded, PACKAGE_KEY) == PACKAGE
    assert uploaded.stopped_in_session("anna", attempt, weaken)


def test_an_app_that_promises_not_to_overwrite_is_held_to_it(uploaded: Cast) -> None:
    """With the header that the policy asks for, COS refuses."""
    for attempt in (
        put(PACKAGE_KEY, OURS, CREATE_ONLY),
        in_parts(PACKAGE_KEY, CREATE_ONLY, CREATE_ONLY),
    ):
        assert uploaded.attempt_in_session("anna", attempt) == TAKEN
    assert body_of(uploaded, PACKAGE_KEY) == PACKAGE


@pytest.mark.parametrize(("end", "refusal"), [({}, DENIED), (CREATE_ONLY, TAKEN)])
def test_an_upload_in_parts_that_began_early_cannot_replace_the_package(
    cast: Cast, end: dict[str, str], refusal: str
) -> None:
    """It begins while the key is free, and ends when the honest package is there."""
    actor = cast.actor(cast.session("anna"))
    upload = actor.cos.create_multipart_upload(BUCKET, PACKAGE_KEY, Metadata=dict(CREATE_ONLY))[
        "UploadId"
    ]
    part = actor.cos.upload_part(BUCKET, PACKAGE_KEY, OURS, 1, upload)
    cast.package("anna", PACKAGE)
    parts = {"Part": [{"PartNumber": 1, "ETag": part["ETag"]}]}

    def complete(who: Actor) -> None:
        more = dict(end)
        who.cos.complete_multipart_upload(BUCKET, PACKAGE_KEY, upload, parts, Metadata=more)

    assert outcome_of(complete, actor) == refusal
    assert body_of(cast, PACKAGE_KEY) == PACKAGE


def test_an_app_cannot_put_a_package_that_it_can_append_to(cast: Cast) -> None:
    """An appendable object changes without being replaced."""
    assert cast.stopped_in_session("anna", appended(PACKAGE_KEY), ANYTHING)


def test_an_app_cannot_make_the_bucket_keep_versions(uploaded: Cast) -> None:
    """COS ignores x-cos-forbid-overwrite from then on."""

    def keep_versions(who: Actor) -> None:
        who.cos.put_bucket_versioning(BUCKET, "Enabled")

    assert uploaded.stopped_in_session("anna", keep_versions, ANYTHING)


@pytest.mark.parametrize(
    "attempt",
    [
        put(PHOTO_KEY, JPEG),
        put(PHOTO_KEY, JPEG, CREATE_ONLY),
        in_parts(PHOTO_KEY, CREATE_ONLY, CREATE_ONLY),
        by_form(PHOTO_KEY),
        copied_from(PACKAGE_KEY, PHOTO_KEY),
        appended(PHOTO_KEY),
        delete(PHOTO_KEY),
        put("liveness/incoming/anna/reference.png", JPEG, CREATE_ONLY),
    ],
    ids=["put", "create", "parts", "form", "copy", "append", "delete", "another suffix"],
)
def test_an_app_cannot_touch_the_photo(uploaded: Cast, attempt: Attempt) -> None:
    assert uploaded.attempt_in_session("anna", attempt) == DENIED
    assert uploaded.attempt("app", attempt) == DENIED
    assert body_of(uploaded, PHOTO_KEY) == JPEG


def test_only_its_policies_keep_an_app_from_putting_the_photo(cast: Cast) -> None:
    assert cast.stopped_in_session("anna", put(PHOTO_KEY, JPEG, CREATE_ONLY), ANYTHING)


def test_a_backend_that_asks_for_too_much_gets_no_keys_for_photos(cast: Cast) -> None:
    """Temporary keys allow no more than the sub-account that asks, which is denied photos."""
    wide = allowing("name/cos:*")(policy_of_pair("app", cast.settings, "anna"))
    keys = cast.session("anna", policy=wide)
    attempt = put(PHOTO_KEY, JPEG, CREATE_ONLY)

    assert outcome_of(attempt, cast.actor(keys)) == DENIED

    with cast.with_policy("app", lambda _: policy_of("backend", cast.settings)):
        assert outcome_of(attempt, cast.actor(keys)) == DONE


@pytest.mark.parametrize("key", [PACKAGE_KEY, PHOTO_KEY])
def test_a_sub_account_with_both_uploaders_policies_puts_neither_file(cast: Cast, key: str) -> None:
    """So that a careless administrator does not make one who can pass anyone."""
    both = {name: policy_of(name, cast.settings) for name in ("app", "backend")}
    keys = cast.cloud.sandbox.put_user("both", both)
    attempt = put(key, JPEG, CREATE_ONLY)

    assert outcome_of(attempt, cast.actor(keys)) == DENIED

    without_deny = {name: allowing("sts:GetCallerIdentity")(each) for name, each in both.items()}
    cast.cloud.sandbox.put_user("both", without_deny)
    assert outcome_of(attempt, cast.actor(keys)) == DONE


@pytest.mark.parametrize("attempt", [put(PHOTO_KEY, OURS), in_parts(PHOTO_KEY, {}, {})])
def test_a_backend_cannot_replace_a_photo(uploaded: Cast, attempt: Attempt) -> None:
    assert uploaded.attempt("backend", attempt) == DENIED
    assert uploaded.attempt("backend", put(PHOTO_KEY, OURS, CREATE_ONLY)) == TAKEN
    assert body_of(uploaded, PHOTO_KEY) == JPEG
    assert uploaded.stopped_by_policy("backend", put(PHOTO_KEY, OURS), OVERWRITING)
