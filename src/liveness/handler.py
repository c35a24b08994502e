"""One invocation: read what woke us, walk every pair once, sum up."""

from __future__ import annotations

import contextlib
import os
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from . import __version__
from .backlog import MAX_VISITS, Drainer, Marker, park
from .credentials import read_credentials
from .errors import ConfigurationError, LivenessError, PairsNotFinished
from .events import Wakeup, read_event
from .logs import Log, silence_vendors, write_stdout
from .pacing import AtOnce, TokenBucket
from .pair import Ended, Walk
from .reconcile import reconcile
from .remotes import Connector, Vendors
from .result import Origin
from .seams import Chance, Clock, Concurrency, SystemChance, SystemClock, Threads
from .services import Services
from .settings import read_settings
from .store import PatientStore

# Assumed where the platform says nothing: its own default would be too short for a call anyway.
_DEFAULT_LIMIT_SECONDS = 60.0
_NO_LIMIT = 10**9  # no time limit is that long, by either unit
# A drain must be able to begin, walk a pair with one slow call, and close.
LEAST_LIMIT_SECONDS = 60.0
_LOGGED_FRAMES = 3
_NAME = 128  # characters: no name of the platform's is longer


class Function:
    """The function as an instance holds it: what is kept from one invocation to the next."""

    def __init__(
        self,
        clock: Clock | None = None,
        chance: Chance | None = None,
        concurrency: Concurrency | None = None,
        connector: Connector | None = None,
        environ: Mapping[str, str] = os.environ,
        write: Callable[[str], Any] = write_stdout,
    ) -> None:
        silence_vendors()
        self._clock = clock or SystemClock()
        self._chance = chance or SystemChance()
        self._concurrency = concurrency or Threads()
        self._environ = environ
        self._write = write
        self._connector = connector or Vendors(self._clock, self._concurrency)
        self._trusted_buckets: set[str] = set()

    def __call__(self, event: object, context: object) -> dict[str, Any]:
        """Handle one event; returns a summary.

        Raises PairsNotFinished when pairs must be tried again, EventError for an event that is
        nothing we know, ConfigurationError (SettingsError) before any pair is looked at.
        """
        began = self._clock.monotonic()
        said = context if isinstance(context, dict) else {}
        origin = Origin(
            _text(said.get("function_name")) or self._environ.get("SCF_FUNCTIONNAME", ""),
            _text(said.get("function_version")) or self._environ.get("SCF_FUNCTIONVERSION", ""),
            _text(said.get("request_id")),
        )
        log = Log(self._write, {"request_id": origin.request_id, "version": __version__})
        try:
            services, wakeup = self._prepare(event, origin, began, _limit_seconds(said))
        except LivenessError as error:
            log("invocation.failed", error=type(error).__name__, why=str(error))
            raise
        log("invocation.started", kind=wakeup.kind, pairs=len(wakeup.pair_ids))
        for warning in services.settings.warnings:
            log("settings.warning", why=warning)
        for remark in wakeup.remarks:
            log(f"record.{remark.kind}", where=remark.where, why=remark.why)
        summary: dict[str, Any] = {"kind": wakeup.kind}
        try:
            if wakeup.kind == "drain":
                summary["drain"] = _drain(services, log)
            elif wakeup.kind == "reconcile":
                summary["reconcile"] = _reconcile(services, log, wakeup.prefix)
            else:
                summary["remarks"] = [remark._asdict() for remark in wakeup.remarks]
                summary["pairs"] = _walk_all(services, wakeup, log)
        except LivenessError as error:
            log("invocation.failed", error=type(error).__name__, why=str(error))
            raise
        states = [pair["state"] for pair in summary.get("pairs", ())]
        milliseconds = round((self._clock.monotonic() - began) * 1000)
        log("invocation.ended", ms=milliseconds, **{name: states.count(name) for name in states})
        return summary

    def _prepare(
        self, event: object, origin: Origin, began: float, limit: float
    ) -> tuple[Services, Wakeup]:
        settings = read_settings(self._environ)
        if limit < LEAST_LIMIT_SECONDS:
            raise ConfigurationError(
                f"the function's timeout is {limit:g} s: too short for calls, retries and what "
                f"must be written down; set at least {LEAST_LIMIT_SECONDS:g} s"
            )
        wakeup = read_event(settings, event)
        remotes = self._connector.connect(settings, read_credentials(self._environ))
        services = Services(
            settings=settings,
            store=PatientStore(remotes.store, self._clock, self._chance),
            face=remotes.face,
            frames=remotes.frames,
            clock=self._clock,
            chance=self._chance,
            concurrency=self._concurrency,
            # Who invokes directly asks for these pairs; events leave the limit to a drainer.
            pace=AtOnce(self._clock, yields=wakeup.kind == "cos"),
            origin=origin,
            ends_at=began + limit,
            trusted_buckets=self._trusted_buckets,
        )
        return services, wakeup


