"""The `liveness` command."""

from __future__ import annotations

import os

import click

from liveness_review.commands import COMMANDS as REVIEW_COMMANDS

from .account.commands import COMMANDS as ACCOUNT_COMMANDS
from .customer.commands import COMMANDS as CUSTOMER_COMMANDS
from .deploy.commands import COMMANDS as DEPLOY_COMMANDS
from .invoke import invoke
from .operator.commands import COMMANDS as OPERATOR_COMMANDS
from .permissions.commands import policies
from .review import review
from .run import run
from .sandbox import sandbox
from .surroundings import ignore_surroundings
from .terminal import Commands


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="liveness-scf")
def main() -> None:
    """Try, deploy and operate the liveness function."""
    ignore_surroundings(os.environ)


for command in (
    run,
    invoke,
    sandbox,
    review,
    policies,
    *CUSTOMER_COMMANDS,
    *OPERATOR_COMMANDS,
    *REVIEW_COMMANDS,
    *ACCOUNT_COMMANDS,
    *DEPLOY_COMMANDS,
):
    main.add_command(command)
