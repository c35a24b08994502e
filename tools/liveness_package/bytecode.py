"""Compile the package for the function's runtime, so that no cold start has to."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def compile_folder(folder: Path, python: str) -> None:
    """Write bytecode for every module; raises CalledProcessError if one does not compile.

    Its validity does not depend on file times (PEP 552, unchecked), which an upload does not keep.
    It does not contain the folder's path, and strings hash alike, so that every run makes the same
    bytes.
    """
    command = [python, "-W", "ignore", "-m", "compileall", "-q", "-f"]
    options = ["--invalidation-mode", "unchecked-hash", "-s", str(folder), str(folder)]
    environment = os.environ | {"PYTHONHASHSEED": "0"}
    subprocess.run([*command, *options], env=environment, check=True)
