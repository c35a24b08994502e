"""`liveness rollback`: back to the previous version, at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from liveness.cloud.system import SystemClock

from ..account.errors import AccountError
from ..account.function import Alias
from ..environment import place_of
from ..terminal import echo
from .account import connect
from .deployment import explained
from .managed_function import Version
from .project import load_project
from .stamp import read_after

SCHEMA = "liveness-rolled-back/1"


class NoVersionBefore(Exception):
    """There is nothing to go back to; str() says why."""


def version_before(alias: Alias, versions: Sequence[Version]) -> int:
    """Return the version that had the traffic before the one that has it. Pure.

    Raises NoVersionBefore.
    """
    if not alias.version.isdecimal():
        raise NoVersionBefore(
            f"the traffic goes to {alias.version}, which is no published version: "
            "`liveness deploy` publishes one"
        )
    descriptions = {version.number: version.description for version in versions}
    before = read_after(descriptions.get(int(alias.version), ""))
    if before is None:
        raise NoVersionBefore(f"no other version had the traffic before version {alias.version}")
    if before not in descriptions:
        raise NoVersionBefore(f"version {before}, which had the traffic before, was deleted")
    return before


def rollback(manifest: Path | None, *, ask: bool) -> dict[str, Any]:
    """Move the traffic. Raises ClickException, and Abort if the user declines."""
    project = load_project(manifest)
    echo(place_of(project.manifest.settings, project.environ), err=True)
    function = connect(project.manifest, project.credentials, SystemClock()).function
    try:
        alias = function.alias()
        before = version_before(alias, function.versions())
        if ask:
            click.confirm(
                f"Send all traffic from version {alias.version} to version {before}?",
                abort=True,
                err=True,
            )
        function.move_traffic(str(before))
    except AccountError as error:
        raise click.ClickException(explained(error)) from None
    except NoVersionBefore as error:
        raise click.ClickException(f"nothing was changed: {error}") from None
    return {
        "schema": SCHEMA,
        "function": project.manifest.name,
        "region": project.manifest.region,
        "from": alias.version,
        "to": str(before),
    }


def print_rolled_back(value: Mapping[str, Any]) -> None:
    echo(f"All traffic goes to version {value['to']} now, and no longer to {value['from']}.")
    echo("Running invocations finish with the code that they began with.")
