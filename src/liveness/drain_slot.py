"""Decides which instance drains a shard: a lease on a slot of time, taken by a create-only PUT.

Time is divided into slots. The instance that creates `drain/<slot>-<shard>` is the shard's drainer
for that slot and takes the next slot before its own ends. A crashed drainer simply stops renewing;
there is nothing to clean up. The lease saves calls that would be throttled. Safety never depends
on it: claims provide that.
"""

from __future__ import annotations

from .context import Context
from .errors import StoreUnavailableError
from .keys import SLOT_SECONDS, drain_busy_key, drain_slot_key
from .records import slot_record
from .store import CLOCK_RESOLUTION_SECONDS

# The next slot is taken this long before it begins.
_EARLY_SECONDS = 6.0
# No call starts this shortly before the end of a slot unless we hold the next one: within a second
# of that call the next drainer may call, and its clock may end the slot a little earlier.
_LAST_CALL_SECONDS = 1.0 + CLOCK_RESOLUTION_SECONDS
# Platform timers fire at full minutes: they start the next drainer when one must end.
_TIMER_SECONDS = 60
_MAX_SLOT_BYTES = 16 * 1024


class SlotLease:
    """Our lease on the current slot, renewed slot by slot until it retires."""

    def __init__(
        self, ctx: Context, shard: int, min_seconds: float, handover_seconds: float
    ) -> None:
        """Retire `handover_seconds` before a full minute, or `min_seconds` before calls end."""
        self._ctx = ctx
        self._shard = shard
        self._min_seconds = min_seconds
        self._handover_seconds = handover_seconds
        self._nonce = ctx.rng.token()
        self._keys: list[str] = []
        self._announced: list[str] = []  # keys by which events see that we are busy
        self._ends = 0.0
        self._retires: float | None = None

    def acquire_current(self) -> bool:
        """Take the current slot; the first reply may show that our clock was wrong."""
        for _ in range(2):
            moment = self._ctx.store.now()
            acquired = self._acquire(moment)
            if self._slot_at(moment) == self._slot_at(self._ctx.store.now()):
                if acquired:
                    self._retires = self._retires or self._retirement()
                    self.renew()  # the slot may end before the first marker is drawn
                return acquired
            if not self.release():
                return False
        return False

    @property
    def is_held(self) -> bool:
        return bool(self._keys)

    @property
    def is_retired(self) -> bool:
        """Whether no new work may begin under this lease."""
        return self._retires is None or self._ctx.store.now() >= self._retires

    def renew(self) -> bool:
        """Take the next slot if it is time to; return whether a call may start."""
        now, ends = self._ctx.store.now(), self._ends  # which other workers advance
        if ends - _EARLY_SECONDS <= now < ends and not self._retires_before(ends):
            self._acquire(ends)
        return self.is_valid()

    def is_valid(self) -> bool:
        """Whether a call may start now: in a slot of ours that is not about to end."""
        return self._ctx.store.now() < self._ends - _LAST_CALL_SECONDS

    def announce(self, is_busy: bool) -> None:
        """Have events leave the rate to us while we are busy: they park their pairs meanwhile.

        Unlike a slot, this excludes nobody, and may come late; it ends with the slot at the latest.
        """
        bucket = self._ctx.settings.ledger_bucket
        if not is_busy:
            while self._announced:
                self._ctx.store.delete(bucket, self._announced.pop())
            return
        for key in self._keys[-2:]:
            if (busy := drain_busy_key(key)) not in self._announced:
                self._ctx.store.create(bucket, busy, b"{}")
                self._announced.append(busy)
        del self._announced[:-2]  # of past slots: nobody looks at them

    def release(self) -> bool:
        """Delete the current slot and, if it was taken early, the next: events wait for us.

        Return False if a request failed. It is never repeated, but may still take effect when the
        slot is another drainer's: the caller should not take the slot again.
        """
        keys = self._keys[-2:]
        self._keys.clear()
        self._ends = 0.0
        try:
            self.announce(False)
            for key in keys:
                self._ctx.store.delete_once(self._ctx.settings.ledger_bucket, key)
        except StoreUnavailableError:
            return False
        return True

    def _acquire(self, moment: float) -> bool:
        """Take the slot of that moment; return whether it is ours."""
        bucket, key = self._ctx.settings.ledger_bucket, self._slot_at(moment)
        body = slot_record(self._nonce, self._ctx.info)
        if not self._ctx.store.create(bucket, key, body).created:
            # A 409 may be caused by our own first try whose reply was lost, or by another worker.
            stored = self._ctx.store.get(bucket, key, _MAX_SLOT_BYTES)
            if stored is None or self._nonce.encode() not in stored.body:
                return False
        if key not in self._keys:  # several workers may do this at once
            self._keys.append(key)
        self._ends = (moment // SLOT_SECONDS + 1) * SLOT_SECONDS
        return True

    def _slot_at(self, moment: float) -> str:
        return drain_slot_key(self._ctx.settings, moment, self._shard)

    def _retires_before(self, moment: float) -> bool:
        return self._retires is not None and self._retires <= moment

    def _retirement(self) -> float:
        """Return when to retire, by the store's clock: just before a full minute, if possible."""
        now = self._ctx.store.now()
        latest = now + self._ctx.seconds_for_calls() - self._min_seconds
        # A worker that waits for a permit by then must get it before the next drainer's first one.
        boundary = latest // _TIMER_SECONDS * _TIMER_SECONDS - self._handover_seconds
        return boundary if boundary > now else latest