def _walk_all(on: Services, wakeup: Wakeup, log: Log) -> list[dict[str, Any]]:
    """Walk each pair once; one that fails does not stop the others.

    Raises PairsNotFinished, naming those that must be tried again.
    """
    ended: list[Ended] = []
    failures: dict[str, str] = {}
    for pair_id in wakeup.pair_ids:
        try:
            walk = Walk(on, pair_id, log)
            if wakeup.kind == "retry":
                walk.grant()
            ended.append(walk.run())
        except Exception as error:  # whatever it is, the next person's pair goes on
            why = _describe(error)
            log("pair.failed", pair_id=pair_id, error=type(error).__name__, why=why)
            failures[pair_id] = why
            if not getattr(error, "parked", False):
                _park_failed(on, pair_id, why)
            continue
        log("pair.ended", pair_id=pair_id, state=ended[-1].state, status=ended[-1].status)
    if wakeup.kind == "cos" and any(item.due for item in ended):
        _drain_beside(on, log)
    if failures:
        raise PairsNotFinished(failures)
    return [_summary(item) for item in ended]


def _drain(on: Services, log: Log) -> dict[str, Any]:
    """Work markers off, if nobody else does."""
    bucket = TokenBucket(on.settings.rate_limit, on.clock)
    paced = on._replace(pace=bucket)

    def visit(marker: Marker) -> str:
        walk = Walk(paced, marker.pair_id, log, marker.visits)
        if marker.visits < MAX_VISITS:
            return walk.run().state
        log("drain.gave-up", pair_id=marker.pair_id, visits=marker.visits)
        return walk.abandon().state

    drained = Drainer(paced, bucket, log, visit).run()
    return drained._asdict()


def _drain_beside(on: Services, log: Log) -> None:
    """Drain after an event's own work is done: what goes wrong there is no fault of its pairs."""
    try:
        _drain(on, log)
    except Exception as error:
        log("drain.failed", error=type(error).__name__, why=_describe(error))


def _reconcile(on: Services, log: Log, prefix: str) -> dict[str, Any]:
    def needs_work(pair_id: str) -> bool:
        return Walk(on, pair_id, log).needs_work()

    done = reconcile(on, log, prefix, needs_work)
    log("reconcile.ended", **done._asdict())
    return done._asdict()


def _summary(ended: Ended) -> dict[str, Any]:
    told = {name: getattr(ended, name) for name in ("pair_id", "state", "status", "detail")}
    return {name: value for name, value in told.items() if value is not None}


def _park_failed(on: Services, pair_id: str, why: str) -> None:
    """The platform retries twice and then forgets; a marker does not. It may fail, too."""
    with contextlib.suppress(LivenessError):  # the pair is named in what is raised
        park(on.settings, on.store, on.chance, Marker(pair_id, why, 0), 0)


def _describe(error: Exception) -> str:
    """Our own errors speak for themselves; of any other only kind and place are safe to log."""
    if isinstance(error, LivenessError):
        return f"{type(error).__name__}: {error}"
    frames = traceback.extract_tb(error.__traceback__)[-_LOGGED_FRAMES:]
    place = " < ".join(f"{os.path.basename(f.filename)}:{f.lineno}" for f in reversed(frames))
    return f"{type(error).__name__} at {place}"


def _text(value: object) -> str:
    """A name as it can be stored; anything else as nothing."""
    return value.encode("utf-8", "replace").decode()[:_NAME] if isinstance(value, str) else ""


def _limit_seconds(context: Mapping[str, Any]) -> float:
    """The invocation's time limit in seconds.

    The vendor's local runner puts seconds into `time_limit_in_ms`; no real limit is below 1,000.
    """
    limit = context.get("time_limit_in_ms")
    if isinstance(limit, bool) or not isinstance(limit, (int, float)):
        return _DEFAULT_LIMIT_SECONDS
    if not 0 < limit < _NO_LIMIT:  # false for NaN, too
        return _DEFAULT_LIMIT_SECONDS
    return limit / 1000 if limit >= 1000 else float(limit)
