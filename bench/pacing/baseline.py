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

from ..environment import RunFailed

ROOT = Path(__file__).parents[2]
# The last one that drained with sixteen workers, at even distances, and listed before it drained.
COMMIT = "09c593dbbe1509cf542b89d48e531b1dc3360dd6"


def source(commit: str) -> Path:
    """Return the folder with that commit's `src`, out of this repository's history.

    Raises RunFailed if the repository does not have the commit: a copy without its history.
    """
    folder = ROOT / "build" / "baseline" / commit
    if not (folder / "src").exists():
        archive = subprocess.run(
            ["git", "archive", "--format=tar", commit, "src"], cwd=ROOT, capture_output=True
        )
        if archive.returncode:
            raise RunFailed(f"this repository has no commit {commit}")
        with tarfile.open(fileobj=BytesIO(archive.stdout)) as tar:
            tar.extractall(folder, filter="data")
    return folder / "src"


def arguments(quick: bool, jobs: int, only: Sequence[str] = ()) -> list[str]:
    """Return the arguments of the same cases, in half as many runs at a time."""
    return [*only, *(["--quick"] if quick else []), "--jobs", str(max(1, jobs // 2))]


def start(arguments: Sequence[str], commit: str = COMMIT) -> subprocess.Popen[str]:
    """Start measuring the same cases with that commit's function. Raises RunFailed."""
    path = os.pathsep.join((str(source(commit)), str(ROOT)))
    return subprocess.Popen(
        [sys.executable, "-m", "bench.pacing", "--figures", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
    )


def figures(process: subprocess.Popen[str]) -> Any:
    """Wait for the figures: of each case, those of each seed, or None. Raises RunFailed."""
    printed, _ = process.communicate()
    if process.returncode:
        raise RunFailed("the baseline could not be measured; see above")
    report = json.loads(printed)
    if not Path(report["source"]).is_relative_to(ROOT / "build" / "baseline"):
        raise RunFailed(f"the baseline ran {report['source']}")
    return report["figures"]
