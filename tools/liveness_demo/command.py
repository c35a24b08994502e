"""`make demo`: the review page on sixty fictional people, until Ctrl-C."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

import click

from liveness_cli.console import progress
from liveness_cli.environment import load_target
from liveness_cli.interrupts import Interrupted, interruptible
from liveness_review.index import ResultIndex
from liveness_review.page import review

from .world import REVIEWERS, demo_world


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port of the page.")
@click.option("--no-browser", is_flag=True, help="Print the address only.")
@click.option("--people", type=click.IntRange(1), help="Only the latest of them.")
def main(port: int, no_browser: bool, people: int | None) -> None:
    """Show the review page without an account: a sandbox with sixty fictional people.

    You are one of its two reviewers, with that role's policy. Everything is gone after Ctrl-C.
    """

    def warn(text: str) -> None:
        click.echo(text, err=True)

    try:
        with interruptible(), tempfile.TemporaryDirectory(prefix="liveness-demo-") as folder:
            click.echo("Drawing sixty people, and having them judged in a local sandbox ...")
            with ExitStack() as stack:
                with progress() as update:
                    world = stack.enter_context(
                        demo_world(lambda done, total: update("people", done, total), people)
                    )
                os.environ.update(world.environment_of(REVIEWERS[0]))
                review(
                    load_target(announce=False),
                    ResultIndex(Path(folder) / "results.sqlite3"),
                    port=port,
                    opens_browser=not no_browser,
                    progress=progress,
                    echo=click.echo,
                    warn=warn,
                )
    except Interrupted:
        return  # the way to end it
    except OSError as error:
        raise click.ClickException(f"cannot start: {error.strerror or error}") from None
