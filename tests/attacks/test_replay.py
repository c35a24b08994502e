"""One recording for several pair ids: it passes once at most, and nobody learns whose it was."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from liveness_sandbox import Pause
from tests.conftest import PACKAGE, Cloud

from .cast import Cast, package_key

NAMES = ("anna", "bert", "cleo")
# Two blocks of one MD5 by X. Wang and others, 2004, which differ in six bytes.
COLLISION = (
    "d131dd02c5e6eec4693d9a0698aff95c2fcab58712467eab4004583eb8fb7f89"
    "55ad340609f4b30283e488832571415a085125e8f7cdc99fd91dbdf280373c5b"
    "d8823e3156348f5bae6dacd436c919c6dd53e2b487da03fd02396306d248cda0"
    "e99f33420f577ee8ce54b67080a80d1ec69821bcb6a8839396f9652b6ff72a70",
    "d131dd02c5e6eec4693d9a0698aff95c2fcab50712467eab4004583eb8fb7f89"
    "55ad340609f4b30283e4888325f1415a085125e8f7cdc99fd91dbd7280373c5b"
    "d8823e3156348f5bae6dacd436c919c6dd53e23487da03fd02396306d248cda0"
    "e99f33420f577ee8ce54b67080280d1ec69821bcb6a8839396f965ab6ff72a70",
)


def upload(cast: Cast, pair_id: str, package: bytes = PACKAGE) -> None:
    """Upload both inputs as a session of its own does."""
    cast.photo(pair_id)
    cast.package(pair_id, package)


def body_of_result(cast: Cast, pair_id: str) -> str:
    return cast.cloud.stored(f"liveness/results/{pair_id}/result.json").body().decode()


def test_a_recording_passes_under_one_pair_id_only(cast: Cast) -> None:
    statuses = []
    for name in NAMES:
        upload(cast, name)
        statuses.append(cast.wake(name)["status"])

    assert statuses == ["passed", "rejected", "rejected"]
    assert cast.cloud.calls == 1
    for name in NAMES[1:]:
        result = cast.result(name)
        assert result["reason"]["code"] == "PackageReused"
        assert result["package"]["reused"] is True
        assert result["possibly_billed_calls"] == 0


def test_a_recording_sent_under_several_pair_ids_at_once_passes_once(cast: Cast) -> None:
    """Nobody has a claim before everybody is about to make one."""
    for name in NAMES:
        upload(cast, name)
    everybody_is_there, claims = threading.Event(), set()

    def wait_for_everybody(request: Any, phase: str) -> Pause | None:
        if (request.method, phase) != ("PUT", "before") or not request.key.endswith("/1.claim"):
            return None
        claims.add(request.key)
        if len(claims) == len(NAMES):
            everybody_is_there.set()
        return Pause(everybody_is_there)

    cast.cloud.sandbox.hooks.append(wait_for_everybody)
    instances = [cast.cloud.instance() for _ in NAMES]
    with ThreadPoolExecutor(len(NAMES)) as pool:
        list(pool.map(cast.wake, NAMES, instances))
    for _ in range(8):  # those that waited for each other
        cast.cloud.advance(400)
        cast.function({"drain": {}})

    assert len(claims) == len(NAMES)
    assert sorted(cast.result(name)["status"] for name in NAMES) == [
        "passed",
        "rejected",
        "rejected",
    ]
    assert cast.cloud.calls == 1


def test_a_person_who_is_rejected_cannot_pass_with_the_recording_of_another(cast: Cast) -> None:
    """A retry by an operator looks again, and finds the same."""
    for name in ("anna", "bert"):
        upload(cast, name)
        cast.wake(name)

    cast.invoke("operator", {"retry": ["bert"]})

    assert cast.result("bert")["reason"]["code"] == "PackageReused"
    assert cast.cloud.calls == 1


def test_a_rejected_recording_gets_no_second_opinion(cast: Cast) -> None:
    """Not with another person's photo, either."""
    unlike = b'{"sandbox": 1, "code": "FailedOperation.CompareLowSimilarity", "sim": 12.5}'
    for name in ("anna", "bert"):
        upload(cast, name, unlike)
        cast.wake(name)

    assert cast.result("bert")["reason"]["code"] == "PackageReused"
    assert cast.cloud.calls == 1


@pytest.mark.parametrize("reused", ["reject", "report"])
def test_a_result_says_when_a_recording_was_used_first_but_not_by_whom(
    cloud: Cloud, reused: str
) -> None:
    with closing(Cast(cloud, REUSED_PACKAGE=reused)) as cast:
        upload(cast, "the-first-person")
        cast.wake("the-first-person")
        upload(cast, "anna")
        cast.wake("anna")

        result = cast.result("anna")
        assert result["status"] == {"reject": "rejected", "report": "passed"}[reused]
        assert result["package"]["reused"] is True
        assert result["package"]["first_used"]
        assert "the-first-person" not in body_of_result(cast, "anna")
        lines = [line for line in cast.function.logs if line.get("pair_id") == "anna"]
        assert lines and "the-first-person" not in str(lines)
        assert cloud.calls == {"reject": 1, "report": 2}[reused]


def test_two_files_of_one_md5_are_one_package(cast: Cast) -> None:
    """Prepared collisions gain nothing: what has the MD5 of a judged package is not judged."""
    first, second = (bytes.fromhex(block) for block in COLLISION)
    assert first != second
    upload(cast, "anna", first)
    cast.wake("anna")
    upload(cast, "bert", second)

    assert cast.wake("bert")["status"] == "rejected"

    cast.cloud.bucket.put(package_key("anna"), second)
    assert cast.wake("anna")["state"] == "done"
    assert cast.cloud.calls == 1
