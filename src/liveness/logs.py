"""Writes logs: one JSON object per line, and never a secret, signature, URL, image or raw event."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

# Letters, marks and symbols that Unicode calls default-ignorable, or that are blank.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)
# Every event this function logs; docs/operating.md lists them in the same words.
EVENTS: Mapping[str, str] = {
    "instance.started": "an instance handles its first event; `cpu_share` is its part of a core "
    "while it started",
    "invocation.started": "an event arrived: its kind, and the number of pairs it names",
    "invocation.finished": "an invocation finished: the number of pairs per final state, and the "
    "duration",
    "invocation.failed": "the whole event is raised back to the platform, with the reason",
    "invocation.clock-off": "ALARM: this instance's clock is more than a minute off COS's; "
    "`seconds` is negative if ours is ahead",
    "settings.warning": "a setting is valid but unwise, with the reason",
    "record.ignored": "a record does not concern an input, with the reason",
    "record.stray": "ALARM: an upload under the input prefix belongs to no pair, with the key and "
    "the reason; it is never judged",
    "record.rejected": "a record must not be processed by this function, with the reason",
    "record.malformed": "a record is not of the documented shape, with the position and the reason",
    "pair.inspected": "the inputs and the current result of this pair were read",
    "pair.claimed": "this invocation may make the next call for this fingerprint",
    "pair.called": "the face API replied: code, request ID, category",
    "pair.call-outcome-unknown": "a call was sent and no reply arrived; it may have been billed",
    "pair.call-not-sent": "a call never reached the service; it cannot have been billed",
    "pair.response-stored": "the response record is stored",
    "pair.late-response": "a response arrived after another one was recorded; both are stored",
    "pair.billed-after-give-up": "ALARM: a billed response arrived after the pair was given up",
    "pair.given-up": "ALARM: a content ended without a verdict, after too many attempts without a "
    "reply or too many set-backs; an operator must investigate",
    "pair.refused": "a content must not be called for: a submission too many, or a package that "
    "another pair was judged with",
    "pair.released": "an attempt was released without a billed call",
    "pair.best-frame-missing": "the best frame could not be copied, with the reason",
    "pair.published": "`result.json` was written",
    "pair.parked": "a marker was written: when it is due, and the reason",
    "pair.failed": "this pair must be retried, with the reason",
    "pair.finished": "this invocation finished with the pair: its state and its result's status",
    "drain.finished": "this invocation processed markers: the number of pairs per final state; "
    "`overdue_seconds` is the longest that a due marker had waited",
    "drain.breaker-opened": "ALARM: no calls are made but probes; the reason is `unanswered` or "
    "`refused`",
    "drain.breaker-closed": "ALARM: a probe was answered; calls are made again",
    "drain.links-unreadable": "ALARM: the face API could not fetch the inputs of several calls "
    "in a row; check the role, the bucket's policy and the clock",
    "drain.failed": "draining stopped, with the reason; the markers remain",
    "drain.marker-failed": "a marker could not be processed, with the reason; it remains",
    "drain.marker-invalid": "an object that is not a valid marker was removed; reconcile finds its "
    "pair",
    "drain.given-up": "ALARM: a pair ended its invocation too many times and was given up "
    "(a poison message)",
    "reconcile.parked": "a complete pair that no event finished was parked",
    "reconcile.pair-failed": "a pair could not be inspected, with the reason; the others were",
    "reconcile.run-finished": "one run of reconcile finished: what it inspected and parked; "
    "`complete` is false if the next run continues this pass",
}

_MAX_TEXT_CHARS = 1000
_MAX_LINE_BYTES = 8 * 1024  # with the newline: the platform truncates longer lines
_VENDOR_LOGGERS = ("qcloud_cos", "tencentcloud_sdk_common", "urllib3", "requests")


class Log:
    """Writes log lines that all carry the same base fields."""

    def __init__(self, write: Callable[[str], Any], base: Mapping[str, Any]) -> None:
        self._write = write
        self._base = dict(base)

    def __call__(self, event: str, **fields: Any) -> None:
        assert event in EVENTS, event
        record: dict[str, Any] = {"event": event, **self._base, **fields}
        record = {name: value for name, value in record.items() if value is not None}
        max_chars = _MAX_TEXT_CHARS
        while len((line := _line(record, max_chars)).encode("utf-8", "replace")) > _MAX_LINE_BYTES:
            max_chars //= 2
        self._write(line)

    def about(self, **fields: Any) -> Log:
        """Return the same log with more base fields."""
        return Log(self._write, {**self._base, **fields})


def write_stdout(line: str) -> None:
    """Write a line in one piece, so that lines of different threads never mix.

    It is written as UTF-8 bytes, because stdout may be ASCII on real instances. I13: logging never
    ends an invocation, so a stdout that is closed or full loses the line and nothing else.
    """
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stdout.buffer.write(line.encode("utf-8", "replace"))
        sys.stdout.flush()


def silence_vendors() -> None:
    """Keep the SDKs from logging: they write URLs, headers and, below DEBUG, signing keys."""
    for name in _VENDOR_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _line(record: Mapping[str, Any], max_chars: int) -> str:
    """Return one line of JSON, in which every text is cut to that many characters."""
    short = {name: _cut(value, max_chars) for name, value in record.items()}
    return escape_unprintable(json.dumps(short, ensure_ascii=False)) + "\n"


def escape_unprintable(text: str) -> str:
    """Escape, as JSON does, every character that a terminal or a reader may not show as it is.

    These are control and format characters, surrogates and all spaces but the plain one. JSON
    itself leaves those above U+001F, such as U+009B, which begins an escape sequence, and U+202E,
    which reverses the rest of a line. Letters and marks that show nothing are escaped as well,
    because they make two names look the same. JSON stays JSON with the same meaning.
    """
    if text.isprintable() and (text.isascii() or not _INVISIBLE.search(text)):
        return text
    return "".join(_escaped(char) for char in text)


def _escaped(char: str) -> str:
    is_shown = char.isprintable() and not _INVISIBLE.match(char)
    return char if is_shown else json.dumps(char)[1:-1]


def _cut(value: Any, max_chars: int) -> Any:
    if isinstance(value, str) and len(value) > max_chars:
        return value[:max_chars] + "…"
    return value
