"""I2 over what was injected: which billed calls were hit, and how many there may be at most.

A call is hit when what was injected came between it and its record: its reply was lost, its
instance was killed before the record was written, or every try to write the record failed. Each
such call explains itself and no other. A race in the store explains one more, and only where the
loser had read its claim back before it was overwritten. So for one fingerprint

    billed <= 1 + those that were hit + claims lost after their read-back
    billed <= attempts allowed + granted + claims lost after their read-back
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from liveness_sandbox import RequestRecord

from .people import Work
from .witness import Record, Seen

MAX_ATTEMPTS = 3


@dataclass(frozen=True)
class Bill:
    """What one fingerprint cost."""

    work: Work
    billed: int
    reply_lost: int
    killed: int
    not_written: int
    races: int
    granted: int

    @property
    def hit(self) -> int:
        return self.reply_lost + self.killed + self.not_written

    @property
    def most(self) -> int:
        """What was injected allows no more."""
        return min(1 + self.hit, MAX_ATTEMPTS + self.granted) + self.races

    def __str__(self) -> str:
        return (
            f"{self.billed} billed calls for {self.work.live.token}{self.work.image.token}, at "
            f"most {self.most}: {self.reply_lost} replies were lost, {self.killed} instances "
            f"killed before the record, {self.not_written} records not written, {self.races} "
            f"claims lost after the read-back, {self.granted} attempts granted"
        )


def bill(work: Work, record: Record) -> Bill:
    """What the record of a run says of this fingerprint."""
    effects = record.effects
    calls = [place for place, seen in enumerate(effects) if is_billed(seen, work)]
    sorts = [_what_hit(place, work, record) for place in calls]
    grants = {
        seen.request.key
        for seen in effects
        if seen.request.method == "PUT" and seen.request.key.startswith(f"{work.ledger}grant-")
    }
    return Bill(
        work,
        len(calls),
        sorts.count("reply lost"),
        sorts.count("killed"),
        sorts.count("not written"),
        len(list(_lost_claims(work, effects))),
        len(grants),
    )


def is_call(seen: Seen, work: Work) -> bool:
    """Whether the API judged this work; the MD5s say so."""
    judged = (work.live.md5, work.image.md5)
    return seen.call is not None and (seen.call.live_md5, seen.call.image_md5) == judged


def is_billed(seen: Seen, work: Work) -> bool:
    return is_call(seen, work) and seen.call is not None and seen.call.billed


def _what_hit(place: int, work: Work, record: Record) -> str:
    """Empty where nothing did."""
    call, after = record.effects[place], record.effects[place + 1 :]
    if call.struck:
        return "reply lost"
    own = [seen for seen in after if seen.who == call.who]
    if any(
        seen.request.method == "PUT" and seen.request.key.startswith(f"{work.ledger}response")
        for seen in own
    ):
        return ""  # it was written, or stood there already
    if any(each.who == call.who for each in record.killed):
        # Only the last thing it did can have been cut off.
        return "" if any(is_billed(seen, work) for seen in own) else "killed"
    return (
        "not written" if any(_is_try_to_write(each, call, work) for each in record.unheard) else ""
    )


def _is_try_to_write(request: RequestRecord, call: Seen, work: Work) -> bool:
    return (
        request.method == "PUT"
        and request.key.startswith(f"{work.ledger}response")
        and request.principal == call.who
        and request.started > call.request.started
    )


def _lost_claims(work: Work, effects: Sequence[Seen]) -> Iterator[str]:
    """Nonces of claims that their creator had read back before somebody else's replaced them."""
    standing: dict[str, Seen] = {}
    read_back: set[str] = set()
    for seen in effects:
        key = seen.request.key
        if not (key.startswith(work.ledger) and key.endswith(".claim") and seen.status == 200):
            continue
        mine = standing.get(key)
        if seen.request.method == "PUT":
            if mine is not None and mine.nonce != seen.nonce and mine.nonce in read_back:
                yield mine.nonce
            standing[key] = seen
        elif mine is not None and seen.who == mine.who:
            read_back.add(mine.nonce)
