"""A deployed package: a copy of the code folder, and the packages installed for an interpreter."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

# Run by another interpreter, with -I so that it ignores this environment.
_PRINT_PATHS = "import json, sysconfig; print(json.dumps([*map(sysconfig.get_path, {names!r})]))"
_NAMES = ["purelib", "platlib"]


def unpack(code: Path, target: Path) -> Path:
    """Copy the code, as uploading does: later edits have no effect until the next deployment.

    The copy keeps modification times, so that shipped bytecode stays valid.
    """
    # Other processes may create and remove temporary bytecode files in a folder that is in use.
    shutil.copytree(code, target, ignore=shutil.ignore_patterns("*.pyc.*"))
    return target


@functools.cache
def site_packages(python: str) -> tuple[Path, ...]:
    """Return the folders of the packages that an interpreter has installed."""
    if python == sys.executable:
        paths = [sysconfig.get_path(name) for name in _NAMES]
    else:
        process = subprocess.run(
            [python, "-I", "-c", _PRINT_PATHS.format(names=_NAMES)],
            stdout=subprocess.PIPE,
            check=True,
        )
        paths = json.loads(process.stdout)
    return tuple(dict.fromkeys(map(Path, paths)))
