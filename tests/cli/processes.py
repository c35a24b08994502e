"""The child processes of a process, from Linux's /proc."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

_PROC = Path("/proc")
_TIMEOUT_SECONDS = 60

needs_proc = pytest.mark.skipif(not (_PROC / "self/stat").exists(), reason="needs Linux's /proc")


def await_children(pid: int) -> set[int]:
    """Wait until a process has children, and return their ids."""
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while not (children := _children(pid)):
        assert time.monotonic() < deadline, "no child was started"
        time.sleep(0.02)
    return children


def still_running(pids: set[int]) -> set[int]:
    return {pid for pid in pids if (_PROC / str(pid)).exists()}


def _children(pid: int) -> set[int]:
    children = set()
    for entry in os.listdir(_PROC):
        if entry.isdigit():
            try:
                stat = (_PROC / entry / "stat").read_text()
            except OSError:
                continue  # the process has ended
            # The name, in brackets, may contain anything; the parent is the second field after it.
            if int(stat.rpartition(")")[2].split()[1]) == pid:
                children.add(int(entry))
    return children
