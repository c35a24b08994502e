"""`liveness deploy` and `liveness rollback` on the command line.

Each command imports its implementation itself: the SDKs and the tables would slow every --help.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..options import FiniteRange, json_option

# Distinct from 1, an error, and 2, invalid usage; as for `liveness upload`.
_NO_RESULT = 4
_manifest_option = click.option(
    "--manifest",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Another serverless.yml than that of this code, with its .env beside it.",
)


def _require_receivers(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    from .alarms import receivers

    if value is not None:
        try:
            receivers(value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None
    return value


_yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


@click.command()
@click.option("--dry-run", is_flag=True, help="Change nothing: show the plan.")
@_yes_option
@click.option("--create-bucket", is_flag=True, help="Create a bucket that does not exist.")
@click.option("--mend", is_flag=True, help="Undo what was changed by hand in the account.")
@click.option(
    "--notify",
    metavar="UIN|URL",
    callback=_require_receivers,
    help="Create the alarms, which notify these sub-accounts (UIN,UIN) or an https:// URL.",
)
@click.option(
    "--package",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Deploy a package that `make package` made before, instead of this code.",
)
@_manifest_option
@json_option
def deploy(
    dry_run: bool,
    yes: bool,
    create_bucket: bool,
    mend: bool,
    notify: str | None,
    package: Path | None,
    manifest: Path | None,
    as_json: bool,
) -> None:
    """Make what is in the account as serverless.yml and .env say.

    Shows the plan and asks, then creates or changes the bucket's rules, policies, role, function
    and triggers, and checks the installation. New code runs a check of its own, and only then gets
    the traffic. What was changed by hand in the account is shown, and stays without --mend. An
    interrupted run is finished by running it again.

    Exit status: 0; 1 if something could not be changed, or a check failed; 2 for what must be
    corrected before anything is changed.
    """
    from ..console import output
    from ..errors import InvalidUsage
    from .deployment import Options
    from .deployment import deploy as run
    from .printing import print_deployed

    if as_json and not (yes or dry_run):
        raise InvalidUsage("--json cannot ask: give --yes or --dry-run, too")
    options = Options(
        dry_run=dry_run,
        ask=not yes,
        create_bucket=create_bucket,
        mend=mend,
        notify=notify,
        package=package,
        manifest=manifest,
    )
    value = run(options)
    output(value, as_json=as_json, render=print_deployed)
    if value["refusals"]:
        sys.exit(2)
    if value["error"] or (value["doctor"] and value["doctor"]["failed"]):
        sys.exit(1)


@click.command()
@_yes_option
@_manifest_option
@json_option
def rollback(yes: bool, manifest: Path | None, as_json: bool) -> None:
    """Send all traffic to the version that had it before, at once.

    Nothing else changes: serverless.yml and triggers stay, and the next `liveness deploy` publishes
    a new version. Exit status: 0; 1 if there is no such version, or it could not be done.
    """
    from ..console import output
    from .rollback import print_rolled_back
    from .rollback import rollback as run

    value = run(manifest, ask=not yes)
    output(value, as_json=as_json, render=print_rolled_back)


@click.command()
@_yes_option
@click.option(
    "--delete-data",
    is_flag=True,
    help="Also delete inputs, best frames, results, ledger and their lifecycle rules; the key "
    "needs the policy `eraser`, too.",
)
@click.option(
    "--abandon-backlog", is_flag=True, help="Do not wait for what waits: it gets no result."
)
@_manifest_option
@json_option
def remove(
    yes: bool, delete_data: bool, abandon_backlog: bool, manifest: Path | None, as_json: bool
) -> None:
    """Remove the installation, after all that waits is finished.

    Removes the COS trigger, drains, reconciles and drains again; then removes timers, function,
    role, policies and alarms. Data, and policies that are still attached, are kept. An interrupted
    run is finished by running it again. Exit status: 0; 1 if something could not be removed.
    """
    from ..console import output
    from .removal import Options, print_removed
    from .removal import remove as run

    options = Options(
        ask=not yes,
        delete_data=delete_data,
        abandon=abandon_backlog,
        manifest=manifest,
    )
    output(run(options), as_json=as_json, render=print_removed)


_FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)


@click.command()
@click.option("--live", type=_FILE, required=True, help="Liveness package of your own.")
@click.option("--reference", type=_FILE, required=True, help="Reference photo of the same person.")
@click.option(
    "--timeout",
    type=FiniteRange(0),
    default=300,
    show_default=True,
    help="Seconds to wait for the result at most.",
)
@click.option(
    "--report",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    default=Path("liveness-accepted.json"),
    show_default=True,
    help="File for the report, which names no person, bucket or key.",
)
@_yes_option
@_manifest_option
@json_option
def accept(
    live: Path,
    reference: Path,
    timeout: float,
    report: Path,
    yes: bool,
    manifest: Path | None,
    as_json: bool,
) -> None:
    """Make the first real run of an installation: IT COSTS ONE CALL.

    Uploads both files as a pair, waits for the result, shows its history, and answers the questions
    about the platform that no document settles. Needs a key with the policy `tester`. Exit status:
    0; 1 for an error; 4 if there was no result in time.
    """
    from ..console import output
    from .acceptance import Options, print_accepted
    from .acceptance import accept as run

    options = Options(live, reference, timeout, report, ask=not yes, manifest=manifest)
    value = run(options)
    output(value, as_json=as_json, render=print_accepted)
    if not value["has_result"]:
        sys.exit(_NO_RESULT)


COMMANDS = (deploy, rollback, remove, accept)
