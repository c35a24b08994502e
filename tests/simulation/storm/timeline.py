"""A run as people read it: one line a step, those of a pair's own ledger shortened."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from .fate import OK
from .history import Step

_HASH = re.compile(r"([0-9a-f]{6})[0-9a-f]{58}")


def timeline(steps: Iterable[Step], logs: bool = True) -> Iterator[str]:
    """Time in seconds since the begin, who, what. Faults stand behind what they hit."""
    for step in steps:
        if step.what == "log":
            if logs:
                yield f"{step.at:10.3f}  {step.who:16}   . {_log(step.note)}"
            continue
        key = _HASH.sub(r"\1", step.key.removeprefix("liveness/"))
        note = "" if step.note in ("", OK) else f"  [{step.note}]"
        yield f"{step.at:10.3f}  {step.who:16} {step.what} {key}{note}"


def _log(line: str) -> str:
    fields = json.loads(line)
    told = {
        name: value
        for name, value in fields.items()
        if name not in ("event", "request_id", "version", "fingerprint", "ms", "pair_id")
    }
    return _HASH.sub(r"\1", f"{fields['event']} " + " ".join(f"{k}={v}" for k, v in told.items()))
