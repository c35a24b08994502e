"""One invocation: read what woke us, walk every pair once, sum up."""

from __future__ import annotations

import contextlib
import os
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from . import __version__
from .backlog import park
from .call import LEAST_CALL_SECONDS
from .cos import CosStore, new_session
from .credentials import read_credentials
from .errors import ConfigurationError, LivenessError, PairsNotFinished
from .events import Wakeup, read_event
from .faceid import FaceId
from .logs import Log, silence_vendors, write_stdout
from .pair import Ended, Walk
from .result import Origin
from .seams import Chance, Clock, Concurrency, SystemChance, SystemClock, Threads
from .services import CLOSING_SECONDS, Services
from .settings import read_settings
from .store import PatientStore

# Assumed where the platform says nothing: its own default would be too short for a call anyway.
_DEFAULT_LIMIT_SECONDS = 60.0
_LOGGED_FRAMES = 3


class Function:
    """The function as an instance holds it: what is kept from one invocation to the next."""

    def __init__(
        self,
        clock: Clock | None = None,
        chance: Chance | None = None,
        concurrency: Concurrency | None = None,
        environ: Mapping[str, str] = os.environ,
        write: Callable[[str], Any] = write_stdout,
    ) -> None:
        silence_vendors()
        self._clock = clock or SystemClock()
        self._chance = chance or SystemChance()
        self._concurrency = concurrency or Threads()
        self._environ = environ
        self._write = write
        self._session = new_session()
        self._face = FaceId(self._clock, self._concurrency)
        self._trusted_buckets: set[str] = set()

    def __call__(self, event: object, context: object) -> dict[str, Any]:
        """Handle one event; returns a summary.

        Raises PairsNotFinished when pairs must be tried again, EventError for an event that is
        nothing we know, ConfigurationError (SettingsError) before any pair is looked at.
        """
        began = self._clock.monotonic()
        said = context if isinstance(context, dict) else {}
        origin = Origin(
            str(said.get("function_name") or self._environ.get("SCF_FUNCTIONNAME", "")),
            str(said.get("function_version") or self._environ.get("SCF_FUNCTIONVERSION", "")),
            str(said.get("request_id") or ""),
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
        summary: dict[str, Any]
        if wakeup.kind in ("drain", "reconcile"):
            summary = {"kind": wakeup.kind, "not_built_yet": f"this version does not {wakeup.kind}"}
        else:
            summary, failures = self._walk_all(services, wakeup, log)
            if failures:
                log("invocation.failed", error="PairsNotFinished", pairs=len(failures))
                raise PairsNotFinished(failures)
        states = [pair["state"] for pair in summary.get("pairs", ())]
        milliseconds = round((self._clock.monotonic() - began) * 1000)
        log("invocation.ended", ms=milliseconds, **{name: states.count(name) for name in states})
        return summary

    def _prepare(
        self, event: object, origin: Origin, began: float, limit: float
    ) -> tuple[Services, Wakeup]:
        settings = read_settings(self._environ)
        if limit < CLOSING_SECONDS + LEAST_CALL_SECONDS:
            raise ConfigurationError(
                f"the function's timeout is {limit:g} s, in which no call could be made and "
                "written down; set at least 60 s"
            )
        wakeup = read_event(settings, event)
        credentials = read_credentials(self._environ)
        self._face.use(settings, credentials)
        cos = CosStore(settings, credentials, self._session)
        services = Services(
            settings=settings,
            store=PatientStore(cos, self._clock, self._chance),
            face=self._face,
            frames=cos,
            clock=self._clock,
            chance=self._chance,
            concurrency=self._concurrency,
            origin=origin,
            ends_at=began + limit,
            trusted_buckets=self._trusted_buckets,
        )
        return services, wakeup

    def _walk_all(
        self, services: Services, wakeup: Wakeup, log: Log
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """Walk each pair once; one that fails does not stop the others."""
        pairs: list[dict[str, Any]] = []
        failures: dict[str, str] = {}
        for pair_id in wakeup.pair_ids:
            try:
                walk = Walk(services, pair_id, log)
                if wakeup.kind == "retry":
                    walk.grant()
                ended = walk.run()
            except Exception as error:  # whatever it is, the next person's pair goes on
                why = _describe(error)
                log("pair.failed", pair_id=pair_id, error=type(error).__name__, why=why)
                failures[pair_id] = why
                _park_failed(services, pair_id, why)
                continue
            log("pair.ended", pair_id=pair_id, state=ended.state, status=ended.status)
            pairs.append(_summary(ended))
        summary: dict[str, Any] = {"kind": wakeup.kind, "pairs": pairs}
        summary["remarks"] = [remark._asdict() for remark in wakeup.remarks]
        return summary, failures


def _summary(ended: Ended) -> dict[str, Any]:
    return {name: value for name, value in ended._asdict().items() if value is not None}


def _park_failed(services: Services, pair_id: str, why: str) -> None:
    """The platform retries twice and then forgets; a marker does not. One try: it may fail too."""
    on = services
    with contextlib.suppress(LivenessError):  # the pair is named in what is raised
        park(on.settings, on.store, on.clock, on.chance, pair_id, on.clock.now(), why)


def _describe(error: Exception) -> str:
    """Our own errors speak for themselves; of any other only kind and place are safe to log."""
    if isinstance(error, LivenessError):
        return f"{type(error).__name__}: {error}"
    frames = traceback.extract_tb(error.__traceback__)[-_LOGGED_FRAMES:]
    place = " < ".join(f"{os.path.basename(f.filename)}:{f.lineno}" for f in reversed(frames))
    return f"{type(error).__name__} at {place}"


def _limit_seconds(context: Mapping[str, Any]) -> float:
    """The invocation's time limit in seconds.

    The vendor's local runner puts seconds into `time_limit_in_ms`; no real limit is below 1,000.
    """
    limit = context.get("time_limit_in_ms")
    if isinstance(limit, bool) or not isinstance(limit, (int, float)) or limit <= 0:
        return _DEFAULT_LIMIT_SECONDS
    return limit / 1000 if limit >= 1000 else float(limit)
