"""Admission control: decides whether a content that has an attempt may be called for.

At most `LIVENESS_MAX_SUBMISSIONS` contents of a pair are called for, and a liveness package is
judged for one pair only, unless `LIVENESS_REUSED_PACKAGE` is `report`. Both rules rest on numbers
that contents take in order by creating objects, create-only like claims:

    submissions/<pair hash>/<n>     the n-th content of this pair
    packages/<MD5>/<n>              the n-th content with this liveness package, of any pair

Number 1 of each is created in the round trip that creates the claim, and read in the one that reads
the claim back, together with number 2 of the package: an ordinary pair needs no further round trip.
Only a content that finds another one there makes more requests.

Two pairs with the same package must not both be called for. Each looks at the others after its own
claim and number exist, and gives its claim back if another may be under way or answered late. Of
two that are under way at once, at least one sees the other. A pair that has number 1 and finds no
number 2 has looked already: any later number is taken after that, and its owner then looks. So that
the first pair is not held up by the second, others take no number while a number 1 is younger than
a lease.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from .context import Context
from .errors import LedgerDamagedError, StoreUnavailableError
from .inspection import CompletePair
from .keys import package_key, submission_key
from .ledger import MAX_RECORD_BYTES, Ledger
from .records import (
    LEASE_SECONDS,
    Admission,
    EarlierSubmission,
    Response,
    owner_record,
    package_record,
    submission_record,
)
from .retry import with_retries
from .settings import REJECT
from .store import CLOCK_RESOLUTION_SECONDS, UNPARSABLE
from .verdicts import PACKAGE_REUSED, TOO_MANY_SUBMISSIONS, outcome_of_response

# How many contents may have one package while none of them is judged, as when a person tries again
# with the same file during an outage.
_MAX_PACKAGE_USES = 5
# The longest wait before another look: most calls are settled well before their last moment.
_LOOK_AGAIN_SECONDS = 120.0
# Added at random, so that pairs that wait for each other come back at different times.
_JITTER_SECONDS = 30.0


class Refusal(NamedTuple):
    """The content must not be called for; `code` is the reason in its result."""

    code: str
    admission: Admission


class InUse(NamedTuple):
    """Another pair's call with this package may be under way for that many seconds."""

    seconds: float


class UsesExhausted(NamedTuple):
    """Too many contents have this package, and none of them is judged yet."""


class _Entry(NamedTuple):
    """One number that a content has taken."""

    pair_id: str
    fingerprint: str
    written: float  # seconds since 1970, by the store's clock
    age: float


