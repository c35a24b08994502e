"""The local file of the installation that the environment names, brought up to date."""

from __future__ import annotations

import sqlite3
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
    """Return the local file of this installation, which may not exist yet."""
    return ResultIndex(path_of(target.settings, target.environ), BUSY_SECONDS)


@contextmanager
def current_results(*, offline: bool) -> Iterator[Session]:
    """Load the target and, unless `offline`, read new and changed objects, showing progress.

    Raises InvalidUsage, ClickException.
    """
    target = load_target()
    index = local_index(target)
    with _reported_errors(index), session() as update:
        if not offline:
            refresh(index, target.settings, target.read_only_store, update)
        elif index.results_read_at() is None:
            raise click.ClickException("no results were read yet: run it without --offline")
        yield Session(target, index, update)


@contextmanager
def _reported_errors(index: ResultIndex) -> Iterator[None]:
    try:
        yield
    except Busy as error:
        raise click.ClickException(f"{error}; try again, or give --offline") from None
    except sqlite3.Error as error:
        raise click.ClickException(
            f"the local file {index.path} cannot be used: {error}; it may be deleted"
        ) from None
