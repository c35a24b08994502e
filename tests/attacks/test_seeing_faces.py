"""Faces are seen by those whose work it is, and nobody makes one public."""

from __future__ import annotations

from typing import Any

import pytest

from liveness_cli.permissions.roles import ROLES
from tests.conftest import BUCKET, PACKAGE

from .cast import (
    CREATE_ONLY,
    DENIED,
    DONE,
    USERS,
    Actor,
    Attempt,
    Cast,
    allowing,
    get,
    outcome_of,
    package_key,
    photo_key,
    put,
    without_condition,
)

LIVE_URL = "liveness/ledger/frame-urls/a/b-1"
SEEN_BY: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(USERS, ()),
    "reader-with-frames": ("frame",),
    "reviewer": ("frame", "photo"),
}
# Answers who may set a bucket's policy: the sandbox has none.
ALLOWED = "405 MethodNotAllowed"


@pytest.fixture
def judged(cast: Cast) -> Cast:
    cast.photo("anna")
    cast.package("anna", PACKAGE)
    cast.wake("anna")
    cast.cloud.bucket.put(LIVE_URL, b'{"url": "x"}')
    return cast


def faces(cast: Cast) -> dict[str, str]:
    return {
        "package": package_key("anna"),
        "photo": photo_key("anna"),
        "frame": cast.result("anna")["best_frame"]["key"],
        "live URL": LIVE_URL,
    }


@pytest.mark.parametrize("role", USERS)
def test_a_role_sees_no_face_but_those_of_its_work(judged: Cast, role: str) -> None:
    hidden = {name: key for name, key in faces(judged).items() if name not in SEEN_BY[role]}
    actor = judged.actor(role)

    for name, key in faces(judged).items():
        expected = DENIED if name in hidden else DONE
        assert outcome_of(get(key), actor) == expected, name
    with judged.with_policy(role, allowing("name/cos:GetObject")):
        assert {outcome_of(get(key), actor) for key in hidden.values()} == {DONE}


@pytest.mark.parametrize("role", USERS)
def test_a_link_is_worth_no_more_than_the_keys_that_signed_it(judged: Cast, role: str) -> None:
    for name, key in faces(judged).items():
        link = judged.actor(role).cos.get_presigned_url(BUCKET, key, "GET")
        status = judged.actor(role).http.get(link, timeout=10).status_code
        assert status == (200 if name in SEEN_BY[role] else 403), name


def test_an_app_sees_nothing_not_even_its_own_package_or_result(judged: Cast) -> None:
    for key in (*faces(judged).values(), "liveness/results/anna/result.json"):
        assert judged.attempt_in_session("anna", get(key)) == DENIED

    def list_keys(who: Actor) -> None:
        who.cos.list_objects(BUCKET, Prefix="liveness/")

    assert judged.stopped_in_session("anna", list_keys, allowing("name/cos:GetBucket"))


# ---- the live URL of a best frame


def test_the_live_url_of_a_best_frame_is_gone_once_the_frame_is_safe(cast: Cast) -> None:
    cast.photo("anna")
    cast.package("anna", PACKAGE)
    kept: list[str] = []

    def look(request: Any, phase: str) -> None:
        if (request.method, phase) == ("DELETE", "before") and "/frame-urls/" in request.key:
            kept.append(cast.cloud.stored(request.key).body().decode())

    cast.cloud.sandbox.hooks.append(look)

    cast.wake("anna")

    assert cast.result("anna")["best_frame"]["key"]
    assert len(kept) == 1 and "q-sign" in kept[0], "it was there"
    written = [
        cast.cloud.stored(key).body().decode()
        for key in cast.cloud.bucket.keys("liveness/")
        if not key.endswith((".jpg", ".bin"))
    ]
    assert len(written) >= 4
    assert [text for text in (*written, *cast.function.lines) if "://" in text] == []


# ---- publishing


def publish(key: str) -> Attempt:
    return lambda who: who.cos.put_object_acl(BUCKET, key, ACL="public-read")


PUBLIC: dict[str, dict[str, str]] = {
    "x-cos-acl": {"x-cos-acl": "public-read"},
    "x-cos-grant-read": {"x-cos-grant-read": 'id="100000000003"'},
    "x-cos-grant-read-acp": {"x-cos-grant-read-acp": 'id="100000000003"'},
    "x-cos-grant-write-acp": {"x-cos-grant-write-acp": 'id="100000000003"'},
    "x-cos-grant-full-control": {"x-cos-grant-full-control": 'id="100000000003"'},
}


@pytest.mark.parametrize("role", [name for name in ROLES if name != "trust"])
def test_nobody_makes_a_face_public_by_an_acl(judged: Cast, role: str) -> None:
    actor = judged.actor(role)
    for key in faces(judged).values():
        assert outcome_of(publish(key), actor) == DENIED
    with judged.with_policy(role, allowing("name/cos:PutObjectACL")):
        assert outcome_of(publish(photo_key("anna")), judged.actor(role)) == DONE


@pytest.mark.parametrize("role", [name for name in ROLES if name != "trust"])
def test_nobody_makes_the_bucket_public(judged: Cast, role: str) -> None:
    def by_acl(who: Actor) -> None:
        who.cos.put_bucket_acl(BUCKET, ACL="public-read")

    def by_policy(who: Actor) -> None:
        who.cos.put_bucket_policy(BUCKET, {"Statement": []})

    for attempt, allowed in ((by_acl, DONE), (by_policy, ALLOWED)):
        assert judged.attempt(role, attempt) == DENIED
        with judged.with_policy(role, allowing("name/cos:*")):
            assert judged.attempt(role, attempt) == allowed


@pytest.mark.parametrize("header", PUBLIC)
@pytest.mark.parametrize(
    ("role", "key"),
    [
        ("function", "liveness/frames/anna/best-frame-0.jpg"),
        ("function", "liveness/results/anna/result.json"),
        ("function", "liveness/ledger/frame-urls/a/b-2"),
        ("reviewer", "liveness/results/anna/review-1.json"),
    ],
)
def test_who_may_write_cannot_write_for_everybody(
    cast: Cast, role: str, key: str, header: str
) -> None:
    attempt = put(key, headers=CREATE_ONLY | PUBLIC[header])

    assert cast.stopped_by_policy(role, attempt, without_condition(f"cos:{header}"))
