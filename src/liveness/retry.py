"""Our own retries: full jitter, bounded by attempts and by time.

The n-th wait is drawn evenly from 0 to min(cap, base * 2^(n-1)) seconds. The SDKs' retries stay
off: cos-python-sdk-v5 sleeps up to six seconds and repeats a PUT whose 200 was lost, and the face
API's StandardRetryer calls again after a success.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from .errors import StoreUnavailable
from .seams import Chance, Clock

T = TypeVar("T")


class RetryPolicy(NamedTuple):
    """At most `attempts` tries, none begun after `seconds`; all times in seconds."""

    attempts: int
    seconds: float
    base: float = 0.1
    cap: float = 2.0

    def wait(self, failures: int, chance: Chance) -> float:
        """Seconds to wait after that many failures (1 or more)."""
        return chance.up_to(min(self.cap, self.base * 2 ** (failures - 1)))


STORE = RetryPolicy(attempts=4, seconds=12)
# A paid answer is in hand and nowhere else: try longer to write it down.
KEEP = RetryPolicy(attempts=8, seconds=20)


def patiently(
    task: Callable[[], T],
    clock: Clock,
    chance: Chance,
    policy: RetryPolicy = STORE,
    failed: Callable[[], None] | None = None,
) -> T:
    """Run `task` until it raises something other than StoreUnavailable or the policy is used up.

    `failed` is called after the first failure.
    """
    begun = clock.monotonic()
    failures = 0
    while True:
        try:
            return task()
        except StoreUnavailable:
            failures += 1
            if failed and failures == 1:
                failed()
            wait = policy.wait(failures, chance)
            if failures >= policy.attempts or clock.monotonic() + wait - begun > policy.seconds:
                raise
        clock.sleep(wait)
