"""How the face API counts requests per second, which the vendor does not specify."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from tencentcloud.common.exception import TencentCloudSDKException

from liveness_sandbox import Sandbox
from liveness_sandbox.faceid.rate_limit import FixedWindow, SlidingWindow, TokenBucket
from tests.clocks import ManualClock

from .clients import DETECT, Pair, face_client

LIMIT = 5


@pytest.fixture
def clock(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    stopped = ManualClock(1000.0)  # slow machines must not affect the tests
    monkeypatch.setattr(sandbox.clock, "monotonic", stopped.monotonic)
    return stopped


def admitted(algorithm: SlidingWindow | FixedWindow | TokenBucket, *arrivals: float) -> list[bool]:
    return [algorithm.admit(LIMIT, at) for at in arrivals]


def test_a_sliding_window_never_exceeds_the_limit_in_any_second() -> None:
    window = SlidingWindow()

    assert admitted(window, *[100.9] * 6) == [True] * 5 + [False]
    assert admitted(window, 101.0, 101.89) == [False, False], (
        "a new second of the clock does not matter"
    )
    assert admitted(window, *[101.9] * 6) == [True] * 5 + [False]


def test_a_fixed_window_admits_twice_the_limit_around_its_boundary() -> None:
    window = FixedWindow()

    assert admitted(window, *[100.99] * 6) == [True] * 5 + [False]
    assert admitted(window, *[101.0] * 6) == [True] * 5 + [False]


def test_a_token_bucket_admits_a_burst_then_a_steady_rate() -> None:
    bucket = TokenBucket()

    assert admitted(bucket, *[100.0] * 6) == [True] * 5 + [False]
    assert admitted(bucket, 100.19, 100.2, 100.2) == [False, True, False]
    assert admitted(bucket, 100.4, 100.6, 100.8) == [True] * 3
    assert admitted(bucket, *[200.0] * 6) == [True] * 5 + [False], "it never overflows"


@pytest.mark.parametrize(
    ("algorithm", "after_a_fifth", "after_a_second"),
    [("sliding-window", 0, 5), ("fixed-window", 0, 5), ("token-bucket", 1, 5)],
)
def test_the_algorithm_can_be_chosen(
    sandbox: Sandbox,
    pair: Callable[..., Pair],
    clock: ManualClock,
    algorithm: str,
    after_a_fifth: int,
    after_a_second: int,
) -> None:
    sandbox.faceid.limiter.algorithm = algorithm
    judged = pair()

    def burst() -> int:
        return [_passes(judged) for _ in range(LIMIT + 2)].count(True)

    assert burst() == LIMIT

    clock.time += 0.2
    assert burst() == after_a_fifth

    clock.time += 1
    assert burst() == after_a_second


def test_advancing_the_clock_starts_a_new_second(
    sandbox: Sandbox, pair: Callable[..., Pair]
) -> None:
    sandbox.faceid.rate_limit = 1
    judged = pair()
    assert (_passes(judged), _passes(judged)) == (True, False)

    sandbox.clock.advance(1)
    assert _passes(judged)


@pytest.mark.usefixtures("clock")
def test_each_region_and_action_has_its_own_limit(
    sandbox: Sandbox, pair: Callable[..., Pair]
) -> None:
    sandbox.faceid.rate_limit = 1
    judged = pair()
    assert (_passes(judged), _passes(judged)) == (True, False)

    # The links are invalid there, which only admitted requests learn.
    for region in ("ap-hongkong", "ap-bangkok"):
        elsewhere = face_client(sandbox, region=region)
        codes = [_code(partial(elsewhere.call_json, DETECT, judged.params)) for _ in range(2)]
        assert codes == ["InvalidParameterValue", "RequestLimitExceeded"]

    face_client(sandbox).call_json("CreateUploadUrl", {"TargetAction": DETECT})
    assert not _passes(judged)


@pytest.mark.usefixtures("clock")
def test_more_than_twenty_upload_links_per_second_are_rejected(sandbox: Sandbox) -> None:
    client = face_client(sandbox)
    sandbox.faceid.rate_limit = None
    for _ in range(20):
        client.call_json("CreateUploadUrl", {"TargetAction": DETECT})

    code = _code(lambda: client.call_json("CreateUploadUrl", {"TargetAction": DETECT}))

    assert code == "RequestLimitExceeded"


def test_an_unknown_algorithm_is_reported(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="sliding-window, fixed-window, token-bucket"):
        sandbox.faceid.limiter.algorithm = "leaky-bucket"


def _passes(judged: Pair) -> bool:
    return _code(judged.judge) != "RequestLimitExceeded"


def _code(call: Callable[[], object]) -> str:
    try:
        call()
    except TencentCloudSDKException as error:
        code: str = error.code
        return code
    return "Success"
