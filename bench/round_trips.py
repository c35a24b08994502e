"""COS round trips in sequence around the call, and the input bytes a function reads itself.

Every COS request takes LATENCY_SECONDS, so concurrent requests overlap visibly, and the longest
sequence of requests that do not overlap is what a pair has to wait for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from liveness_sandbox import DeployOptions, RequestRecord

from .environment import BUCKET, MIB, SETTINGS, Environment, Handler, RunFailed, results_of

LATENCY_SECONDS = 0.4
PACKAGE_BYTES = 5 * MIB
# Concurrent requests arrive at slightly different times, and a client may receive the end of a
# reply before the server logs it.
_SLACK_SECONDS = LATENCY_SECONDS / 2


class Span(NamedTuple):
    """The time of one request by the sandbox's clock."""

    name: str
    started: float
    ended: float


@dataclass(frozen=True)
class Sequences:
    """The names of the requests that one invocation had to wait for, around its call."""

    before: list[str]
    after: list[str]
    input_bytes_read: int


def longest_sequence(spans: Iterable[Span], slack: float = 0.0) -> list[Span]:
    """Return the largest selection of spans each of which starts after the previous has ended."""
    chosen: list[Span] = []
    for span in sorted(spans, key=lambda span: span.ended):
        if not chosen or span.started >= chosen[-1].ended - slack:
            chosen.append(span)
    return chosen


def measure(environment: Environment, handler: Handler) -> dict[str, Sequences]:
    """Measure a cold and a warm invocation of the handler."""
    function = environment.sandbox.deploy(
        handler.name,
        handler.code,
        DeployOptions(
            handler=f"{handler.module}.main_handler",
            environment=SETTINGS,
            instances=1,
            python=str(handler.python),
        ),
    )
    environment.sandbox.cos_latency_seconds = LATENCY_SECONDS
    try:
        sequences: dict[str, Sequences] = {}
        for state in ("cold", "warm"):
            # Different content each time, as from different people.
            pair = environment.new_pair(
                state.encode() * (PACKAGE_BYTES // len(state)), environment.image
            )
            earlier = len(environment.sandbox.requests)
            invocation = function.invoke(environment.event(f"{pair}/live.bin"))
            if invocation.error is not None:
                raise RunFailed(str(invocation.error["errorMessage"]))
            if invocation.cold != (state == "cold"):
                raise RunFailed(f"the invocation was not {state}")
            environment.check_published(pair)
            sequences[state] = _sequences(environment.sandbox.requests[earlier:], pair)
        return sequences
    finally:
        environment.sandbox.cos_latency_seconds = 0.0


def _sequences(requests: list[RequestRecord], pair: str) -> Sequences:
    (call,) = (item for item in requests if item.service == "faceid")
    own = [item for item in requests if item.service == "cos" and not _is_by_the_api(item, pair)]
    (published,) = (
        item
        for item in own
        if item.method == "PUT" and item.key == f"{results_of(pair)}/result.json"
    )
    assert call.ended is not None and published.ended is not None
    before = [_span(item) for item in own if item.started < call.started]
    after = [
        item
        for item in own
        if item.started >= call.ended - _SLACK_SECONDS
        and item.ended is not None
        and item.ended <= published.ended
    ]
    return Sequences(
        before=_names(before),
        after=_names(_span(item) for item in after),
        input_bytes_read=sum(
            item.bytes_out for item in own if item.method == "GET" and item.key.startswith(pair)
        ),
    )


def _is_by_the_api(request: RequestRecord, pair: str) -> bool:
    """Return whether the face API made this request: only it uses the inputs' signed URLs."""
    return request.auth == "query" and request.key.startswith(pair)


def _span(request: RequestRecord) -> Span:
    assert request.ended is not None
    name = "best frame" if request.bucket != BUCKET else request.key.rpartition("/")[2]
    return Span(f"{request.method} {name}", request.started, request.ended)


def _names(spans: Iterable[Span]) -> list[str]:
    return [span.name for span in longest_sequence(spans, _SLACK_SECONDS)]
