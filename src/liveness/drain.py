"""The drain: one instance per shard processes the markers that are due, at the configured rate."""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from .breaker import Breaker, CallOutcome
from .context import Context
from .drain_slot import SlotLease
from .due_markers import DueMarker, DueMarkers
from .errors import (
    ConfigurationError,
    LedgerDamagedError,
    LivenessError,
    PairNotFinishedError,
    StoreUnavailableError,
)
from .keys import drain_shard_of, drain_shards, pair_id_problem
from .logs import Log
from .markers import (
    MAX_DELIVERIES,
    MAX_MARKER_BYTES,
    REDELIVERY_SECONDS,
    Marker,
    park,
    read_marker,
)
from .pacing import Permit, SteeredPacer
from .walk import Walk

# How long a marker waits if its pair could not be processed for a reason that is not its own.
_PAUSE_SECONDS = 60.0
# The minimum time left to start processing a pair: one call, and its bookkeeping.
_MIN_PAIR_SECONDS = 35.0
# Enough for calls that take long; threads are started only as they are needed.
_MAX_WORKERS = 128
# Walks begin this long before their turn: they read the marker, requeue it and inspect the pair.
_AHEAD_SECONDS = 1.0
# With fewer markers left than calls in _LAST_SECONDS, walks begin at most _LAST_AHEAD_SECONDS ahead
# of a free turn, so that each pair goes to the drainer that can call for it first.
_LAST_SECONDS = 2.0
_LAST_AHEAD_SECONDS = 0.75
# One pair may be refused for a reason of its own; this many in a row stop the drain.
_MAX_REFUSALS = 5
# One pair's link may be bad for a reason of its own; this many in a row point to the installation.
_MAX_BAD_LINKS = 5
_FINISHED_STATES = ("published", "done")


def _share(rate: float, shards: int, shard: int) -> float:
    """Return a shard's share of the rate: all, or whole calls that add up to it, rounded down."""
    return rate if shards == 1 else int(rate) // shards + (shard < int(rate) % shards)


class _WalkPacer:
    """The drainer's pacer for one walk; it records whether the walk is preparing, and active."""

    defers_to_drain = False

    def __init__(
        self, pacer: SteeredPacer, key: str, preparing: set[str], active: set[str]
    ) -> None:
        self._pacer, self._key = pacer, key
        self._preparing, self._active = preparing, active
        self.close, self.may_resend = pacer.close, pacer.may_resend

    def acquire(self, timeout: float) -> Permit | None:
        permit = self._pacer.acquire(timeout)
        self._preparing.discard(self._key)
        if permit is not None:
            self._active.discard(self._key)
        return permit

    def await_start(self, permit: Permit) -> bool:
        self._active.discard(self._key)
        return self._pacer.await_start(permit)

    def on_outcome(self, outcome: CallOutcome, permit: Permit | None) -> None:
        self._pacer.on_outcome(outcome, permit)
        if permit is not None:
            self._active.add(self._key)


class Drained(NamedTuple):
    """What a drain did: whether it got the slot, and how many markers ended in which state."""

    began: bool
    ended: dict[str, int]

    def to_summary(self) -> dict[str, object]:
        return {"began": self.began, "ended": self.ended}


def drain(ctx: Context, log: Log) -> Drained:
    """Drain each shard that no other instance drains, one after another."""
    began, ended = False, Counter[str]()
    for shard in range(drain_shards(ctx.settings)):
        drained = Drainer(ctx, log, shard).run()
        began = began or drained.began
        ended.update(drained.ended)
    return Drained(began, dict(ended))


