"""COS round trips in sequence around the call, and the input bytes a function reads itself.

Every COS request takes LATENCY_SECONDS, so requests made at once overlap visibly and the longest
sequence of requests that do not overlap is what a pair has to wait for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from liveness_sandbox import DeployOptions, RequestRecord

from .arena import BUCKET, MIB, Arena, Handler, RunFailed, results_of

LATENCY_SECONDS = 0.4
PACKAGE_BYTES = 5 * MIB
# Requests made at once arrive at slightly different times, and a client may hear the end of a
# reply before the server's log does.
_SLACK_SECONDS = LATENCY_SECONDS / 2


class Span(NamedTuple):
    """One request, by the sandbox's clock."""

    name: str
    started: float
    ended: float


@dataclass(frozen=True)
class Sequences:
    """What one invocation had to wait for, as the names of requests."""

    before: list[str]
    after: list[str]
    input_bytes_read: int


def longest_sequence(spans: Iterable[Span], slack: float = 0.0) -> list[Span]:
    """The largest choice of spans of which each begins after the one before has ended."""
    chosen: list[Span] = []
    for span in sorted(spans, key=lambda span: span.ended):
        if not chosen or span.started >= chosen[-1].ended - slack:
            chosen.append(span)
    return chosen


def measure(arena: Arena, handler: Handler) -> dict[str, Sequences]:
    """One cold and one warm invocation of the handler."""
    function = arena.sandbox.deploy(
        handler.name,
        handler.code,
        DeployOptions(
            handler=f"{handler.module}.main_handler",
            environment=arena.settings,
            instances=1,
            python=str(handler.python),
        ),
    )
    arena.sandbox.cos_latency_seconds = LATENCY_SECONDS
    try:
        found: dict[str, Sequences] = {}
        for state in ("cold", "warm"):
            # Another content each time, as another person's would be.
            pair = arena.new_pair(state.encode() * (PACKAGE_BYTES // len(state)), arena.image)
            seen = len(arena.sandbox.requests)
            invocation = function.invoke(arena.event(f"{pair}/reference.jpg"))
            if invocation.error is not None:
                raise RunFailed(str(invocation.error["errorMessage"]))
            if invocation.cold != (state == "cold"):
                raise RunFailed(f"the invocation was not {state}")
            arena.check_published(pair)
            found[state] = _sequences(arena.sandbox.requests[seen:], pair)
        return found
    finally:
        arena.sandbox.cos_latency_seconds = 0.0


def _sequences(requests: list[RequestRecord], pair: str) -> Sequences:
    (call,) = (item for item in requests if item.service == "faceid")
    mine = [item for item in requests if item.service == "cos" and not _is_the_api(item, pair)]
    (published,) = (
        item
        for item in mine
        if item.method == "PUT" and item.key == f"{results_of(pair)}/result.json"
    )
    assert call.ended is not None and published.ended is not None
    before = [_span(item) for item in mine if item.started < call.started]
    later = [
        item
        for item in mine
        if item.started >= call.ended - _SLACK_SECONDS
        and item.ended is not None
        and item.ended <= published.ended
    ]
    return Sequences(
        before=_names(before),
        after=_names(_span(item) for item in later),
        input_bytes_read=sum(
            item.bytes_out for item in mine if item.method == "GET" and item.key.startswith(pair)
        ),
    )


def _is_the_api(request: RequestRecord, pair: str) -> bool:
    """The face API downloads the inputs by their signed URLs, which nobody else uses."""
    return request.auth == "query" and request.key.startswith(pair)


def _span(request: RequestRecord) -> Span:
    assert request.ended is not None
    name = "best frame" if request.bucket != BUCKET else request.key.rpartition("/")[2]
    return Span(f"{request.method} {name}", request.started, request.ended)


def _names(spans: Iterable[Span]) -> list[str]:
    return [span.name for span in longest_sequence(spans, _SLACK_SECONDS)]
