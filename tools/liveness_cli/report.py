"""Print the progress of `liveness run`, and explain why there is no result."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .log_entries import log_entries, log_entry
from .terminal import echo

if TYPE_CHECKING:
    from liveness_sandbox import Invocation

_LABEL_WIDTH = len("triggered by") + 2
_NAME_WIDTH = 16
_LOG_LINES_SHOWN = 3
# The field of the function's log lines and skipped records that explains them.
_REASON = "reason"


class Report:
    """Prints each part of the report as soon as it is known, with labels in one column."""

    def __init__(self, pair_id: str) -> None:
        self._last_label = ""
        echo(f"Pair {pair_id}, in a temporary sandbox\n")

    def uploaded(self, path: Path, size: int, key: str) -> None:
        self._line("uploaded", f"{path.name:<{_NAME_WIDTH}}{size:>10,} bytes  to {key}")

    def triggered(self, invocations: Sequence[Invocation]) -> None:
        """Print one line per notification that triggered the function, in order of completion."""
        for invocation in invocations:
            start = "cold start" if invocation.cold else "warm"
            took = f"{invocation.duration_seconds:.2f} s, {start}"
            name = f"{_uploaded_name(invocation):<{_NAME_WIDTH}}"
            self._line("triggered by", f"{name}{_outcome(invocation)} ({took})")

    def verdict(self, result: dict[str, Any]) -> None:
        similarity = result["similarity"]
        compared = f"threshold {result['threshold']:g}"
        if similarity is not None:
            compared = f"similarity {similarity:g}, {compared}"
        self._line("verdict", f"{result['status']} ({compared})")
        hint = result["reason"]["hint"]
        self._line("verdict", hint["en"])
        self._line("verdict", hint["zh"])

    def scripted(self, by_package: bool) -> None:
        """Say that nobody was judged."""
        if by_package:
            self._line("scripted", "by the package; no face was looked at")
            return
        self._line("scripted", "the sandbox answers so to every package; no face was looked at.")
        self._line("scripted", "For another verdict: --live FILE, which contains for example")
        self._line("scripted", '{"sandbox": true, "code": "FailedOperation.LivessDetectFake"}')

    def calls(self, calls: int, billed: int) -> None:
        self._line("calls", f"{calls} to the face API, {billed} billed")

    def downloaded(self, paths: Sequence[Path], frame_missing_because: str | None) -> None:
        self._line("result", str(paths[0]))
        self._line("best frame", str(paths[1]) if paths[1:] else f"none: {frame_missing_because}")

    def finished(self, seconds: float) -> None:
        echo(f"\nDone in {seconds:.1f} s. Sandbox stopped.")

    def _line(self, label: str, text: str) -> None:
        shown = "" if label == self._last_label else label
        self._last_label = label
        echo(f"  {shown:<{_LABEL_WIDTH}}{text}")


def explain_missing_result(pair_id: str, invocations: Sequence[Invocation]) -> str:
    """Explain with the function's own log why it published no result."""
    lead = f"the function left no result.json for pair {pair_id}"
    if not invocations:
        return f"{lead}: nothing triggered it"
    # The failed invocation or, if none failed, the one that did most: the other only waited for it.
    most_informative = max(
        invocations,
        key=lambda each: (each.error is not None, bool(_failures(each)), len(each.logs)),
    )
    lines = [line for line in most_informative.logs if _REASON in (log_entry(line) or {})]
    last_lines = (lines or most_informative.logs)[-_LOG_LINES_SHOWN:]
    log = "".join(f"\n  {line}" for line in last_lines)
    log = f"\nThe last lines of its log with a reason:{log}" if log else ""
    return f"{lead}: {_outcome(most_informative)}{log}"


def _outcome(invocation: Invocation) -> str:
    """Describe in a few words how an invocation ended."""
    if invocation.error is not None:
        return f"{invocation.error['errorType']}: {invocation.error['errorMessage']}"
    pairs = (invocation.result or {}).get("pairs", [])
    skipped = (invocation.result or {}).get("skipped", [])
    outcomes = [": ".join(filter(None, (pair["state"], pair.get("detail")))) for pair in pairs]
    outcomes += [f"failed: {reason}" for reason in _failures(invocation)]
    outcomes += [f"{record['kind']}: {record[_REASON]}" for record in skipped]
    return "; ".join(outcomes) or "nothing to do"


def _failures(invocation: Invocation) -> list[str]:
    """Return the reasons of failed pairs from the log: a parked pair raises no error."""
    entries = log_entries(invocation.logs)
    return [str(entry.get(_REASON)) for entry in entries if entry.get("event") == "pair.failed"]


def _uploaded_name(invocation: Invocation) -> str:
    key: str = invocation.event["Records"][0]["cos"]["cosObject"]["key"]
    return key.rpartition("/")[2]
