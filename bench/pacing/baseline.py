"""The same figures of an earlier commit's function, in today's simulated world."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from ..environment import ROOT, RunFailed

# The last one that drained with sixteen workers at even intervals, and listed before it drained.
COMMIT = "09c593dbbe1509cf542b89d48e531b1dc3360dd6"


class NoHistory(RunFailed):
    """This copy of the repository has no history."""


def source(commit: str) -> Path:
    """Return the folder with that commit's `src`, from this repository's history.

    Raises NoHistory if the repository does not have the commit.
    """
    folder = ROOT / "build" / "baseline" / commit
    if not (folder / "src").exists():
        archive = subprocess.run(
            ["git", "archive", "--format=tar", commit, "src"], cwd=ROOT, capture_output=True
        )
        if archive.returncode:
            raise NoHistory(f"this repository has no commit {commit}")
        with tarfile.open(fileobj=BytesIO(archive.stdout)) as tar:
            tar.extractall(folder, filter="data")
    return folder / "src"


def figures(quick: bool, jobs: int, only: Sequence[str] = (), commit: str = COMMIT) -> Any:
    """Measure the same cases with that commit's function.

    Return the figures of each case's first seed, or None. Raises NoHistory, RunFailed.
    """
    chosen = [part for text in only for part in ("--only", text)]
    process = subprocess.run(
        [
            *(sys.executable, "-m", "bench.pacing", "--figures", "--jobs", str(jobs)),
            *chosen,
            *(["--quick"] if quick else []),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(source(commit)), str(ROOT)))},
        stdout=subprocess.PIPE,
        text=True,
    )
    if process.returncode:
        raise RunFailed("the baseline could not be measured; see above")
    report = json.loads(process.stdout)
    if not Path(report["source"]).is_relative_to(ROOT / "build" / "baseline"):
        raise RunFailed(f"the baseline ran {report['source']}")
    return report["figures"]