class Drainer:
    """Processes a shard's markers while it holds the slot and its invocation has time."""

    def __init__(self, ctx: Context, log: Log, shard: int) -> None:
        shards = drain_shards(ctx.settings)
        rate = _share(ctx.settings.rate_limit, shards, shard)
        self._last = rate * _LAST_SECONDS if shards > 1 else 0.0
        # At most this many walks may be active. More would prepare, get no permit, and park when
        # the drain ends; and where CPU is scarce, those that publish come first.
        self._ahead = math.ceil(rate * _AHEAD_SECONDS) + 2
        self._poll_seconds = min(max(0.5 / rate, 0.02), 0.2)
        self._lease = SlotLease(ctx, shard, _MIN_PAIR_SECONDS, handover_seconds=self._ahead / rate)
        self._breaker = Breaker(ctx.settings, ctx.store, ctx.concurrency.lock())
        self._pacer = SteeredPacer(
            rate, ctx.clock, ctx.concurrency.lock(), self._lease, self._breaker
        )
        self._ctx = ctx._replace(pacer=self._pacer)
        self._log = log
        is_ours = (lambda pair: drain_shard_of(ctx.settings, pair) == shard) if shards > 1 else None
        self._markers = DueMarkers(ctx, _MAX_WORKERS, is_ours)
        self._ended: Counter[str] = Counter()
        # The markers of walks that have no permit yet; `_active` also has those whose call ended.
        self._preparing: set[str] = set()
        self._active: set[str] = set()
        self._is_busy = False
        self._refusals = 0  # in a row
        self._last_refusal: ConfigurationError | None = None
        self._stopped = False

    def run(self) -> Drained:
        """Drain, unless another instance does.

        Raises ConfigurationError if processing the markers raised it; the markers stay.
        """
        if self._ctx.seconds_for_calls() < _MIN_PAIR_SECONDS or not self._lease.acquire_current():
            return Drained(False, {})
        try:
            self._breaker.load()
            while True:
                before = self._breaker.state
                is_probing = before is not None
                tasks = self._probes() if is_probing else self._tasks()
                workers = 1 if is_probing else _MAX_WORKERS
                self._ctx.concurrency.run_pool(tasks, workers=workers)
                self._save_breaker()
                if not self._should_continue():
                    break
                if is_probing and self._breaker.state != before:
                    continue  # closed by a probe; unchanged if no marker led to one
                # Events that parked while we had the slot relied on us: give it back, list again.
                if not self._release():
                    break
                if not self._markers.look_again() or not self._lease.acquire_current():
                    break
        finally:
            # Even if COS failed meanwhile: the next drainer must not call at full rate again.
            with contextlib.suppress(StoreUnavailableError):
                self._save_breaker()
            self._release()
        if self._breaker.most_bad_links >= _MAX_BAD_LINKS:
            self._log("drain.links-unreadable", calls=self._breaker.most_bad_links)
        self._log(
            "drain.finished",
            overdue_seconds=round(self._markers.oldest_overdue_seconds or 0.0),
            **self._ended,
        )
        if self._last_refusal and (self._stopped or set(self._ended) == {"refused"}):
            raise self._last_refusal
        return Drained(True, dict(self._ended))

    def _should_continue(self) -> bool:
        """Whether another marker may be processed: there is time, and the slot is ours."""
        if self._breaker.blocks:
            return False
        if self._lease.is_retired or self._ctx.seconds_for_calls() < _MIN_PAIR_SECONDS:
            return False
        return not self._stopped and self._lease.renew()

    def _release(self) -> bool:
        if self._lease.is_held:
            self._ctx.clock.sleep(self._pacer.seconds_until_quiet())
        return self._lease.release()

    def _tasks(self) -> Iterator[Callable[[], None]]:
        """Yield tasks until no marker is left and none is being processed."""
        while self._should_continue():
            self._announce()
            is_full = len(self._active) >= self._ahead
            is_early = not is_full and self._is_early()
            if self._markers.begin_listing():
                yield partial(self._markers.list_page)
            elif not is_full and (marker := self._markers.next(only_obsolete=is_early)):
                self._preparing.add(marker.key)
                self._active.add(marker.key)
                yield partial(self._handle, marker)
            elif self._active or self._markers.any_pending or self._markers.any_due:
                self._ctx.clock.sleep(self._poll_seconds)
            else:
                return

    def _is_early(self) -> bool:
        """Whether another drainer may have an earlier turn for the marker we would draw now."""
        if self._markers.left >= self._last:
            return False
        return len(self._preparing) >= self._pacer.places_within(_LAST_AHEAD_SECONDS)

    def _announce(self) -> None:
        """Have events park while pairs wait for us, and otherwise call by themselves."""
        is_busy = self._markers.waiting > 0
        if is_busy != self._is_busy:
            self._is_busy = is_busy
            self._pacer.steer(self._markers.waiting)
        self._lease.announce(is_busy)

    def _probes(self) -> Iterator[Callable[[], None]]:
        """Yield tasks until one has made a call, whether or not that closed the breaker."""
        before = self._breaker.state
        for task in self._tasks():
            yield task
            if self._breaker.state != before:
                return

    def _save_breaker(self) -> None:
        """Store the breaker's state for others, and log when it opened or closed."""
        state, was_open = self._breaker.state, self._breaker.was_open
        self._breaker.save()
        if state is not None and not was_open:
            self._log("drain.breaker-opened", reason=state.cause)
        elif state is None and was_open:
            self._log("drain.breaker-closed")

    def _handle(self, marker: DueMarker) -> None:
        """Process a marker; if that fails, the other pairs go on, and the marker stays."""
        state = "failed"
        try:
            state = self._delete(marker.key) if marker.is_obsolete else self._process(marker.key)
        except ConfigurationError as error:
            self._last_refusal, state = error, "refused"
        except Exception as error:
            # The text of our own errors is safe to log; that of any other may hold a secret.
            reason = str(error) if isinstance(error, LivenessError) else None
            self._log("drain.marker-failed", error=type(error).__name__, reason=reason)
        finally:
            self._preparing.discard(marker.key)
            self._active.discard(marker.key)
            if not marker.is_obsolete:
                self._markers.done(
                    marker.key,
                    finished=state in _FINISHED_STATES,
                    has_new_marker=state == "parked",
                    was_gone=state == "gone",
                )
        self._refusals = self._refusals + 1 if state == "refused" else 0
        self._stopped = self._stopped or self._refusals >= _MAX_REFUSALS
        if state == "refused" and (self._stopped or self._breaker.state is not None):
            # The refused request may be one before the call, which the breaker does not observe.
            self._breaker.open(CallOutcome.REFUSED)
        self._ended[state] += 1

    def _delete(self, key: str) -> str:
        self._ctx.store.delete(self._ctx.settings.ledger_bucket, key)
        return "obsolete"

    def _process(self, key: str) -> str:
        """Requeue the marker at the tail, walk its pair, and delete it; return how that ended.

        So a poison message, one that kills its instance, is counted, and comes after all others.
        """
        ctx, bucket = self._ctx, self._ctx.settings.ledger_bucket
        stored = ctx.store.get(bucket, key, MAX_MARKER_BYTES)
        if stored is None:
            return "gone"
        marker = read_marker(stored.body)
        if marker is None or pair_id_problem(ctx.settings, marker.pair_id):
            self._log("drain.marker-invalid", key=key)
            ctx.store.delete(bucket, key)
            return "invalid"
        redelivered = marker._replace(deliveries=marker.deliveries + 1)
        requeued_key = park(ctx, redelivered, REDELIVERY_SECONDS)
        ctx.store.delete(bucket, key)
        try:
            state = self._walk(marker, key)
        except PairNotFinishedError as error:
            if not isinstance(error.cause, LedgerDamagedError):
                # Not the pair's fault: this delivery does not count against it.
                if not error.marker_written:
                    park(ctx, marker, _PAUSE_SECONDS)
                ctx.store.delete(bucket, requeued_key)
            raise error.cause from error
        ctx.store.delete(bucket, requeued_key)
        return state

    def _walk(self, marker: Marker, key: str) -> str:
        pacer = _WalkPacer(self._pacer, key, self._preparing, self._active)
        walk = Walk(self._ctx._replace(pacer=pacer), marker.pair_id, self._log, marker)
        if marker.deliveries < MAX_DELIVERIES:
            return walk.run().state
        self._log("drain.given-up", pair_id=marker.pair_id, deliveries=marker.deliveries)
        return walk.abandon().state