class AdmissionControl:
    """Decides on the admission of one content, under our claim."""

    def __init__(
        self, ctx: Context, pair: CompletePair, package_md5: str | None, first_attempt: bool
    ) -> None:
        """`package_md5` is None if it is not known; then no call can be made anyway."""
        settings, owner = ctx.settings, owner_record(ctx.info, ctx.clock.now())
        self._ctx = ctx
        self._pair = pair

        self._submissions = _Numbers(
            ctx,
            pair.fingerprint,
            lambda number: submission_key(settings, pair.pair_id, number),
            lambda number: submission_record(
                pair.pair_id, number, pair.fingerprint, package_md5, owner
            ),
            settings.max_submissions,
            first_attempt,
            reads_second=False,
        )
        self._uses = package_md5 and _Numbers(
            ctx,
            pair.fingerprint,
            lambda number: package_key(settings, package_md5, number),
            lambda number: package_record(pair.pair_id, number, pair.fingerprint, owner),
            _MAX_PACKAGE_USES,
            first_attempt,
            reads_second=True,
        )

    # ---- beside the claim, and beside its read-back

    def create_tasks(self) -> list[Callable[[], Any]]:
        """Return the tasks to run while the claim is created."""
        return [task for numbers in self._all() for task in numbers.create_tasks()]

    def read_tasks(self) -> list[Callable[[], Any]]:
        """Return the tasks to run while the claim is read back."""
        return [task for numbers in self._all() for task in numbers.read_tasks()]

    def _all(self) -> list[_Numbers]:
        return [self._submissions, *([self._uses] if self._uses else [])]

    # ---- the decision

    def decide(self) -> Admission | Refusal | InUse | UsesExhausted:
        """Decide whether to call, once both groups of tasks have run."""
        admission = self._number_submission()
        if admission.number is None:
            return Refusal(TOO_MANY_SUBMISSIONS, admission)
        if not self._uses:
            return admission
        use = self._check_package(self._uses)
        if use is None:
            return admission._replace(reused=False)
        if not isinstance(use, float):
            return use
        admission = admission._replace(reused=True, first_used=use)
        if self._ctx.settings.reused_package == REJECT:
            return Refusal(PACKAGE_REUSED, admission)
        return admission

    def number(self) -> Admission:
        """Return the number of a content that is given up, whether it was called for or not."""
        if not self._submissions.entries:
            for tasks in (self._submissions.create_tasks, self._submissions.read_tasks):
                if ready := tasks():
                    self._ctx.concurrency.gather(*ready)
        return self._number_submission()

    def _number_submission(self) -> Admission:
        numbers = self._submissions
        number = numbers.take()
        count = max(numbers.entries)
        others = [
            (other, entry)
            for other, entry in sorted(numbers.entries.items())
            if number is None or other < number
        ]
        earlier, billed = self._earlier(others)
        return Admission(number, count, numbers.limit, earlier, billed)

    def _earlier(
        self, others: list[tuple[int, _Entry]]
    ) -> tuple[tuple[EarlierSubmission, ...], int]:
        """Return the earlier submissions, and how many of their calls may have been billed."""
        found, billed = [], 0
        for (number, entry), response in zip(
            others, self._responses(entry for _, entry in others), strict=True
        ):
            if response is None:
                billed += self._ledger(entry).standing().possibly_billed
                found.append(EarlierSubmission(number, None, None))
            else:
                billed += response.possibly_billed
                outcome = outcome_of_response(response)
                found.append(EarlierSubmission(number, outcome.status, outcome.code))
        return tuple(found), billed

    def _check_package(self, uses: _Numbers) -> float | InUse | UsesExhausted | None:
        """Return when another pair first used the package, or why to wait; None if it is ours."""
        if uses.is_fresh:
            return None
        reports = self._ctx.settings.reused_package != REJECT
        uses.read_all()
        found = self._examine(uses)
        is_called_for = found is None or (reports and isinstance(found, InUse))
        if is_called_for and not uses.has_number:
            # A pair that looks at the others must be seen by them.
            if uses.take() is None:
                return self._do_without_number(uses, reports)
            found = self._examine(uses)
        if reports and isinstance(found, InUse):
            found = uses.first_used_by_others(self._pair.pair_id)
        return found

    def _do_without_number(self, uses: _Numbers, reports: bool) -> float | UsesExhausted | None:
        """Answer `_check_package` if all numbers are taken and no other pair was judged."""
        if reports:
            return uses.first_used_by_others(self._pair.pair_id)
        # If this pair was judged before, others are refused even without this content's number.
        responses = self._responses(uses.of_pair(self._pair.pair_id))
        return None if any(map(_is_verdict, responses)) else UsesExhausted()

    def _examine(self, uses: _Numbers) -> float | InUse | None:
        """Return when another pair was judged with the package, or how long that may yet happen."""
        others = uses.of_others(self._pair.pair_id)
        responses = self._responses(others)
        judged = [
            entry.written
            for entry, response in zip(others, responses, strict=True)
            if _is_verdict(response)
        ]
        if judged:
            return min(judged)
        for entry, response in zip(others, responses, strict=True):
            seconds = LEASE_SECONDS + CLOCK_RESOLUTION_SECONDS - entry.age
            if response is None and seconds <= 0:
                standing = self._ledger(entry).standing()
                if _is_verdict(standing.late):
                    return entry.written
                seconds = standing.seconds_left
            if response is None and seconds > 0:
                seconds = min(seconds, _LOOK_AGAIN_SECONDS)
                return InUse(seconds + self._ctx.rng.uniform(_JITTER_SECONDS))
        return None

    def _responses(self, entries: Iterable[_Entry]) -> list[Response | None]:
        tasks = [self._ledger(entry).response for entry in entries]
        return self._ctx.concurrency.gather(*tasks) if tasks else []

    def _ledger(self, entry: _Entry) -> Ledger:
        return Ledger(self._ctx, entry.pair_id, entry.fingerprint)


