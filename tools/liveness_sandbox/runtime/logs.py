"""What the platform keeps of what a function prints: 8 KB of a line, 1 MB of a request."""

from __future__ import annotations

import codecs

_LINE_BYTES = 8 * 1024
_REQUEST_BYTES = 1024 * 1024


class RequestLogs:
    """One request's standard output and standard error; the rest of either is dropped."""

    def __init__(self) -> None:
        self._left = _REQUEST_BYTES
        self.stdout = Stream(self)
        self.stderr = Stream(self)

    def grant(self, size: int) -> int:
        """How many of so many bytes may still be kept."""
        granted = min(size, self._left)
        self._left -= granted
        return granted


class Stream:
    def __init__(self, logs: RequestLogs) -> None:
        self._logs = logs
        self._lines: list[bytes] = []
        self._line = bytearray()

    def feed(self, chunk: bytes) -> None:
        """The next bytes, cut anywhere."""
        first, *others = chunk.split(b"\n")
        self._extend(first)
        for start in others:
            self._end_line()
            self._extend(start)

    def lines(self) -> list[str]:
        """So far; the last may lack its end."""
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
    # Not final: a character that the cut went through is left out.
    return codecs.getincrementaldecoder("utf-8")("replace").decode(line)
