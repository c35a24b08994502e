"""The history of the attempts for one fingerprint, and when the next may be made. Pure.

Every set-back has an owner (see verdict_table.Owner), and is handled by owner alone:

    the account's    throttled, credentials, arrears      free; never counted, never spaced
    the service's    no reply                             an attempt; spaced, and at most the limit
                     never sent                           free; spaced by the breaker alone
                     answered, without a verdict          a set-back
    the pair's       bad link, codes about the content,   a set-back
                     preparation that takes too long

Set-backs are spaced by 1, 2, 4 ... 60 minutes, and MAX_SETBACKS of them end a content. Attempts
without a reply are spaced by a minute, then ten; the last waits until an hour after the first
of them, so that no outage of an hour ends a pair.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from .records import LEASE_SECONDS, Claim
from .store import wait_until

# Unbilled calls for one content; the pauses between them add up to five hours.
MAX_SETBACKS = 11
_FIRST_PAUSE_SECONDS = 60.0
_MAX_PAUSE_SECONDS = 3600.0
_LATER_PAUSE_SECONDS = 600.0  # from the second attempt without a reply
# I9: the attempts of a pair that is given up for want of an answer span at least this long.
MIN_SPAN_SECONDS = 3600.0
# No genuine wait is longer.
_MAX_WAIT_SECONDS = 2 * MIN_SPAN_SECONDS
_MAX_DOUBLINGS = 8  # after which the longest pause is reached anyway
# At most this share of a pause is added at random, so that pairs set back together spread out.
JITTER = 0.2


class History(NamedTuple):
    """The attempts up to `number`, all settled. Times are by the store's clock.

    It is stored in releases (`<n>.released`), which are authoritative, and travels in markers, so
    that a walk costs the same whatever happened before.
    """

    number: int = 0
    unanswered: tuple[int, ...] = ()  # attempts that may have been billed
    setbacks: int = 0
    since: float = 0.0  # when the first unanswered attempt began, else the first set-back
    not_before: float = 0.0  # when the next call may be made

    def released(self, number: int) -> History:
        """Return the history after attempt `number` was given back for free."""
        return self._replace(number=number)

    def set_back(self, number: int, now: float, jitter: float) -> History:
        """Return the history after a set-back; `jitter` is drawn from 0 to JITTER."""
        doublings = min(self.setbacks, _MAX_DOUBLINGS)
        pause = min(_MAX_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2.0**doublings)
        return self._replace(
            number=number,
            setbacks=self.setbacks + 1,
            since=self.since or now,
            not_before=now + pause * (1 + jitter),
        )

    def left_unanswered(
        self, number: int, began: float, limit: int, jitter: float = 0.0
    ) -> History:
        """Return the history after an attempt without a reply, whose claim was made at `began`."""
        count = len(self.unanswered) + 1
        since = self.since if self.unanswered else began
        # After the last attempt the answer may still come, however long ago the first one was.
        is_early = count == 1 and count < limit
        pause = _FIRST_PAUSE_SECONDS if is_early else _LATER_PAUSE_SECONDS
        not_before = began + pause * (1 + jitter)
        if count >= limit - 1:  # one attempt is left, or none: let an outage pass
            not_before = max(not_before, since + MIN_SPAN_SECONDS * (1 + jitter))
        return self._replace(
            number=number,
            unanswered=(*self.unanswered, number),
            since=since,
            not_before=max(not_before, began + LEASE_SECONDS),
        )

    def extended(self, claims: Iterable[Claim], now: float, limit: int) -> History:
        """Return the history, extended by claims whose lease expired without a release."""
        history = self
        for claim in claims:
            history = history.left_unanswered(claim.number, now - claim.age, limit)
        return history

    @property
    def give_up_at(self) -> float:
        """When a pair without attempts left may be given up."""
        return max(self.not_before, self.since + MIN_SPAN_SECONDS) if self.unanswered else 0.0

    def wait(self, now: float) -> float:
        """Return the seconds until the next call may be made."""
        return wait_until(self.not_before, now, _MAX_WAIT_SECONDS)

    def wait_to_give_up(self, now: float) -> float:
        """Return the seconds until the pair may be given up for want of attempts."""
        return wait_until(self.give_up_at, now, _MAX_WAIT_SECONDS)

    def to_record(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "unanswered": list(self.unanswered),
            "setbacks": self.setbacks,
            "since": self.since,
            "not_before": self.not_before,
        }


def read_history(record: Any) -> History:
    """Parse a stored history. Raises one of store.UNPARSABLE."""
    history = History(
        number=int(record["number"]),
        unanswered=tuple(int(number) for number in record["unanswered"]),
        setbacks=int(record["setbacks"]),
        since=float(record["since"]),
        not_before=float(record["not_before"]),
    )
    if not 0 <= len(history.unanswered) <= history.number or history.setbacks < 0:
        raise ValueError("not a history")
    return history
