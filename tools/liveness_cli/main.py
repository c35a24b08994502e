"""The `liveness` command."""

from __future__ import annotations

import click

from .account.commands import COMMANDS as ACCOUNT_COMMANDS
from .invoke import invoke
from .operator.commands import COMMANDS
from .permissions.commands import policies
from .run import run
from .sandbox import sandbox


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="liveness-scf")
def main() -> None:
    """Run, try and operate the liveness function."""


main.add_command(run)
main.add_command(invoke)
main.add_command(sandbox)
main.add_command(policies)
for command in (*COMMANDS, *ACCOUNT_COMMANDS):
    main.add_command(command)
