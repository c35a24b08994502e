"""Sub-accounts and the function's role for a sandbox, with the policies of `liveness policies`."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from liveness.settings import Settings

from .permissions import policies
from .permissions.roles import ROLES, PolicyError, policy_of
from .terminal import echo

if TYPE_CHECKING:
    from liveness_sandbox import Identities

FUNCTION = "function"
TRUST = "trust"
ROLE_NAMES = tuple(name for name in ROLES if name != TRUST)
_TOKENS = ("TENCENTCLOUD_SESSIONTOKEN", "TENCENTCLOUD_TOKEN")
_TIMEOUT_SECONDS = 10
_LOOPBACK = ("127.0.0.1", "localhost")


def identity_of(role: str) -> str:
    """Return the name of a role of `liveness policies` in the sandbox."""
    return policies.FUNCTION_ROLE if role == FUNCTION else role


def no_identities() -> Identities:
    from liveness_sandbox import Identities  # as below

    return Identities()


def identities_for(settings: Settings) -> tuple[Identities, list[str]]:
    """Make the function's role, and a sub-account for each other role of `liveness policies`.

    Also return, as sentences, which roles cannot have a policy with these settings.
    """
    # Its HTTP server would slow every --help.
    from liveness_sandbox import Identities, RoleDocument

    users, problems = {}, []
    for name in ROLE_NAMES:
        if name != FUNCTION:
            try:
                users[name] = {name: policy_of(name, settings)}
            except PolicyError as error:
                problems.append(f"no keys for the role {name}: {error}")
    role = RoleDocument(
        policies.trust(settings), {policies.FUNCTION_ROLE: policies.function(settings)}
    )
    return Identities(users, {policies.FUNCTION_ROLE: role}), problems


def print_environment(variables: Mapping[str, str]) -> None:
    """Print the environment of a role, as commands of a shell."""
    # The token of a previous role would not belong to these keys.
    echo(f"unset {' '.join(_TOKENS)}")
    for name, value in variables.items():
        echo(f"export {name}={shlex.quote(value)}")


def environment_of(role: str, port: int) -> dict[str, str]:
    """Return the environment of a role in the running sandbox that `port` or http_proxy names."""
    import requests

    url = f"http://127.0.0.1:{port}" if port else os.environ.get("http_proxy", "")
    if urlsplit(url).hostname not in _LOOPBACK:
        raise click.ClickException(
            "--role is about a sandbox that is running: give its --port, or the environment that "
            "it prints"
        )
    with requests.Session() as session:
        session.trust_env = False
        try:
            reply = session.get(
                f"{url}/_sandbox/environment/{identity_of(role)}", timeout=_TIMEOUT_SECONDS
            )
        except requests.RequestException:
            raise click.ClickException(f"no sandbox is running on {url}") from None
    if reply.status_code != 200:
        raise click.ClickException(f"the sandbox on {url} has no keys for the role {role}")
    variables: dict[str, str] = reply.json()
    return variables
