"""Prints a run: one line per step, with hashes shortened."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from .faults import OK
from .history import Step

_HASH = re.compile(r"([0-9a-f]{6})[0-9a-f]{58}")
# Log fields that a timeline shows anyway, or that tell nothing here.
_HIDDEN_FIELDS = ("event", "request_id", "version", "fingerprint", "ms", "pair_id")


def timeline(steps: Iterable[Step], logs: bool = True) -> Iterator[str]:
    """Yield lines: seconds since the run began, actor, action, and in brackets the fault it met."""
    for step in steps:
        if step.action == "log":
            if logs:
                yield f"{step.at:10.3f}  {step.actor:16}   . {_log(step.note)}"
            continue
        key = _HASH.sub(r"\1", step.key.removeprefix("liveness/"))
        note = "" if step.note in ("", OK) else f"  [{step.note}]"
        yield f"{step.at:10.3f}  {step.actor:16} {step.action} {key}{note}"


def _log(line: str) -> str:
    fields = json.loads(line)
    shown = {name: value for name, value in fields.items() if name not in _HIDDEN_FIELDS}
    text = " ".join(f"{name}={value}" for name, value in shown.items())
    return _HASH.sub(r"\1", f"{fields['event']} {text}")
