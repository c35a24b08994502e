"""Inputs that COS refuses to read: a result at the first look, and no trouble for other pairs."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from liveness.errors import PairsNotFinishedError
from liveness_sandbox import Reply
from tests.conftest import BUCKET, PACKAGE, Cloud
from tests.function.test_backlog import DRAIN, RECONCILE, park_by_hand

RESTORE = {"Days": 2, "CASJobParameters": {"Tier": "Standard"}}
REFUSED = Reply(403)
MANY_HEADERS = {f"x-cos-meta-{number}": "1" for number in range(101)}


def live_key(pair_id: str) -> str:
    return f"liveness/incoming/{pair_id}/live.bin"


def customer_key() -> dict[str, str]:
    key = b"k" * 32
    return {
        "SSECustomerAlgorithm": "AES256",
        "SSECustomerKey": base64.b64encode(key).decode(),
        "SSECustomerKeyMD5": base64.b64encode(hashlib.md5(key).digest()).decode(),
    }


def archive(cloud: Cloud, pair_id: str) -> None:
    cloud.client.put_object(BUCKET, PACKAGE, live_key(pair_id), StorageClass="ARCHIVE")


def restore(cloud: Cloud, pair_id: str) -> None:
    cloud.client.restore_object(BUCKET, live_key(pair_id), RESTORE)


def encrypt(cloud: Cloud, pair_id: str) -> None:
    cloud.client.put_object(BUCKET, PACKAGE, live_key(pair_id), **customer_key())


def rewrite(cloud: Cloud, pair_id: str) -> None:
    cloud.put(pair_id, "live.bin", PACKAGE)


def forbid(cloud: Cloud, pair_id: str, *methods: str) -> None:
    """Refuse this object to the function, by a deny statement, an ACL, or its KMS key."""
    for method in methods or ("HEAD", "GET"):
        cloud.on(method, live_key(pair_id), REFUSED, times=1_000_000)


def use_foreign_kms_key(cloud: Cloud, pair_id: str) -> None:
    """HEAD succeeds, and GET is refused."""
    key = live_key(pair_id)
    cloud.client.put_object(BUCKET, PACKAGE, key, ServerSideEncryption="cos/kms")
    forbid(cloud, pair_id, "GET")


def describe_at_length(cloud: Cloud, pair_id: str) -> None:
    """Give it more metadata than the standard library's client reads headers; 2 KB are allowed."""
    cloud.client.put_object(BUCKET, PACKAGE, live_key(pair_id), Metadata=dict(MANY_HEADERS))


def describe_body_at_length(cloud: Cloud, pair_id: str) -> None:
    """The same where only the reply to GET has one header too many."""
    key = live_key(pair_id)
    cloud.client.put_object(BUCKET, PACKAGE, key, ServerSideEncryption="cos/kms")
    cloud.on("GET", key, Reply(200, PACKAGE, MANY_HEADERS), times=1_000_000)


def allow(cloud: Cloud, pair_id: str) -> None:
    cloud.sandbox.hooks.clear()


class Kind(NamedTuple):
    """A way in which an input cannot be read, the code of its result, and how it is mended."""

    code: str
    spoil: Callable[[Cloud, str], None]
    mend: Callable[[Cloud, str], None]


KINDS = {
    "archived": Kind("InputArchived", archive, restore),
    "encrypted": Kind("InputEncrypted", encrypt, rewrite),
    "forbidden": Kind("InputUnreadable", forbid, allow),
    "foreign-kms-key": Kind("InputUnreadable", use_foreign_kms_key, allow),
    "described-at-length": Kind("InputUnreadable", describe_at_length, rewrite),
    "body-described-at-length": Kind("InputUnreadable", describe_body_at_length, allow),
}


@pytest.fixture(params=KINDS)
def kind(request: Any) -> Kind:
    return KINDS[request.param]


def test_the_first_look_tells_without_a_call(cloud: Cloud, kind: Kind) -> None:
    cloud.put_pair("anna")
    kind.spoil(cloud, "anna")
    function = cloud.instance()

    summary = function.walk("anna")

    assert (summary["state"], summary["status"]) == ("published", "invalid")
    result = cloud.result("anna")
    assert result is not None
    assert result["reason"]["code"] == kind.code
    assert live_key("anna") in result["reason"]["detail"]
    assert (cloud.ledger(), cloud.markers()) == ([], [])
    assert cloud.calls == 0
    assert len(function.logged("pair.published")) == 1


def test_a_mended_input_is_judged_like_any_other(cloud: Cloud, kind: Kind) -> None:
    cloud.put_pair("anna")
    kind.spoil(cloud, "anna")
    function = cloud.instance()
    function.walk("anna")
    assert function.walk("anna")["status"] == "invalid"

    kind.mend(cloud, "anna")

    assert function.walk("anna")["status"] == "passed"
    assert cloud.calls == 1


