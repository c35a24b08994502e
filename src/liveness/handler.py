"""Handles one invocation: reads the event, does what it asks for, and returns a summary.

This module wires the function together; no other module of the core imports the cloud.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from . import __version__
from .call import MIN_CALL_SECONDS
from .check import check
from .cloud.clients import ClientFactory, CloudClients
from .cloud.credentials import read_credentials
from .cloud.system import SystemClock, SystemRandom, ThreadConcurrency
from .context import Context
from .drain import Drainer, drain
from .errors import (
    ConfigurationError,
    LivenessError,
    PairNotFinishedError,
    PairsNotFinishedError,
    StoreUnavailableError,
)
from .events import Trigger, read_event
from .invocation import Invocation, read_invocation
from .keys import drain_shard_of, pair_hash
from .logs import Log, silence_vendors, write_stdout
from .markers import Marker, ParkReason, park, try_park
from .pacing import CallPacer, Unpaced
from .reconcile import reconcile
from .runtime import Clock, Concurrency, Random
from .settings import read_settings
from .store import RetryingStore
from .walk import Walk, WalkResult

_LOGGED_FRAMES = 3
# If our clock is further ahead than this, COS refuses our signatures.
_MAX_CLOCK_OFFSET_SECONDS = 60.0


class Function:
    """The function as one instance runs it, with the state kept between invocations."""

    def __init__(
        self,
        clock: Clock | None = None,
        rng: Random | None = None,
        concurrency: Concurrency | None = None,
        clients: ClientFactory | None = None,
        environ: Mapping[str, str] = os.environ,
        write: Callable[[str], Any] = write_stdout,
        cpu_share: float | None = None,
    ) -> None:
        """`cpu_share` is this instance's share of a core, if it was measured."""
        silence_vendors()
        self._clock = clock or SystemClock()
        self._rng = rng or SystemRandom()
        self._concurrency = concurrency or ThreadConcurrency()
        self._clients = clients or CloudClients(self._clock, self._concurrency)
        self._environ = environ
        self._write = write
        self._trusted_buckets: set[str] = set()
        self._unlogged_cpu_share = cpu_share

    def __call__(self, event: object, context: object) -> dict[str, Any]:
        """Handle one event and return a summary.

        Raises PairsNotFinishedError if pairs must be retried, EventError for an event of unknown
        type, ConfigurationError (SettingsError) if an operator must act, and StoreUnavailableError
        if COS fails a drain, a reconcile run or a check.
        """
        invocation = read_invocation(context, self._environ, self._clock.monotonic())
        request_id = invocation.info.request_id
        log = Log(self._write, {"request_id": request_id, "version": __version__})
        if self._unlogged_cpu_share is not None:
            log("instance.started", cpu_share=round(self._unlogged_cpu_share, 2))
            self._unlogged_cpu_share = None
        with _logging_failure(log):
            ctx, trigger = self._prepare(event, invocation)
            _log_trigger(log, ctx, trigger)
            summary = {"kind": trigger.kind, **_HANDLERS[trigger.kind](ctx, trigger, log)}
        if abs(ctx.store.clock_offset) > _MAX_CLOCK_OFFSET_SECONDS:
            log("invocation.clock-off", seconds=round(ctx.store.clock_offset))
        states = [pair["state"] for pair in summary.get("pairs", ())]
        milliseconds = round((self._clock.monotonic() - invocation.started) * 1000)
        counts = {state: states.count(state) for state in states}
        log("invocation.finished", ms=milliseconds, **counts)
        return summary

    def _prepare(self, event: object, invocation: Invocation) -> tuple[Context, Trigger]:
        settings = read_settings(self._environ)
        invocation.check_timeout(settings)
        trigger = read_event(settings, event)
        clients = self._clients.connect(settings, read_credentials(self._environ))
        ctx = Context(
            settings=settings,
            store=RetryingStore(clients.store, self._clock, self._rng),
            face=clients.face,
            frames=clients.frames,
            clock=self._clock,
            rng=self._rng,
            concurrency=self._concurrency,
            pacer=_pacer_for(trigger, self._clock),
            info=invocation.info,
            deadline=invocation.deadline,
            trusted_buckets=self._trusted_buckets,
        )
        return ctx, trigger


def _pacer_for(trigger: Trigger, clock: Clock) -> CallPacer:
    """Let a direct invocation call at once, and an event leave the rate to a busy drainer."""
    return Unpaced(clock, defers_to_drain=trigger.kind == "cos")


@contextmanager
def _logging_failure(log: Log) -> Iterator[None]:
    try:
        yield
    except LivenessError as error:
        log("invocation.failed", error=type(error).__name__, reason=str(error))
        raise


def _log_trigger(log: Log, ctx: Context, trigger: Trigger) -> None:
    log("invocation.started", kind=trigger.kind, pairs=len(trigger.pair_ids))
    for warning in ctx.settings.warnings:
        log("settings.warning", reason=warning)
    for record in trigger.skipped:
        log(f"record.{record.kind}", where=record.where, reason=record.reason)


