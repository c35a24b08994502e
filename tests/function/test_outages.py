"""The face API is gone for a while, late, or refuses the account: no pair is lost or paid twice."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from liveness.errors import ConfigurationError, StoreUnavailableError
from liveness.keys import SLOT_SECONDS
from liveness.markers import DRAINED_EARLY_SECONDS
from liveness_sandbox import Drop, Pause, Reply
from tests.conftest import BUCKET, Cloud, Instance
from tests.function.test_backlog import DRAIN, park_by_hand
from tests.function.test_one_call import LAST_PAUSE

DETECT = "DetectReflectLivenessAndCompare"
BREAKER = "liveness/ledger/breaker.json"
ALWAYS = 1_000_000
GONE = Reply(503)
ARREARS = Reply(
    200,
    json.dumps(
        {"Response": {"Error": {"Code": "UnauthorizedOperation.Arrears", "Message": ""}}}
    ).encode(),
    {"Content-Type": "application/json"},
)


def sent(cloud: Cloud) -> int:
    """Count the paid calls that left the function, whatever became of them."""
    return sum(request.action == DETECT for request in cloud.sandbox.requests)


def upload_event(cloud: Cloud, pair_id: str) -> dict[str, Any]:
    return cloud.sandbox.trigger_event(BUCKET, f"liveness/incoming/{pair_id}/live.bin")


def await_condition(condition: Callable[[], object]) -> None:
    """Wait for another thread."""
    deadline = time.monotonic() + 100
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# ---- a gateway in trouble


@pytest.mark.parametrize("trouble", [GONE, Drop()], ids=["503", "reset"])
def test_a_minute_without_answers_takes_one_attempt(cloud: Cloud, trouble: Reply | Drop) -> None:
    cloud.put_pair("anna")
    cloud.on("POST", DETECT, trouble, service="faceid", times=ALWAYS)
    function = cloud.instance()

    for _ in range(13):  # past the end of the lease, and not to the end of the pause
        assert function.walk("anna")["state"] == "parked"
        cloud.advance(4.5)

    assert sent(cloud) == 1
    cloud.sandbox.hooks.clear()
    cloud.advance(30)
    assert function.walk("anna")["status"] == "passed"
    result = cloud.result("anna")
    assert result is not None
    assert (result["attempts"], result["possibly_billed_calls"]) == (2, 2)


@pytest.mark.parametrize("limit", ["1", "2", "3"])
def test_an_outage_of_an_hour_ends_no_pair(cloud: Cloud, limit: str) -> None:
    cloud.put_pair("anna")
    cloud.on("POST", DETECT, GONE, service="faceid", times=ALWAYS)
    function = cloud.instance(MAX_ATTEMPTS=limit)

    for _ in range(59):
        assert function.walk("anna")["state"] == "parked"
        cloud.advance(60)

    assert sent(cloud) == max(1, int(limit) - 1)
    assert cloud.result("anna") is None
    cloud.sandbox.hooks.clear()
    cloud.advance(LAST_PAUSE)
    summary = function.walk("anna")
    # With one attempt there is none left: what it may have cost, only an operator can spend again.
    assert summary["status"] == ("failed" if limit == "1" else "passed")


def test_a_marker_carries_what_became_of_attempts(cloud: Cloud) -> None:
    cloud.put_pair("anna", {"drop": "after", "times": 1})

    cloud.instance().walk("anna")

    (marker,) = cloud.markers()
    result_of_walk = marker["history"]
    assert (result_of_walk["number"], result_of_walk["unanswered"]) == (1, [1])
    early = marker["due"] - result_of_walk["not_before"]
    assert early == pytest.approx(DRAINED_EARLY_SECONDS, abs=1)
    assert (
        50 <= marker["due"] - marker["parked_at"] <= 60 * 1.2 + 4
    )  # seconds of the store's clock and of margin
    (key,) = cloud.bucket.keys("liveness/ledger/pending/")
    assert key.endswith("-s")


def test_an_operator_need_not_wait_for_a_pause(cloud: Cloud) -> None:
    cloud.put_pair("anna", {"code": "FailedOperation.DownLoadError", "times": 1})
    function = cloud.instance()
    assert function.walk("anna")["state"] == "parked"
    assert function.walk("anna")["state"] == "parked"

    assert function({"retry": ["anna"]})["pairs"][0]["status"] == "passed"


# ---- late answers


@pytest.mark.parametrize(("limit", "pause"), [("3", 75), ("1", LAST_PAUSE)])
@pytest.mark.parametrize("by", ["event", "drain"])
def test_a_late_answer_is_used_without_another_call(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, limit: str, pause: float, by: str
) -> None:
    """Instead of another attempt, and instead of giving up."""
    cloud.put_pair("anna")
    answered = threading.Event()
    cloud.on("POST", DETECT, Pause(answered), service="faceid", phase="after")
    function = cloud.instance(MAX_ATTEMPTS=limit)
    with monkeypatch.context() as patch:
        patch.setattr("liveness.call.CALL_SECONDS", 1.0)
        patch.setattr("liveness.call.MIN_CALL_SECONDS", 0.1)
        try:
            assert function.walk("anna")["state"] == "parked"
        finally:
            answered.set()
    await_condition(lambda: function.logged("pair.late-response"))
    cloud.advance(pause)

    if by == "event":
        assert function.walk("anna")["status"] == "passed"
    else:
        assert function(DRAIN)["drain"]["ended"] == {"published": 1}

    assert cloud.calls == 1
    result = cloud.result("anna")
    assert result is not None
    assert (result["status"], result["possibly_billed_calls"]) == ("passed", 1)


def test_a_call_may_take_almost_the_whole_lease() -> None:
    from liveness.call import CALL_SECONDS
    from liveness.records import LEASE_SECONDS

    assert 44 < CALL_SECONDS < LEASE_SECONDS - 2


# ---- the breaker


def open_breaker(cloud: Cloud, function: Instance) -> int:
    """Drain twenty pairs while the API is gone; return how many calls were sent."""
    cloud.put_pair("before")
    function.walk("before")  # imports the SDK, so that calls end before the next ones start
    before = sent(cloud)
    for number in range(20):
        cloud.put_pair(f"pair-{number}")
        park_by_hand(cloud, f"pair-{number}")
    cloud.on("POST", DETECT, GONE, service="faceid", times=ALWAYS)
    function(DRAIN)
    return sent(cloud) - before


def test_five_unanswered_calls_open_the_breaker(cloud: Cloud) -> None:
    function = cloud.instance()

    calls = open_breaker(cloud, function)

    assert 5 <= calls < 15, "those that were on their way already, more on a slow machine"
    (opened,) = function.logged("drain.breaker-opened")
    assert opened["reason"] == "unanswered"
    assert cloud.bucket.get(BREAKER) is not None


def test_a_breaker_that_opened_stays_open_when_cos_ends_the_drain(cloud: Cloud) -> None:
    """Otherwise each following drain would send five calls more, of which each may be billed."""
    for name in ("first", "later"):
        for number in range(6):
            cloud.put_pair(f"{name}-{number}")
    for number in range(6):
        park_by_hand(cloud, f"first-{number}")
    cloud.put_pair("before")
    function = cloud.instance(RATE_LIMIT="20")
    function.walk("before")  # imports the SDK, so that all calls fit into the slot
    before = sent(cloud)
    cloud.on("POST", DETECT, GONE, service="faceid", times=ALWAYS)
    cloud.on("DELETE", "-busy", Reply(503), times=ALWAYS)

    with pytest.raises(StoreUnavailableError, match="-busy"):
        function(DRAIN)
    calls = sent(cloud)
    for number in range(6):
        park_by_hand(cloud, f"later-{number}")
    cloud.advance(2 * SLOT_SECONDS + 1)  # it may have had the next one, too, and not given it back
    with contextlib.suppress(StoreUnavailableError):
        function(DRAIN)

    assert 5 <= calls - before <= 6
    assert sent(cloud) == calls
    assert function.logged("drain.breaker-opened")
    assert cloud.bucket.get(BREAKER) is not None


def test_an_open_breaker_parks_events_without_a_call(cloud: Cloud) -> None:
    function = cloud.instance()
    open_breaker(cloud, function)
    calls = sent(cloud)
    cloud.put_pair("anna")
    markers = len(cloud.markers())

    assert function(upload_event(cloud, "anna"))["pairs"][0]["state"] == "parked"
    function(DRAIN)

    assert sent(cloud) == calls
    assert len(cloud.markers()) == markers + 1
    (marker,) = (marker for marker in cloud.markers() if marker["pair_id"] == "anna")
    assert marker["reason"] == "breaker-open"
    assert 40 <= marker["due"] - marker["parked_at"] <= 60


def test_a_probe_alone_is_made_and_closes_the_breaker(cloud: Cloud) -> None:
    function = cloud.instance()
    open_breaker(cloud, function)
    calls = sent(cloud)
    cloud.advance(60)

    function(DRAIN)
    assert sent(cloud) == calls + 1, "one probe, which got no reply"
    cloud.advance(60)
    function(DRAIN)
    assert sent(cloud) == calls + 1, "the interval has doubled"
    cloud.sandbox.hooks.clear()
    cloud.advance(90)
    function(DRAIN)

    assert function.logged("drain.breaker-closed")
    assert cloud.bucket.get(BREAKER) is None
    assert all(cloud.result(f"pair-{number}") for number in range(20))
    assert cloud.markers() == []
    assert cloud.billed == 1 + 20


@pytest.mark.parametrize("body", [b"", b"[]", b'{"cause": 1}', b"\xff", b'{"next_probe": 1e300}'])
def test_a_damaged_breaker_object_stops_nothing(cloud: Cloud, body: bytes) -> None:
    cloud.put_pair("anna")
    park_by_hand(cloud, "anna")
    cloud.bucket.put(BREAKER, body, metadata={"liveness-next-probe": "9e99"})
    function = cloud.instance()

    assert function(DRAIN)["drain"]["ended"] == {"published": 1}
    cloud.put_pair("bert")
    assert function(upload_event(cloud, "bert"))["pairs"][0]["state"] == "published"


# ---- an account that is refused


def test_arrears_leave_one_marker_a_pair(cloud: Cloud) -> None:
    """Over many minutes of drains; and one probe at growing intervals is all that is called."""
    names = [f"pair-{number}" for number in range(6)]
    function = cloud.instance()
    cloud.on("POST", DETECT, ARREARS, service="faceid", times=ALWAYS)
    for name in names:
        cloud.put_pair(name)
        function(upload_event(cloud, name))  # not raised: another delivery would add a marker
    before = sent(cloud)

    for _ in range(30):
        with contextlib.suppress(ConfigurationError):
            function(DRAIN)
        assert sorted(marker["pair_id"] for marker in cloud.markers()) == names
        cloud.advance(60)

    assert sent(cloud) - before <= 15
    cloud.sandbox.hooks.clear()
    for _ in range(6):
        cloud.advance(60)
        function(DRAIN)
    assert cloud.markers() == []
    for name in names:
        result = cloud.result(name)
        assert result is not None
        assert (result["status"], result["possibly_billed_calls"]) == ("passed", 1)


def test_a_refusal_of_a_direct_invocation_is_raised(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    cloud.on("POST", DETECT, ARREARS, service="faceid", times=ALWAYS)

    with pytest.raises(Exception, match="Arrears"):
        cloud.instance().walk("anna")


def test_a_refused_upload_url_is_probed_like_a_call(cloud: Cloud) -> None:
    """With `TRANSFER=upload` the account is refused before any call."""
    names = [f"pair-{number}" for number in range(6)]
    function = cloud.instance(TRANSFER="upload")
    cloud.on("POST", "CreateUploadUrl", ARREARS, service="faceid", times=ALWAYS)
    for name in names:
        cloud.put_pair(name)
        park_by_hand(cloud, name)

    for _ in range(10):
        with contextlib.suppress(ConfigurationError):
            function(DRAIN)
        assert sorted(marker["pair_id"] for marker in cloud.markers()) == names
        cloud.advance(60)

    requests = [r for r in cloud.sandbox.requests if r.action == "CreateUploadUrl"]
    assert len(requests) <= 2 * (2 + 10)
    (opened,) = function.logged("drain.breaker-opened")
    assert opened["reason"] == "refused"
    cloud.sandbox.hooks.clear()
    for _ in range(6):
        cloud.advance(60)
        function(DRAIN)
    assert all(cloud.result(name) for name in names)
