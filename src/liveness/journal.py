"""Records what one walk does: its log lines, and the marker with which it parks its pair."""

from __future__ import annotations

from typing import Any, NamedTuple

from .call import Deferral
from .context import Context
from .history import History
from .inspection import CompletePair
from .logs import Log
from .markers import Marker, park


class Parked(NamedTuple):
    """A marker was written because of this deferral."""

    deferral: Deferral


class Journal:
    """The log of one walk, its marker, and what is known of the content's attempts."""

    def __init__(self, ctx: Context, pair_id: str, log: Log, marker: Marker | None) -> None:
        """`marker` is the one that caused the walk, if any."""
        self._ctx = ctx
        self._pair_id = pair_id
        self._log = log.about(pair_id=pair_id)
        self._deliveries = marker.deliveries if marker else 0
        self._fingerprint = marker.fingerprint if marker else ""
        self._history = marker.history if marker else History()
        self._last_step = ctx.clock.monotonic()

    def log(self, event: str, **fields: Any) -> None:
        """Log a step with the milliseconds since the one before."""
        now = self._ctx.clock.monotonic()
        self._log(event, ms=round((now - self._last_step) * 1000), **fields)
        self._last_step = now

    @property
    def plain_log(self) -> Log:
        """The same log without milliseconds, for what another thread or module logs."""
        return self._log

    def turn_to(self, pair: CompletePair) -> None:
        """Name this content in all later log lines."""
        self._log = self._log.about(fingerprint=pair.fingerprint)

    def history_of(self, pair: CompletePair) -> History:
        """Return what is known of exactly this content; the ledger has the rest."""
        return self._history if self._fingerprint == pair.fingerprint else History()

    def learn(self, pair: CompletePair, history: History) -> None:
        """Remember what the ledger says of this content."""
        self._fingerprint, self._history = pair.fingerprint, history

    def park(
        self,
        deferral: Deferral,
        pair: CompletePair | None = None,
        history: History | None = None,
    ) -> Parked:
        """Write a marker, with the history of `pair` if that is given."""
        marker = Marker(self._pair_id, deferral.reason, deferral.detail, self._deliveries)
        if pair is not None:
            known = history or self.history_of(pair)
            marker = marker._replace(fingerprint=pair.fingerprint, history=known)
        park(self._ctx, marker, deferral.seconds)
        self.log(
            "pair.parked",
            seconds=round(deferral.seconds, 1),
            reason=deferral.reason.code,
            detail=deferral.detail or None,
        )
        return Parked(deferral)
