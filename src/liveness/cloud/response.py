"""Reads the head of an HTTP reply, faster than the standard library does.

The standard library's client uses its e-mail parser, which takes as long as the rest of a small
request: signing, sending and receiving.
"""

from __future__ import annotations

import re
from http.client import BadStatusLine, HTTPException, HTTPResponse, IncompleteRead
from typing import BinaryIO

_MAX_LINE_BYTES = 64 * 1024
_MAX_FIELDS = 100
_MAX_CONTINUES = 3  # no request asks for one
_DIGITS = re.compile("[0-9]*")
_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\0\r\n]*)\r?\n")


class UnreadableFieldsError(HTTPException):
    """The headers of a reply cannot be read; perhaps never, as an uploader chooses some."""


class Response(HTTPResponse):
    """A reply of the standard library's client, whose head is read by `begin`."""

    fields: dict[str, str]
    """The headers: names in lower case; the values of a repeated one are joined."""

    def begin(self) -> None:
        """Read the head, and decide where the body ends. Raises HTTPException."""
        for _ in range(_MAX_CONTINUES + 1):
            version, status, self.reason = self._read_status()  # type: ignore[attr-defined]
            self.fields = _read_fields(self.fp)
            if status != 100:
                break
        if not version.startswith("HTTP/1."):
            raise BadStatusLine(version)
        self.version = 10 if version == "HTTP/1.0" else 11
        self.code = self.status = status
        encoding = self.fields.get("transfer-encoding", "").lower()
        length = self.fields.get("content-length", "")
        if (encoding and (encoding != "chunked" or length)) or not _DIGITS.fullmatch(length):
            raise HTTPException("where the reply ends is ambiguous")  # RFC 9112, 6.3
        self.chunked = bool(encoding)
        self.chunk_left = None
        if self._method == "HEAD" or status in (204, 304):  # type: ignore[attr-defined]
            self.length = 0
        else:  # unless it is chunked, a body without a length ends with the connection
            self.length = int(length) if length else None
        has_end = self.chunked or self.length is not None
        closes = "close" in self.fields.get("connection", "").lower() or self.version == 10
        self.will_close = closes or not has_end


def _read_fields(file: BinaryIO) -> dict[str, str]:
    """Read the lines of a head. Raises UnreadableFieldsError; IncompleteRead if it is cut off."""
    fields: dict[str, str] = {}
    for _ in range(_MAX_FIELDS + 1):
        line = file.readline(_MAX_LINE_BYTES + 1).decode("latin-1")
        if line in ("\r\n", "\n"):
            return fields
        match = _FIELD.fullmatch(line)
        if match is None and len(line) <= _MAX_LINE_BYTES and not line.endswith("\n"):
            raise IncompleteRead(line.encode("latin-1"))
        if match is None:
            raise UnreadableFieldsError("a header is malformed or too long")
        name, value = match[1].lower(), match[2].strip(" \t")
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    raise UnreadableFieldsError("there are too many headers")
