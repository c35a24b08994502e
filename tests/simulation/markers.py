"""Markers without the requests and the time that writing them takes: a backlog from before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import cast

from liveness.context import Context
from liveness.markers import Marker, ParkReason, park
from liveness.runtime import Random
from liveness.settings import read_settings


def markers(
    environ: Mapping[str, str], rng: Random, pairs: Sequence[str], first_due: float, last_due: float
) -> list[tuple[str, bytes]]:
    """Return key and body of one marker for each pair, due from then to then, evenly."""
    written: list[tuple[str, bytes]] = []
    moment = first_due

    def put(bucket: str, key: str, body: bytes, *rest: object) -> None:
        written.append((key, body))

    store = SimpleNamespace(now=lambda: moment, put=put)
    ctx = cast(Context, SimpleNamespace(settings=read_settings(environ), rng=rng, store=store))
    for number, pair in enumerate(pairs):
        moment = first_due + (last_due - first_due) * number / len(pairs)
        park(ctx, Marker(pair, ParkReason.DRAIN_ACTIVE), 0)
    return written
