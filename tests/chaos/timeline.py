"""A run as a person reads it: what happened to one of the people, in order."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from liveness.keys import pair_hash
from liveness_sandbox import Invocation

from .witness import Record

_HEX = re.compile(r"[0-9a-f]{24,64}")


@dataclass(frozen=True)
class Told:
    """A step of the run itself; `owner` is None where it concerns everybody."""

    at: float
    text: str
    owner: str | None


class Timeline:
    """Times are seconds since the run began; instances are numbered as they turned up."""

    def __init__(
        self,
        record: Record,
        invocations: Sequence[Invocation],
        told: Sequence[Told],
        began: float,
    ) -> None:
        self._record = record
        self._invocations = invocations
        self._told = told
        self._began = began
        self._numbers: dict[str, int] = {}
        for request in record.requests:
            self._numbers.setdefault(request.principal, len(self._numbers) + 1)

    def of(self, name: str) -> str:
        """Everything about one person."""
        lines = [*self._steps(name), *self._kills(), *self._of_requests(name)]
        ordered = [f"{at:8.3f}  {text}" for at, text in sorted(lines, key=lambda line: line[0])]
        return "\n".join([f"{name}, in seconds since the run began", *ordered, *self._logs(name)])

    def _steps(self, name: str) -> Iterator[tuple[float, str]]:
        for told in self._told:
            if told.owner in (None, name):
                yield told.at, f"---- {told.text}"

    def _kills(self) -> Iterator[tuple[float, str]]:
        for killed in self._record.killed:
            text = f"---- SIGKILL to {self._instance(killed.who)}, planned for {killed.step}"
            yield killed.at, text

    def _of_requests(self, name: str) -> Iterator[tuple[float, str]]:
        seen = {id(each.request): each for each in self._record.effects}
        for request in self._record.requests:
            effect = seen.get(id(request))
            about = [request.key, effect.call.live_url if effect and effect.call else ""]
            marks = (f"/{name}/", pair_hash(name))
            # A call that was stopped before it was read may be about anybody.
            unknown = request.service == "faceid" and effect is None
            if not unknown and not any(mark in text for mark in marks for text in about):
                continue
            what = about[1] or request.action or _short(request.key)
            status = str(effect.status) if effect else "no effect"
            if effect is None or effect.struck:
                status += f", told {request.status or 'nothing'}: a fault"
            at = effect.at if effect else request.started - self._began
            yield at, f"{self._instance(request.principal):<4} {request.method:<6} {what}  {status}"

    def _instance(self, principal: str) -> str:
        return f"i{self._numbers.get(principal, 0)}"

    def _logs(self, name: str) -> Iterator[str]:
        for invocation in self._invocations:
            lines = [line for line in invocation.logs if f'"{name}"' in line]
            if lines:
                yield f"log of {invocation.request_id}, which ended with {invocation.status:d}"
                yield from (f"    {_plain(line)}" for line in lines)


def _short(key: str) -> str:
    """Hashes and nonces cut to what tells them apart."""
    return _HEX.sub(lambda found: found[0][:6], key.removeprefix("liveness/"))


def _plain(line: str) -> str:
    try:
        fields = json.loads(line)
    except ValueError:
        return line
    hidden = ("request_id", "version", "pair_id", "fingerprint")
    return " ".join(f"{name}={value}" for name, value in fields.items() if name not in hidden)
