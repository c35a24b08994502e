"""Who tries often enough: a pair gets so many calls, and the result says how many there were."""

from __future__ import annotations

import json
from contextlib import closing

import pytest

from tests.conftest import BUCKET, Cloud

from .cast import CREATE_ONLY, DENIED, DONE, TAKEN, Cast, package_key, put, without_condition

UNLIKE = "FailedOperation.CompareLowSimilarity"


def package(number: int, code: str = UNLIKE) -> bytes:
    return json.dumps({"sandbox": 1, "code": code, "comment": number}).encode()


def submit(cast: Cast, number: int, code: str = UNLIKE) -> dict[str, object]:
    """Put another package in place of the one before, as no policy of ours allows."""
    cast.cloud.put("anna", "live.bin", package(number, code))
    return cast.wake("anna")


@pytest.fixture
def unlimited(cast: Cast) -> Cast:
    """An installation whose uploader's policy was left out."""
    cast.photo("anna")
    return cast


def test_an_app_has_one_try_per_session(cast: Cast) -> None:
    """Its policy allows no overwriting, so twenty packages under one pair id are one."""
    cast.photo("anna")
    outcomes = []
    for number in range(20):
        attempt = put(package_key("anna"), package(number), CREATE_ONLY if number % 2 else {})
        outcomes.append(cast.attempt_in_session("anna", attempt))
        if number > 0:
            cast.wake("anna")

    assert outcomes == [DENIED, DONE, *[DENIED, TAKEN] * 9]
    assert cast.cloud.calls == 1
    overwriting = without_condition("cos:x-cos-forbid-overwrite")
    assert cast.stopped_in_session("anna", put(package_key("anna")), overwriting)


def test_twenty_packages_get_no_more_calls_than_the_limit(unlimited: Cast) -> None:
    for number in range(20):
        submit(unlimited, number)
    assert submit(unlimited, 20, "Success")["status"] == "invalid"

    result = unlimited.result("anna")
    assert result["reason"]["code"] == "TooManySubmissions"
    assert unlimited.cloud.calls == 5
    submission = result["submission"]
    assert (submission["number"], submission["count"], submission["limit"]) == (None, 5, 5)
    assert submission["possibly_billed_calls"] == unlimited.cloud.billed
    assert [item["number"] for item in submission["earlier"]] == [1, 2, 3, 4, 5]


def test_a_pass_after_failures_says_so(unlimited: Cast) -> None:
    """The next step sees from the last result alone that it was not the first try."""
    for number in range(4):
        submit(unlimited, number)
    assert submit(unlimited, 4, "Success")["status"] == "passed"

    result = unlimited.result("anna")
    assert result["submission"] == {
        "number": 5,
        "count": 5,
        "limit": 5,
        "possibly_billed_calls": unlimited.cloud.billed,
        "earlier": [
            {"number": number, "status": "rejected", "reason": UNLIKE} for number in range(1, 5)
        ],
    }
    assert unlimited.cloud.billed > 1


def test_a_first_package_put_back_does_not_hide_the_others(unlimited: Cast) -> None:
    """The verdict of a content stays its own, and costs no other call."""
    submit(unlimited, 0, "Success")
    for number in range(1, 4):
        submit(unlimited, number)
    assert submit(unlimited, 3)["state"] == "done"
    calls = unlimited.cloud.calls

    assert submit(unlimited, 0, "Success")["status"] == "passed"

    assert unlimited.cloud.calls == calls == 4
    assert unlimited.result("anna")["submission"]["number"] == 1


def test_neither_an_operator_nor_an_event_gets_a_refused_pair_called_for(unlimited: Cast) -> None:
    for number in range(7):
        submit(unlimited, number)

    for name in ("retry", "pairs", "reconcile", "drain"):
        event = {name: ["anna"] if name in ("retry", "pairs") else {}}
        unlimited.invoke("operator", event)
        unlimited.cloud.advance(4000)

    assert unlimited.cloud.calls == 5
    assert unlimited.result("anna")["status"] == "invalid"


def test_packages_in_parts_count_like_any_other(cloud: Cloud) -> None:
    """Their ETag is no MD5, and another division into parts is another ETag."""
    with closing(Cast(cloud, MAX_SUBMISSIONS="2")) as cast:
        cast.photo("anna")
        for parts in range(1, 4):
            put_in_parts(cloud, [b"x" * 1024 * 1024] * parts)
            cast.wake("anna")

        assert cloud.calls == 2
        assert cast.result("anna")["reason"]["code"] == "TooManySubmissions"


def put_in_parts(cloud: Cloud, parts: list[bytes]) -> None:
    owner, key = cloud.client, package_key("anna")
    upload = owner.create_multipart_upload(BUCKET, key)["UploadId"]
    listed = [
        {"PartNumber": n, "ETag": owner.upload_part(BUCKET, key, part, n, upload)["ETag"]}
        for n, part in enumerate(parts, 1)
    ]
    owner.complete_multipart_upload(BUCKET, key, upload, {"Part": listed})
