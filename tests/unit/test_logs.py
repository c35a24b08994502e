"""I13: nothing that is logged can end an invocation."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from liveness.handler import Function
from liveness.logs import Log, write_stdout
from tests.conftest import Cloud

FULL = Path("/dev/full")


class Broken(io.RawIOBase):
    """A file whose every write fails."""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        raise BrokenPipeError


def ascii_stdout() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="ascii")


def closed_stdout() -> io.TextIOWrapper:
    stream = ascii_stdout()
    stream.close()
    return stream


def broken_stdout() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BufferedWriter(Broken()), encoding="utf-8")


STDOUTS: dict[str, Any] = {
    "ascii": ascii_stdout,
    "closed": closed_stdout,
    "broken": broken_stdout,
    "absent": lambda: None,  # as in pythonw, or after `sys.stdout = None`
}


@contextlib.contextmanager
def stdout(kind: str) -> Iterator[Any]:
    """Replace stdout while the block runs: pytest would undo it between a fixture and a test."""
    stream = STDOUTS[kind]()
    with contextlib.redirect_stdout(stream):
        yield stream
    with contextlib.suppress(OSError, ValueError, AttributeError):
        stream.detach().detach()


@pytest.mark.parametrize("kind", STDOUTS)
@pytest.mark.parametrize("text", ["中文", "\ud800", "é", "😀"])
def test_no_line_raises_whatever_stdout_is(kind: str, text: str) -> None:
    with stdout(kind):
        Log(write_stdout, {})("pair.failed", pair_id=text, reason=text)


@pytest.mark.parametrize(
    "char",
    "\x00\x1b\x7f\x85\x9b\xad\u061c\u200b\u202e\u2028\u2029\u2066\ufeff\ud800\U000e0001"
    "\u034f\u115f\u180b\u2800\u3164\ufe0f\uffa0\U000e0100",
    ids=ascii,
)
def test_control_format_and_invisible_characters_are_escaped(char: str) -> None:
    """JSON leaves most of them; in a terminal they would hide or forge a line."""
    lines: list[str] = []

    Log(lines.append, {})("pair.failed", pair_id=f"会{char}话", reason=char)

    (line,) = lines
    assert line.endswith("}\n")
    assert line[:-1].isprintable()
    assert char not in line
    assert json.loads(line)["pair_id"] == f"会{char}话"


def test_an_escaped_line_is_short_enough_for_the_platform() -> None:
    lines: list[str] = []

    Log(lines.append, {})("pair.failed", **{f"field{n}": "\x9b" * 1000 for n in range(9)})

    assert len(lines[0].encode()) <= 8 * 1024


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
def test_a_full_stdout_loses_the_line_alone() -> None:
    stream = FULL.open("w")
    with contextlib.redirect_stdout(stream):
        write_stdout("line\n")

    with contextlib.suppress(OSError):
        stream.close()


def test_an_ascii_stdout_gets_utf8_bytes() -> None:
    with stdout("ascii") as stream:
        Log(write_stdout, {})("pair.failed", pair_id="中文")
        written = stream.buffer.getvalue()

    assert json.loads(written)["pair_id"] == "中文"


@pytest.mark.parametrize("kind", STDOUTS)
def test_an_invocation_ends_well_whatever_stdout_is(cloud: Cloud, kind: str) -> None:
    """The key is Chinese, and the log line stands inside the except that logs a failure, too."""
    cloud.put_pair("中文")
    instance = cloud.instance()
    function = Function(clock=instance.clock, environ=instance.environ)

    with stdout(kind):
        summary = function({"pairs": ["中文"]}, {"time_limit_in_ms": 120_000})

    assert summary["pairs"][0]["status"] == "passed"


def test_a_line_never_exceeds_what_the_platform_keeps() -> None:
    lines: list[str] = []
    log = Log(lines.append, {f"base-{number}": "中" * 3000 for number in range(3)})

    log("pair.failed", reason="\x01" * 9000, pair_id="x" * 850)

    (line,) = lines
    assert len(line.encode()) <= 8 * 1024
    assert json.loads(line)["event"] == "pair.failed"