# ---- one handler per kind of trigger


def _handle_pairs(ctx: Context, trigger: Trigger, log: Log) -> dict[str, Any]:
    """Walk each pair once; one that fails does not stop the others.

    Raises PairsNotFinishedError, which names the pairs that must be retried.
    """
    results: list[WalkResult] = []
    failures: dict[str, str] = {}
    for pair_id in trigger.pair_ids:
        try:
            if ctx.seconds_for_calls() < MIN_CALL_SECONDS and results:
                results.append(_park_unwalked(ctx, pair_id))
                continue
            is_event = trigger.kind == "cos"
            walk = Walk(
                ctx,
                pair_id,
                log,
                urgent=trigger.kind == "retry",
                is_image_alone=trigger.is_image_alone(pair_id),
                as_configured=is_event and pair_id not in trigger.in_other_case,
            )
            if trigger.kind == "retry":
                walk.grant()
            result = walk.run()
        except Exception as error:  # whatever it is, the next pair is still walked
            reason, parked = _handle_failed_pair(ctx, pair_id, error, log)
            # A redelivered event would be refused as well, and add another marker.
            if not (trigger.kind == "cos" and parked and _is_refusal(error)):
                failures[pair_id] = reason
            continue
        results.append(result)
        log("pair.finished", pair_id=pair_id, state=result.state, status=result.status)
    due = [result.pair_id for result in results if result.is_due]
    if trigger.kind == "cos" and due:
        _drain_after_event(ctx, due[0], log)
    if failures:
        raise PairsNotFinishedError(failures)
    return {
        "skipped": [record.to_summary() for record in trigger.skipped],
        "pairs": [result.to_summary() for result in results],
    }


def _park_unwalked(ctx: Context, pair_id: str) -> WalkResult:
    """Park a pair without inspecting it, because no time is left."""
    park(ctx, Marker(pair_id, ParkReason.TIME_EXHAUSTED), 0)
    detail = ParkReason.TIME_EXHAUSTED.text
    return WalkResult(pair_id, "parked", detail=detail, is_due=True)


def _is_refusal(error: Exception) -> bool:
    """Whether an operator must act; until that is done, the drain raises."""
    return isinstance(error, PairNotFinishedError) and isinstance(error.cause, ConfigurationError)


def _handle_drain(ctx: Context, trigger: Trigger, log: Log) -> dict[str, Any]:
    return {"drain": drain(ctx, log).to_summary()}


def _handle_reconcile(ctx: Context, trigger: Trigger, log: Log) -> dict[str, Any]:
    def needs_work(pair_id: str) -> bool:
        return Walk(ctx, pair_id, log).needs_work()

    summary = reconcile(ctx, log, trigger.prefix, needs_work).to_summary()
    log("reconcile.run-finished", **summary)
    return {"reconcile": summary}


def _handle_check(ctx: Context, trigger: Trigger, log: Log) -> dict[str, Any]:
    return {"check": {"version": __version__, **check(ctx)}}


_HANDLERS: Mapping[str, Callable[[Context, Trigger, Log], dict[str, Any]]] = {
    "cos": _handle_pairs,
    "pairs": _handle_pairs,
    "retry": _handle_pairs,
    "drain": _handle_drain,
    "reconcile": _handle_reconcile,
    "check": _handle_check,
}


def _drain_after_event(ctx: Context, pair_id: str, log: Log) -> None:
    """Drain a pair's shard after the event's own pairs; a failure here does not fail the event."""
    try:
        Drainer(ctx, log, drain_shard_of(ctx.settings, pair_hash(pair_id))).run()
    except Exception as error:
        log("drain.failed", error=type(error).__name__, reason=_describe(error))


def _handle_failed_pair(ctx: Context, pair_id: str, error: Exception, log: Log) -> tuple[str, bool]:
    """Log and park a pair whose walk failed; return the reason, and whether a marker exists.

    The platform retries an event only twice; a marker lasts. If parking fails as well, the error
    that is raised still names the pair.
    """
    cause = error.cause if isinstance(error, PairNotFinishedError) else error
    reason = _describe(cause)
    log("pair.failed", pair_id=pair_id, error=type(cause).__name__, reason=reason)
    parked = isinstance(error, PairNotFinishedError) and error.marker_written
    if not parked:
        is_store = isinstance(cause, StoreUnavailableError)
        park_reason = ParkReason.STORE_UNAVAILABLE if is_store else ParkReason.UNEXPECTED_ERROR
        parked = try_park(ctx, Marker(pair_id, park_reason, reason), 0)
    return reason, parked


def _describe(error: Exception) -> str:
    """Return the text of an error; of one that is not ours, only type and place are safe to log."""
    if isinstance(error, LivenessError):
        return f"{type(error).__name__}: {error}"
    frames = traceback.extract_tb(error.__traceback__)[-_LOGGED_FRAMES:]
    place = " < ".join(f"{os.path.basename(f.filename)}:{f.lineno}" for f in reversed(frames))
    return f"{type(error).__name__} at {place}"
