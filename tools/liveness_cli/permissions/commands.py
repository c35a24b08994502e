"""`liveness policies`: print policies to paste into CAM, without a key or a request."""

from __future__ import annotations

import os

import click

from liveness.errors import SettingsError
from liveness.settings import Settings, read_settings

from ..errors import InvalidUsage
from ..terminal import echo
from .language import Policy
from .roles import PAIR_ROLES, ROLES, PolicyError, policy_of, policy_of_pair, to_json

_UIN_VARIABLE = "TENCENTCLOUD_UIN"


@click.command()
@click.option("--role", type=click.Choice(list(ROLES)), help="Print only this role's policy.")
@click.option(
    "--pair",
    "pair_id",
    metavar="PAIR_ID",
    help="Print what a backend passes to STS for temporary keys that are for this pair only.",
)
def policies(role: str | None, pair_id: str | None) -> None:
    """Print least-privilege CAM policies for each role.

    Buckets, prefixes and suffixes are the function's: LIVENESS_* and TENCENTCLOUD_REGION in the
    environment. Set TENCENTCLOUD_UIN to name the main account in the policies; otherwise a policy
    applies to the account in which it is created.

    --pair needs --role app, app-simple or backend. STS takes its policy as URL-encoded JSON.
    """
    if pair_id is not None and role not in PAIR_ROLES:
        raise InvalidUsage(f"--pair needs --role with one of {', '.join(PAIR_ROLES)}")
    settings, uin = _read_settings(), os.environ.get(_UIN_VARIABLE, "").strip()
    try:
        if role and pair_id is not None:
            echo(to_json(policy_of_pair(role, settings, pair_id)))
            return
        documents = {name: policy_of(name, settings, uin) for name in ([role] if role else ROLES)}
    except PolicyError as error:
        raise InvalidUsage(str(error)) from None
    if role:
        echo(to_json(documents[role]))
        return
    echo("\n\n".join(_section(name, document) for name, document in documents.items()))


def _section(name: str, document: Policy) -> str:
    role = ROLES[name]
    return f"# {name}: {role.purpose}\n# attach to: {role.attach_to}\n{to_json(document)}"


def _read_settings() -> Settings:
    try:
        return read_settings(os.environ)
    except SettingsError as error:
        raise InvalidUsage(
            "the environment does not name an installation:\n  " + "\n  ".join(error.problems)
        ) from None
