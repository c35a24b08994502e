"""Bytecode of the function's runtime, so that no cold start compiles."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def compile_folder(folder: Path, python: str) -> None:
    """Put bytecode beside every module; raises CalledProcessError when one does not compile.

    Its validity does not depend on file times (PEP 552, unchecked), which an upload does not keep.
    The folder's own path is left out, and strings hash alike, so that bytes do not differ by run.
    """
    command = [python, "-W", "ignore", "-m", "compileall", "-q", "-f"]
    options = ["--invalidation-mode", "unchecked-hash", "-s", str(folder), str(folder)]
    environment = os.environ | {"PYTHONHASHSEED": "0"}
    subprocess.run([*command, *options], env=environment, check=True)
