"""What `liveness run` tells the person who runs it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from liveness_sandbox import Invocation

_LABEL_WIDTH = len("best frame") + 2
_NAME_WIDTH = 16
_TOLD_LOG_LINES = 3


class Report:
    """Prints each part as soon as it is known, under labels in one column."""

    def __init__(self, pair_id: str) -> None:
        self._last_label = ""
        say(f"Pair {pair_id}, in a sandbox of its own\n")

    def uploaded(self, path: Path, size: int, key: str) -> None:
        self._line("uploaded", f"{path.name:<{_NAME_WIDTH}}{size:>10,} bytes  to {key}")

    def woken(self, invocations: Sequence[Invocation]) -> None:
        """One line for every notification that woke the function, in the order of their ends."""
        for invocation in invocations:
            start = "cold start" if invocation.cold else "warm"
            took = f"{invocation.duration_seconds:.2f} s, {start}"
            name = f"{_uploaded_name(invocation):<{_NAME_WIDTH}}"
            self._line("woken by", f"{name}{_ending(invocation)} ({took})")

    def verdict(self, result: dict[str, Any]) -> None:
        similarity = result["similarity"]
        compared = f"threshold {result['threshold']:g}"
        if similarity is not None:
            compared = f"similarity {similarity:g}, {compared}"
        self._line("verdict", f"{result['status']} ({compared})")
        hint = result["reason"]["hint"]
        self._line("verdict", hint["en"])
        self._line("verdict", hint["zh"])

    def calls(self, made: int, billed: int) -> None:
        self._line("calls", f"{made} to the face API, {billed} billed")

    def written(self, paths: Sequence[Path], frame_missing_because: str | None) -> None:
        self._line("result", str(paths[0]))
        self._line("best frame", str(paths[1]) if paths[1:] else f"none: {frame_missing_because}")

    def ended(self, seconds: float) -> None:
        say(f"\nDone in {seconds:.1f} s; everything that was started is stopped.")

    def _line(self, label: str, text: str) -> None:
        shown = "" if label == self._last_label else label
        self._last_label = label
        say(f"  {shown:<{_LABEL_WIDTH}}{text}")


def why_no_result(pair_id: str, invocations: Sequence[Invocation]) -> str:
    """What the function said last, where no result came of it."""
    lead = f"the function left no result.json for pair {pair_id}"
    if not invocations:
        return f"{lead}: nothing woke it"
    # The one that failed or, where none did, that did most; the other one only waited for it.
    telling = max(invocations, key=lambda each: (each.error is not None, len(each.logs)))
    lines = [line for line in telling.logs if "why" in _fields(line)] or telling.logs
    shown = "".join(f"\n  {line}" for line in lines[-_TOLD_LOG_LINES:])
    last = f"\nThe last lines of its log that say why:{shown}" if shown else ""
    return f"{lead}: {_ending(telling)}{last}"


def _ending(invocation: Invocation) -> str:
    """How an invocation ended, in a few words."""
    if invocation.error is not None:
        return f"{invocation.error['errorType']}: {invocation.error['errorMessage']}"
    pairs = (invocation.result or {}).get("pairs", [])
    remarks = (invocation.result or {}).get("remarks", [])
    said = [": ".join(filter(None, (pair["state"], pair.get("detail")))) for pair in pairs]
    said += [f"{remark['kind']}: {remark['why']}" for remark in remarks]
    return "; ".join(said) or "nothing to do"


def _uploaded_name(invocation: Invocation) -> str:
    key: str = invocation.event["Records"][0]["cos"]["cosObject"]["key"]
    return key.rpartition("/")[2]


def _fields(line: str) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def say(text: str) -> None:
    # A terminal that has no Chinese shows question marks rather than an error.
    encoding = sys.stdout.encoding or "utf-8"
    click.echo(text.encode(encoding, "replace").decode(encoding))
