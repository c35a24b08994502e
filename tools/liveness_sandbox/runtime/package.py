"""A deployed package: the code folder as it was uploaded, and what lies beside it."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

# Asked of another interpreter, under -I: nothing of this environment must reach it.
_ASK = "import json, sysconfig; print(json.dumps([*map(sysconfig.get_path, {names!r})]))"
_NAMES = ["purelib", "platlib"]


def unpack(code: Path, to: Path) -> Path:
    """A copy, as uploading makes one: later edits wait for the next deployment.

    Times are kept, so that shipped bytecode stays valid.
    """
    # Other processes' drafts of bytecode come and go in a folder that is in use.
    shutil.copytree(code, to, ignore=shutil.ignore_patterns("*.pyc.*"))
    return to


@functools.cache
def site_packages(python: str) -> tuple[Path, ...]:
    """Where an interpreter keeps what was installed into it."""
    if python == sys.executable:
        paths = [sysconfig.get_path(name) for name in _NAMES]
    else:
        asked = subprocess.run(
            [python, "-I", "-c", _ASK.format(names=_NAMES)], stdout=subprocess.PIPE, check=True
        )
        paths = json.loads(asked.stdout)
    return tuple(dict.fromkeys(map(Path, paths)))
