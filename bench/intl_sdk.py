"""The naive handler on tencentcloud-sdk-python-intl-en, in a virtual environment of its own.

The package is large, so it is not a dependency of the project: the first run installs it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from .environment import BENCH, ROOT, Handler

REQUIREMENTS = ("tencentcloud-sdk-python-intl-en==3.1.193", "cos-python-sdk-v5==1.9.44")
_INSTALL_SECONDS = 110
_VENV = ROOT / "build/bench-venv"
_PYTHON = _VENV / "bin/python"
# Written last, so that an interrupted installation is repeated.
_STAMP = _VENV / "installed"


class Unavailable(Exception):
    """The SDK cannot be installed here; the message says why."""


def handler() -> Handler:
    """Return the handler; install its SDK first if necessary. Raises Unavailable."""
    installation = "\n".join((sys.version, *REQUIREMENTS))
    if not (_STAMP.exists() and _STAMP.read_text() == installation):
        print(f"Setting up {_VENV.relative_to(ROOT)} (once) ...", file=sys.stderr, flush=True)
        _run(sys.executable, "-m", "venv", "--clear", str(_VENV))
        quiet = ("--quiet", "--disable-pip-version-check", "-c", str(ROOT / "constraints.txt"))
        _run(str(_PYTHON), "-m", "pip", "install", *quiet, *REQUIREMENTS)
        _STAMP.write_text(installation)
    return Handler("naive_intl", BENCH / "naive", "index_intl", _PYTHON)


def _run(*command: str) -> None:
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that the builds that pip starts end with it
    )
    try:
        _, stderr = process.communicate(timeout=_INSTALL_SECONDS)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"not installed after {_INSTALL_SECONDS} s") from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.returncode != 0:
        lines = stderr.strip().splitlines() or ["no message"]
        raise Unavailable(f"not installed: {lines[-1]}")
