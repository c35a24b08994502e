"""The time that an invocation has, and the settings that cannot work within it."""

from __future__ import annotations

import pytest

from liveness.errors import ConfigurationError
from liveness.invocation import read_invocation
from liveness.settings import read_settings


def check(seconds: int, rate: str) -> None:
    environ = {
        "TENCENTCLOUD_REGION": "ap-singapore",
        "LIVENESS_BUCKET": "faces-1250000000",
        "LIVENESS_RATE_LIMIT": rate,
    }
    invocation = read_invocation({"time_limit_in_ms": seconds * 1000}, {}, started=0.0)
    invocation.check_timeout(read_settings(environ))


@pytest.mark.parametrize(
    ("seconds", "rate"), [(60, "0.12"), (60, "0.19"), (64, "0.1"), (63, "0.12")]
)
def test_a_rate_too_low_for_the_timeout_is_named(seconds: int, rate: str) -> None:
    """A drain could never wait for its first permit: no call would ever be made."""
    with pytest.raises(ConfigurationError) as raised:
        check(seconds, rate)

    for part in ("LIVENESS_RATE_LIMIT", rate, "timeout", f"{seconds} s", "higher rate"):
        assert part in str(raised.value)


@pytest.mark.parametrize(("seconds", "rate"), [(60, "0.2"), (60, "5"), (65, "0.1"), (900, "0.1")])
def test_a_rate_that_fits_the_timeout_is_accepted(seconds: int, rate: str) -> None:
    check(seconds, rate)


def test_a_timeout_under_a_minute_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"timeout is 59 s.*at least 60 s"):
        check(59, "5")