def test_unreadable_inputs_do_not_stop_a_drain(cloud: Cloud, kind: Kind) -> None:
    bad = [f"bad-{number}" for number in range(7)]
    good = ["anna", "bert"]
    for name in bad + good:
        cloud.put_pair(name)
        park_by_hand(cloud, name)
    for name in bad:
        kind.spoil(cloud, name)

    assert cloud.instance()(DRAIN)["drain"]["ended"] == {"published": 9}

    assert cloud.markers() == []
    assert cloud.calls == 2
    statuses = {name: (cloud.result(name) or {})["status"] for name in bad + good}
    assert statuses == {name: "invalid" for name in bad} | {name: "passed" for name in good}


def test_unreadable_inputs_do_not_stop_reconcile(cloud: Cloud, kind: Kind) -> None:
    for name in ("anna", "bert", "cleo"):
        cloud.put_pair(name)
    kind.spoil(cloud, "anna")
    function = cloud.instance()

    run = function(RECONCILE)["reconcile"]
    function(DRAIN)

    assert (run["complete"], run["parked"]) == (True, 3)
    assert all(cloud.result(name) for name in ("anna", "bert", "cleo"))


def test_a_role_without_permission_invalidates_nobody(cloud: Cloud) -> None:
    """The control object, which never exists, is refused as well."""
    cloud.put_pair("anna")

    def refuse_inputs(request: Any, phase: str) -> Reply | None:
        is_input = (request.key or "").startswith("liveness/incoming/")
        return REFUSED if is_input and phase == "before" else None

    cloud.sandbox.hooks.append(refuse_inputs)

    with pytest.raises(Exception, match="check the execution role"):
        cloud.instance().walk("anna")

    cloud.sandbox.hooks.clear()
    assert cloud.result("anna") is None


def test_an_answer_already_recorded_beats_an_unreadable_input(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    key = live_key("anna")
    cloud.client.put_object(BUCKET, PACKAGE, key, ServerSideEncryption="cos/kms")
    cloud.on("PUT", "result.json", Reply(503), times=99)
    with pytest.raises(PairsNotFinishedError):
        cloud.instance().walk("anna")
    cloud.sandbox.hooks.clear()
    forbid(cloud, "anna", "GET")

    assert cloud.instance().walk("anna")["status"] == "passed"
    assert cloud.calls == 1


# ---- reconcile


def test_reconcile_goes_on_past_a_failing_object(cloud: Cloud) -> None:
    for name in ("anna", "bert", "cleo"):
        cloud.put_pair(name)
    cloud.on("HEAD", live_key("bert"), Reply(503), times=1_000_000)
    function = cloud.instance()

    run = function(RECONCILE)["reconcile"]

    # What it could not look at is left to the drain.
    assert (run["complete"], run["parked"]) == (True, 3)
    assert {marker["pair_id"] for marker in cloud.markers()} == {"anna", "bert", "cleo"}
    assert [line["pair_id"] for line in function.logged("reconcile.pair-failed")] == ["bert"]
    assert cloud.bucket.get("liveness/ledger/reconcile.json") is not None


def test_reconcile_goes_on_past_many_failing_objects(cloud: Cloud) -> None:
    """Not even a row of them stands for the store: their uploaders would stop every run."""
    for number in range(12):
        cloud.put_pair(f"bad-{number}")
    cloud.put_pair("zoe")
    for number in range(12):
        cloud.on("HEAD", live_key(f"bad-{number}"), Reply(503), times=1_000_000)

    run = cloud.instance()(RECONCILE)["reconcile"]

    assert (run["complete"], run["parked"]) == (True, 13)
    assert "zoe" in {marker["pair_id"] for marker in cloud.markers()}


def test_reconcile_parks_no_pair_that_has_a_marker(cloud: Cloud) -> None:
    for name in ("anna", "bert"):
        cloud.put_pair(name)
    park_by_hand(cloud, "anna")
    function = cloud.instance()

    for _ in range(3):
        function(RECONCILE)

    assert sorted(marker["pair_id"] for marker in cloud.markers()) == ["anna", "bert"]


def test_reconcile_stops_when_the_store_is_gone(cloud: Cloud) -> None:
    for number in range(12):
        cloud.put_pair(f"pair-{number}")
    cloud.on("HEAD", "live.bin", Reply(503), times=1_000_000)
    cloud.on("GET", ".liveness-control", Reply(503), times=1_000_000)

    with pytest.raises(Exception, match="COS GET"):
        cloud.instance()(RECONCILE)

    assert cloud.bucket.get("liveness/ledger/reconcile.json") is None
