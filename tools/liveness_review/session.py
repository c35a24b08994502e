"""The local file of the installation that the environment names, brought up to date."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click

from liveness_cli.console import ProgressCallback
from liveness_cli.environment import Target, load_target
from liveness_cli.operator.actions import session

from .database import BUSY_SECONDS, Busy, path_of
from .index import ResultIndex
from .refresh import refresh


@dataclass(frozen=True)
class Session:
    """What a command works with."""

    target: Target
    index: ResultIndex
    progress: ProgressCallback


def local_index(target: Target) -> ResultIndex:
    """Return the local file of this installation, whether it exists or not."""
    return ResultIndex(path_of(target.settings, target.environ), BUSY_SECONDS)


@contextmanager
def current_results(*, offline: bool) -> Iterator[Session]:
    """Load the target and, unless `offline`, read what is new or changed, showing progress.

    Raises InvalidUsage, ClickException.
    """
    target = load_target()
    index = local_index(target)
    if offline and index.results_read_at() is None:
        raise click.ClickException("no results were read yet: run it without --offline")
    with session() as update:
        if not offline:
            try:
                refresh(index, target.settings, target.read_only_store, update)
            except Busy as error:
                raise click.ClickException(f"{error}; try again, or give --offline") from None
        yield Session(target, index, update)
