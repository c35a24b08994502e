"""The output of a function that the platform keeps: 8 KB per line, 1 MB per request."""

from __future__ import annotations

import codecs

_LINE_BYTES = 8 * 1024
_REQUEST_BYTES = 1024 * 1024


class RequestLogs:
    """Standard output and standard error of one request; what exceeds the limit is dropped."""

    def __init__(self) -> None:
        self._remaining = _REQUEST_BYTES
        self.stdout = Stream(self)
        self.stderr = Stream(self)

    def grant(self, size: int) -> int:
        """Return how many of `size` bytes may still be kept."""
        granted = min(size, self._remaining)
        self._remaining -= granted
        return granted


class Stream:
    def __init__(self, logs: RequestLogs) -> None:
        self._logs = logs
        self._lines: list[bytes] = []
        self._line = bytearray()

    def feed(self, chunk: bytes) -> None:
        """Add the next bytes, which may be split anywhere."""
        first, *rest = chunk.split(b"\n")
        self._extend(first)
        for start in rest:
            self._end_line()
            self._extend(start)

    def lines(self) -> list[str]:
        """Return the lines so far; the last one may be incomplete."""
        lines = [*self._lines, bytes(self._line)] if self._line else self._lines
        return [_text(line) for line in lines]

    def text(self) -> str:
        return "".join(line + "\n" for line in self.lines())

    def _extend(self, chunk: bytes) -> None:
        room = _LINE_BYTES - len(self._line)
        self._line += chunk[: self._logs.grant(min(len(chunk), room))]

    def _end_line(self) -> None:
        if self._line or self._logs.grant(1):
            self._lines.append(bytes(self._line))
        self._line.clear()


def _text(line: bytes) -> str:
    # Not final, so that a character that was cut in two is omitted.
    return codecs.getincrementaldecoder("utf-8")("replace").decode(line)
