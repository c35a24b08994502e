"""The `liveness` command."""

from __future__ import annotations

import click

from .invoke import invoke
from .run import run
from .sandbox import sandbox


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="liveness-scf")
def main() -> None:
    """Run, try and operate the liveness function."""


main.add_command(run)
main.add_command(invoke)
main.add_command(sandbox)
