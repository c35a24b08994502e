"""`liveness deploy`: read, plan, ask, apply, and check the installation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click

from liveness.cloud.system import SystemClock

from ..account.errors import AccountError, RequestRefused
from ..account.examine import examine_installation
from ..account.installation import installation_of
from ..checkout import ROOT
from ..environment import load_target, place_of
from ..interrupts import UNFINISHED, interruptible
from ..terminal import echo
from .account import Account, connect, read_found
from .change import Change
from .denied import is_denial
from .desired import Desired, desired_of
from .package import make_package, read_package
from .plan import Plan, make_plan
from .printing import print_plan
from .project import Project, load_project

SCHEMA = "liveness-deployed/1"


class Options(NamedTuple):
    """The options of the command."""

    dry_run: bool = False
    ask: bool = True
    create_bucket: bool = False
    mend: bool = False
    package: Path | None = None
    """A package that was made earlier; None: build one from this checkout."""
    notify: str | None = None
    """Whom alarms notify; None: alarms are left alone."""
    manifest: Path | None = None
    """Another serverless.yml than this checkout's."""


def deploy(options: Options) -> dict[str, Any]:
    """Bring the account into the state that serverless.yml describes, and report the changes.

    Raises ClickException, and Abort if the user declines.
    """
    project = load_project(options.manifest)
    echo(place_of(project.manifest.settings, project.environ), err=True)
    if options.package is None:
        echo("Building the package ...", err=True)
        package = make_package(ROOT)
    else:
        package = read_package(options.package)
    if not package.is_compiled:
        echo(
            "No Python 3.10 found: the package has no bytecode, so every cold start compiles it.",
            err=True,
        )
    account = connect(project.manifest, project.credentials, SystemClock())
    desired = desired_of(
        project.manifest,
        package,
        create_bucket=options.create_bucket,
        mend=options.mend,
        notify=options.notify,
    )
    with interruptible(UNFINISHED):
        echo("Reading the account ...", err=True)
        plan = read_plan(account, desired)
        value = _value(project, plan, options)
        if plan.refusals or options.dry_run:
            return value
        if options.ask and any(change["state"] == "to do" for change in value["changes"]):
            print_plan(value)
            click.confirm("Apply these changes?", abort=True, err=True)
        value["error"] = _apply(account, plan, value["changes"])
        if value["error"] is None:
            echo("Checking the installation ...", err=True)
            value["doctor"] = _examine(project)
    return value


def read_plan(account: Account, desired: Desired) -> Plan:
    """Compare with the state of the account. Raises ClickException."""
    try:
        return make_plan(
            desired, read_found(account, desired.manifest, with_alarms=desired.notify is not None)
        )
    except AccountError as error:
        raise click.ClickException(f"nothing was changed: {explained(error)}") from None


def explained(error: AccountError) -> str:
    """Explain what to do about a request that the key may not make."""
    if isinstance(error, RequestRefused) and is_denial(error):
        return (
            f"{error.request}: {error.code}: your key may not do this; give it the policy "
            "`deployer`, and for roles, policies, a new function, and its removal also `installer` "
            "(`liveness policies`)"
        )
    return str(error)


def _value(project: Project, plan: Plan, options: Options) -> dict[str, Any]:
    def state(change: Change) -> str:
        return "to do" if options.mend or not change.is_drift else "left"

    return {
        "schema": SCHEMA,
        "function": project.manifest.name,
        "region": project.manifest.region,
        "bucket": project.manifest.settings.bucket,
        "dry_run": options.dry_run,
        "refusals": list(plan.refusals),
        "changes": [change.to_json(state(change)) for change in plan.changes],
        "kept": list(plan.kept),
        "error": None,
        "doctor": None,
    }


def _apply(account: Account, plan: Plan, rows: list[dict[str, str]]) -> str | None:
    """Apply the changes in order, and return why one failed; later ones are not tried."""
    for change, row in zip(plan.changes, rows, strict=True):
        if row["state"] != "to do":
            continue
        if change.action is not None:
            echo(f"{change.resource}: {change.after} ...", err=True)
            try:
                said = change.action.apply(account)
                row["meaning"] = said or row["meaning"]
            except AccountError as error:
                row["state"] = "failed"
                for later in rows:
                    later["state"] = {"to do": "not tried"}.get(later["state"], later["state"])
                return f"{change.resource}: {explained(error)}"
        row["state"] = "done"
    return None


def _examine(project: Project) -> Mapping[str, Any]:
    target = load_target(project.environ, announce=False)
    return examine_installation(installation_of(target, project.manifest.name))
