"""The code that chaos deploys: a copy of `src`, mutated or as it is, that follows any clock.

A run advances the sandbox's clock by hours, past every pause, but the processes' own clocks stay.
The function ignores a Date that is more than a quarter of an hour off; the copy does not.
"""

from __future__ import annotations

import compileall
from pathlib import Path

from ..mutations import Mutation, copy_source

_LIMIT = "MAX_CLOCK_OFFSET_SECONDS = 15 * 60.0\n"


def copy_for_chaos(destination: Path, mutation: Mutation | None = None) -> Path:
    """Copy `src` to a folder that chaos can deploy; return that folder."""
    folder = copy_source(destination, mutation)
    store = folder / "liveness/store.py"
    source = store.read_text(encoding="utf-8")
    if source.count(_LIMIT) != 1:
        raise ValueError(f"{store.name} does not set the limit of the clock's offset as it did")
    store.write_text(source.replace(_LIMIT, 'MAX_CLOCK_OFFSET_SECONDS = float("inf")\n'), "utf-8")
    compileall.compile_dir(folder, quiet=2)
    return folder
