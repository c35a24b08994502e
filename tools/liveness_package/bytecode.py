"""Compile the package for the function's runtime, so that no cold start has to."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

_VERSION = "import sys; sys.exit(sys.version_info[:2] != (3, 10))"


def find_runtime() -> str | None:
    """Return a Python 3.10, which is the function's runtime, if this machine has one."""
    candidates = [shutil.which("python3.10"), *map(str, _of_pyenv())]
    for python in candidates:
        if python and subprocess.run([python, "-c", _VERSION], capture_output=True).returncode == 0:
            return python
    return None


def _of_pyenv() -> list[Path]:
    return sorted(Path.home().glob(".pyenv/versions/3.10.*/bin/python"))


def compile_folder(folder: Path, python: str) -> None:
    """Write bytecode for every module; raises CalledProcessError if one does not compile.

    Its validity does not depend on file times (PEP 552, unchecked), which an upload changes.
    It does not contain the folder's path, and strings hash alike, so that every run makes the same
    bytes.
    """
    command = [python, "-W", "ignore", "-m", "compileall", "-q", "-f"]
    options = ["--invalidation-mode", "unchecked-hash", "-s", str(folder), str(folder)]
    environment = os.environ | {"PYTHONHASHSEED": "0"}
    subprocess.run([*command, *options], env=environment, check=True)
