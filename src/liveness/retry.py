"""Retries: exponential backoff with full jitter, bounded by attempts and by time.

The n-th wait is drawn evenly from 0 to min(cap, base * 2^(n-1)) seconds. The SDKs' own retries
stay off: cos-python-sdk-v5 sleeps up to six seconds and repeats a PUT whose 200 was lost, and the
face API's StandardRetryer calls again after a success.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from .errors import StoreUnavailableError
from .runtime import Clock, Random

T = TypeVar("T")


class RetryPolicy(NamedTuple):
    """At most `attempts` tries, none begun after `seconds`; all times in seconds."""

    attempts: int
    seconds: float
    base: float = 0.1
    cap: float = 2.0

    def wait(self, failures: int, rng: Random) -> float:
        """Return the seconds to wait after that many failures (1 or more)."""
        # No float holds 2**1024.
        return rng.uniform(min(self.cap, self.base * 2 ** min(failures - 1, 100)))


DEFAULT_POLICY = RetryPolicy(attempts=4, seconds=12)
# For a paid answer that exists only in memory; an invocation that has more time tries for longer.
PERSISTENT_POLICY = RetryPolicy(attempts=8, seconds=20)


def with_retries(
    task: Callable[[], T],
    clock: Clock,
    rng: Random,
    policy: RetryPolicy = DEFAULT_POLICY,
    on_first_failure: Callable[[], None] | None = None,
) -> T:
    """Run `task` until it succeeds, and return its result.

    Raises StoreUnavailableError once the policy is used up, and any other error at once.
    """
    started = clock.monotonic()
    failures = 0
    while True:
        try:
            return task()
        except StoreUnavailableError:
            failures += 1
            if on_first_failure and failures == 1:
                on_first_failure()
            wait = policy.wait(failures, rng)
            if failures >= policy.attempts or clock.monotonic() + wait - started > policy.seconds:
                raise
        clock.sleep(wait)
