"""Logs: one JSON object a line, never a secret, a signature, a URL, an image or a raw event."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Mapping
from typing import Any

# Every event this function logs; README.md explains them to operators from this table.
EVENTS: Mapping[str, str] = {
    "invocation.started": "what kind of event came, how many pairs it names",
    "invocation.ended": "how many pairs ended in which state, and the duration",
    "invocation.failed": "why the whole event is raised back to the platform",
    "settings.warning": "a setting that works but is unwise",
    "record.ignored": "a record that is not about an input, and why",
    "record.refused": "a record that must not be processed here, and why",
    "record.malformed": "a record that is not of the documented shape, and where",
    "pair.looked": "what lies in the bucket for this pair",
    "pair.claimed": "this invocation may make the next call for this fingerprint",
    "pair.called": "a call to the face API came back: code, request id, category",
    "pair.call-unanswered": "a call went out and no answer came; it may be billed",
    "pair.call-unsent": "a call never reached the service",
    "pair.kept": "the response record is safe",
    "pair.answer-late": "an answer found another response standing; kept beside it",
    "pair.paid-after-give-up": "ALARM: a billed answer came after the pair was given up",
    "pair.gave-up": "ALARM: all attempts are used up; an operator must look",
    "pair.released": "the attempt was given back without a billed call",
    "pair.frame-missing": "the best frame could not be copied, and why",
    "pair.published": "result.json is written",
    "pair.parked": "a marker is written: due when, and why",
    "pair.failed": "this pair must be tried again, and why",
    "pair.ended": "how the walk of this pair ended",
    "drain.ended": "this invocation worked markers off: how many walks ended how",
    "drain.failed": "draining stopped; the markers stay",
    "drain.visit-failed": "one marker could not be worked off, and why; it stays",
    "drain.marker-damaged": "a marker that is not ours was removed; reconcile finds its pair",
    "drain.gave-up": "ALARM: a pair ended its invocation too often and was given up",
    "reconcile.parked": "a pair that no event finished was parked",
    "reconcile.look-failed": "a pair could not be looked at, and why; the others were",
    "reconcile.ended": "what one run of reconcile saw; finished says whether the pass is",
}

_MAX_TEXT = 1000  # characters: the platform cuts a line at 8 KB
_VENDOR_LOGGERS = ("qcloud_cos", "tencentcloud_sdk_common", "urllib3", "requests")


class Log:
    """Writes log lines that all carry the same base fields."""

    def __init__(self, write: Callable[[str], Any], base: Mapping[str, Any]) -> None:
        self._write = write
        self._base = dict(base)

    def __call__(self, event: str, **fields: Any) -> None:
        assert event in EVENTS, event
        line = {"event": event, **self._base, **fields}
        short = {name: _cut(value) for name, value in line.items() if value is not None}
        self._write(json.dumps(short, ensure_ascii=False) + "\n")

    def about(self, **fields: Any) -> Log:
        """The same log with more base fields."""
        return Log(self._write, {**self._base, **fields})


def write_stdout(line: str) -> None:
    """One write a line, so that lines of different threads never mix."""
    # A lone surrogate from a malformed message must not end the invocation.
    sys.stdout.write(line.encode("utf-8", "replace").decode())
    sys.stdout.flush()


def silence_vendors() -> None:
    """Keep the SDKs from logging: they write URLs, headers and, below DEBUG, signing keys."""
    for name in _VENDOR_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _cut(value: Any) -> Any:
    if isinstance(value, str) and len(value) > _MAX_TEXT:
        return value[:_MAX_TEXT] + "…"
    return value