def _is_verdict(response: Response | None) -> bool:
    """Whether the service judged the content; after `failed`, the file may be used again."""
    if response is None or response.answer is None:
        return False
    return outcome_of_response(response).status != "failed"


class _Numbers:
    """Numbers from 1 to `limit` that contents take in order, each by creating its object."""

    def __init__(
        self,
        ctx: Context,
        fingerprint: str,
        key: Callable[[int], str],
        record: Callable[[int], bytes],
        limit: int,
        first_attempt: bool,
        reads_second: bool,
    ) -> None:
        """`reads_second` if number 2 matters even when number 1 was just created."""
        self._ctx = ctx
        self._fingerprint = fingerprint
        self._key = key
        self._record = record
        self._first_attempt = first_attempt
        self._reads_second = reads_second
        self._has_created = False
        self.limit = limit
        self.entries: dict[int, _Entry] = {}

    # ---- what is known

    @property
    def has_number(self) -> bool:
        """Whether one of the numbers is ours."""
        return any(entry.fingerprint == self._fingerprint for entry in self.entries.values())

    @property
    def is_fresh(self) -> bool:
        """Whether number 1 is ours, and no other was found when we had our claim."""
        return set(self.entries) == {1} and self.has_number

    def of_pair(self, pair_id: str) -> list[_Entry]:
        """Return the numbers that contents of this pair took."""
        return [entry for entry in self.entries.values() if entry.pair_id == pair_id]

    def of_others(self, pair_id: str) -> list[_Entry]:
        """Return the numbers that contents of other pairs took."""
        return [entry for entry in self.entries.values() if entry.pair_id != pair_id]

    def first_used_by_others(self, pair_id: str) -> float | None:
        """Return when a content of another pair first took a number; None if none did."""
        return min((entry.written for entry in self.of_others(pair_id)), default=None)

    # ---- requests

    def create_tasks(self) -> list[Callable[[], Any]]:
        """Return the task that takes number 1, unless an earlier attempt took it."""
        return [lambda: self._create(1)] if self._first_attempt else []

    def read_tasks(self) -> list[Callable[[], Any]]:
        """Return the tasks that read number 1 and, if that matters, number 2."""
        first = self._read_existing if self._first_attempt else self._read
        tasks: list[Callable[[], Any]] = [lambda: first(1)]
        if self.limit > 1 and (self._reads_second or not self._has_created):
            tasks.append(lambda: self._read(2))
        return tasks

    def read_all(self) -> None:
        """Read all numbers that were taken; one that was erased leaves a gap."""
        unread = [number for number in range(1, self.limit + 1) if number not in self.entries]
        if unread:
            self._ctx.concurrency.gather(*(lambda n=n: self._read(n) for n in unread))

    def take(self) -> int | None:
        """Return our number, taking the next free one if we have none; None if all are taken."""
        if not self.has_number and len(self.entries) > 1:
            self.read_all()
        for number in range(1, self.limit + 1):
            if number not in self.entries:
                self._create(number)
                self._read_existing(number)
            if self.entries[number].fingerprint == self._fingerprint:
                return number
        return None

    def _create(self, number: int) -> None:
        bucket = self._ctx.settings.ledger_bucket
        result = self._ctx.store.create(bucket, self._key(number), self._record(number))
        self._has_created = self._has_created or result.created

    def _read_existing(self, number: int) -> bool:
        def read() -> bool:
            if not self._read(number):
                raise StoreUnavailableError(f"{self._key(number)!r} exists but cannot be read")
            return True

        return with_retries(read, self._ctx.clock, self._ctx.rng)

    def _read(self, number: int) -> bool:
        bucket, key = self._ctx.settings.ledger_bucket, self._key(number)
        stored = self._ctx.store.get(bucket, key, MAX_RECORD_BYTES)
        if stored is None:
            return False
        try:
            record = json.loads(stored.body)
            pair_id, fingerprint = str(record["pair_id"]), str(record["fingerprint"])
        except UNPARSABLE:
            raise LedgerDamagedError(
                f"{key!r} in {bucket!r} is not as this function wrote it: restore or delete it"
            ) from None
        head = stored.head
        self.entries[number] = _Entry(pair_id, fingerprint, head.last_modified, head.age)
        return True
