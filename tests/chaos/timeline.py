"""Prints a run: what happened to one person's pair, in order."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from liveness.keys import pair_hash
from liveness_sandbox import Invocation

from .recorder import Recording

_HEX = re.compile(r"[0-9a-f]{24,64}")
# Log fields that tell nothing here.
_HIDDEN_FIELDS = ("request_id", "version", "pair_id", "fingerprint")


@dataclass(frozen=True)
class RunStep:
    """A step of the run itself; `owner` is None where it concerns everyone."""

    at: float
    text: str
    owner: str | None


class Timeline:
    """Times are seconds since the run began; instances are numbered in the order of appearance."""

    def __init__(
        self,
        recording: Recording,
        invocations: Sequence[Invocation],
        steps: Sequence[RunStep],
        began: float,
    ) -> None:
        self._recording = recording
        self._invocations = invocations
        self._steps = steps
        self._began = began
        self._numbers: dict[str, int] = {}
        for request in recording.requests:
            self._numbers.setdefault(request.principal, len(self._numbers) + 1)

    def of(self, name: str) -> str:
        """Return the lines about one person."""
        lines = [*self._steps_of(name), *self._kills(), *self._requests_of(name)]
        ordered = [f"{at:8.3f}  {text}" for at, text in sorted(lines, key=lambda line: line[0])]
        return "\n".join([f"{name}, in seconds since the run began", *ordered, *self._logs(name)])

    def _steps_of(self, name: str) -> Iterator[tuple[float, str]]:
        for step in self._steps:
            if step.owner in (None, name):
                yield step.at, f"---- {step.text}"

    def _kills(self) -> Iterator[tuple[float, str]]:
        for kill in self._recording.kills:
            yield (
                kill.at,
                f"---- SIGKILL to {self._instance(kill.instance)}, planned for {kill.step}",
            )

    def _requests_of(self, name: str) -> Iterator[tuple[float, str]]:
        effects = {id(effect.request): effect for effect in self._recording.effects}
        for request in self._recording.requests:
            effect = effects.get(id(request))
            texts = [request.key, effect.call.live_url if effect and effect.call else ""]
            marks = (f"/{name}/", pair_hash(name))
            # A call that was stopped before it was read may be about any pair.
            is_unknown = request.service == "faceid" and effect is None
            if not is_unknown and not any(mark in text for mark in marks for text in texts):
                continue
            target = texts[1] or request.action or _short(request.key)
            status = str(effect.status) if effect else "no effect"
            if effect is None or effect.hit_by_fault:
                status += f", but {request.status or 'nothing'} was replied: a fault"
            at = effect.at if effect else request.started - self._began
            instance = self._instance(request.principal)
            yield at, f"{instance:<4} {request.method:<6} {target}  {status}"

    def _instance(self, principal: str) -> str:
        return f"i{self._numbers.get(principal, 0)}"

    def _logs(self, name: str) -> Iterator[str]:
        for invocation in self._invocations:
            lines = [line for line in invocation.logs if f'"{name}"' in line]
            if lines:
                yield f"log of {invocation.request_id}, which ended with {invocation.status:d}"
                yield from (f"    {_readable(line)}" for line in lines)


def _short(key: str) -> str:
    """Shorten hashes and nonces to what distinguishes them."""
    return _HEX.sub(lambda match: match[0][:6], key.removeprefix("liveness/"))


def _readable(line: str) -> str:
    try:
        fields = json.loads(line)
    except ValueError:
        return line
    return " ".join(
        f"{name}={value}" for name, value in fields.items() if name not in _HIDDEN_FIELDS
    )
