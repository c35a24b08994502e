"""The vendor's command line, in a virtual environment of its own.

It depends on the whole international SDK, 100 MB in 20,000 files, so it is not a dependency of the
project: the first test that needs it installs it under build/, where later runs find it.
"""

from __future__ import annotations

import functools
import subprocess
import sys
import venv
from pathlib import Path

REQUIREMENTS = (
    "tccli-intl-en==3.1.193.1",
    "tencentcloud-sdk-python-intl-en==3.1.193",
    "jmespath==1.1.0",
)
INSTALL_SECONDS = 500
_ROOT = Path(__file__).parents[2]
_VENV = _ROOT / f"build/tccli-{sys.version_info.major}.{sys.version_info.minor}"


@functools.cache
def command() -> list[Path]:
    """Return how it is run, once it is installed."""
    # Written last, so that an interrupted installation is repeated.
    stamp = _VENV / "installed"
    requirements = "\n".join((sys.version, *REQUIREMENTS))
    if not (stamp.exists() and stamp.read_text() == requirements):
        venv.create(_VENV, clear=True)  # pip of this environment installs, which saves another one
        # Almost none of it is ever imported, and compiling it would take longer than the rest.
        options = ("--quiet", "--disable-pip-version-check", "--no-compile")
        into = ("--ignore-installed", "--prefix", str(_VENV))
        pip = [sys.executable, "-m", "pip", "install", *options, *into]
        pinned = ["-c", str(_ROOT / "constraints.txt"), *REQUIREMENTS]
        subprocess.run([*pip, *pinned], check=True, timeout=INSTALL_SECONDS)
        stamp.write_text(requirements)
    return [_VENV / "bin/python", _VENV / "bin/tccli"]
