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
    "drain.ended": "this invocation worked markers off: how many walks ended how; overdue is the "
    "seconds that the oldest marker had waited",
    "drain.failed": "draining stopped; the markers stay",
    "drain.visit-failed": "one marker could not be worked off, and why; it stays",
    "drain.marker-damaged": "a marker that is not ours was removed; reconcile finds its pair",
    "drain.gave-up": "ALARM: a pair ended its invocation too often and was given up",
    "reconcile.parked": "a pair that no event finished was parked",
    "reconcile.look-failed": "a pair could not be looked at, and why; the others were",
    "reconcile.ended": "what one run of reconcile saw; finished says whether the pass is",
}

_MAX_TEXT = 1000  # characters
_MAX_LINE = 8 * 1024  # bytes, the end of the line included: the platform cuts it there
_VENDOR_LOGGERS = ("qcloud_cos", "tencentcloud_sdk_common", "urllib3", "requests")


class Log:
    """Writes log lines that all carry the same base fields."""

    def __init__(self, write: Callable[[str], Any], base: Mapping[str, Any]) -> None:
        self._write = write
        self._base = dict(base)

    def __call__(self, event: str, **fields: Any) -> None:
        assert event in EVENTS, event
        told = {"event": event, **self._base, **fields}
        told = {name: value for name, value in told.items() if value is not None}
        longest = _MAX_TEXT
        while len((line := _line(told, longest)).encode("utf-8", "replace")) > _MAX_LINE:
            longest //= 2
        self._write(line)

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


def _line(told: Mapping[str, Any], longest: int) -> str:
    """One line of JSON, in which no text has more characters than that."""
    short = {name: _cut(value, longest) for name, value in told.items()}
    return json.dumps(short, ensure_ascii=False) + "\n"


def _cut(value: Any, longest: int) -> Any:
    if isinstance(value, str) and len(value) > longest:
        return value[:longest] + "…"
    return value
