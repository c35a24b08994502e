"""`liveness policies`: prints what is pasted into CAM. Needs no key and asks nobody."""

from __future__ import annotations

import os

import click

from liveness.errors import SettingsError
from liveness.settings import Settings, read_settings

from .roles import ROLES, PolicyProblem, policy_of, printed

_UIN = "TENCENTCLOUD_UIN"


class _Unusable(click.ClickException):
    exit_code = 2


@click.command()
@click.option("--role", type=click.Choice(list(ROLES)), help="One policy alone, ready to paste.")
def policies(role: str | None) -> None:
    """Print least-privilege CAM policies for everybody who takes part.

    Buckets, prefixes and suffixes are those of the function: LIVENESS_* and TENCENTCLOUD_REGION of
    the environment. TENCENTCLOUD_UIN, if set, names the main account; else a policy means the one
    that it is made in.
    """
    settings, uin = _settings(), os.environ.get(_UIN, "").strip()
    try:
        made = {name: policy_of(name, settings, uin) for name in ([role] if role else ROLES)}
    except PolicyProblem as error:
        raise _Unusable(str(error)) from None
    if role:
        click.echo(printed(made[role]))
        return
    texts = [
        f"# {name}: {ROLES[name].what_for}\n# goes to: {ROLES[name].goes_to}\n{printed(document)}"
        for name, document in made.items()
    ]
    click.echo("\n\n".join(texts))


def _settings() -> Settings:
    try:
        return read_settings(os.environ)
    except SettingsError as error:
        raise _Unusable(
            "the environment does not name an installation:\n  " + "\n  ".join(error.problems)
        ) from None
