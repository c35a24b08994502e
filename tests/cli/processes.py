"""Who is whose child, as Linux tells it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

_PROC = Path("/proc")
_PATIENCE_SECONDS = 10

needs_proc = pytest.mark.skipif(not (_PROC / "self/stat").exists(), reason="needs Linux's /proc")


def await_children(pid: int) -> set[int]:
    """The children of a process, once there are some."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not (found := _children(pid)):
        assert time.monotonic() < deadline, "no child was ever started"
        time.sleep(0.02)
    return found


def still_running(pids: set[int]) -> set[int]:
    return {pid for pid in pids if (_PROC / str(pid)).exists()}


def _children(pid: int) -> set[int]:
    found = set()
    for entry in os.listdir(_PROC):
        if entry.isdigit():
            try:
                stat = (_PROC / entry / "stat").read_text()
            except OSError:
                continue  # it ended meanwhile
            # The name, in brackets, may hold anything; the parent is the second field after it.
            if int(stat.rpartition(")")[2].split()[1]) == pid:
                found.add(int(entry))
    return found
