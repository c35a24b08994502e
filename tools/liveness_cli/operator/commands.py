"""The operator's commands on the command line; `actions` implements them.

Each command imports its implementation itself: both SDKs and the tables would slow every --help.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..options import function_name_option, json_option
from ..terminal import echo

_LIMIT = 200
_WAITING_MINUTES = 15
_NEW_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=_LIMIT,
    show_default=True,
    help="Number of latest results and earliest-due markers to read.",
)
@click.option("--all", "read_all", is_flag=True, help="Read all of them.")
@click.option(
    "--waiting",
    "waiting_minutes",
    type=click.IntRange(0),
    is_flag=False,
    flag_value=_WAITING_MINUTES,
    metavar="[MINUTES]",
    help=f"Also list all inputs, and show pairs that have had no result for so long (default: "
    f"{_WAITING_MINUTES}), and keys that belong to no pair.",
)
@json_option
def status(limit: int, read_all: bool, waiting_minutes: int | None, as_json: bool) -> None:
    """Show the state of the bucket. Changes nothing.

    Shows the backlog, its oldest marker, the current drainer, results by status, pairs that
    failed, calls that may have been billed twice, the last errors, and what was not checked.

    The bucket is the one in the environment: LIVENESS_* and TENCENTCLOUD_*, as for the function.
    `liveness sandbox` prints such an environment.
    """
    from ..console import output
    from .actions import bucket_status
    from .printing import print_status

    value = bucket_status(None if read_all else limit, waiting_minutes)
    output(value, as_json=as_json, render=print_status)


@click.command()
@click.argument("pair_id")
@json_option
def explain(pair_id: str, as_json: bool) -> None:
    """Show a pair's history, what happens next, and what you can do. Changes nothing.

    The history is compiled from the inputs, the ledger, the markers and the result. An unknown
    pair is not an error: its state is then `unknown`.
    """
    from ..console import output
    from .actions import explain_pair
    from .printing import print_explanation

    output(explain_pair(pair_id), as_json=as_json, render=print_explanation)


@click.command()
@click.argument("pair_ids", metavar="PAIR_ID...", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask before a call that may be billed.")
@click.option("--log", is_flag=True, help="Show the end of the function's log (4 KB a pair).")
@function_name_option
@json_option
def retry(
    pair_ids: tuple[str, ...], yes: bool, log: bool, function_name: str, as_json: bool
) -> None:
    """Allow one more attempt for pairs that failed, and make it. MAY COST MONEY.

    Invokes the deployed function with the event {"retry": [...]}, once for each pair. A pair that
    did not fail gets no additional attempt. Asks first, unless --yes is given or nothing can be
    billed. Exit status: 0; 1 if a pair could not be processed.
    """
    from ..console import output
    from .actions import retry_pairs
    from .printing import print_retried

    value = retry_pairs(pair_ids, ask=not yes, log=log, function_name=function_name)
    output(value, as_json=as_json, render=print_retried)
    if any(pair["state"] == "error" for pair in value["pairs"]):
        sys.exit(1)


@click.command()
@click.option("--prefix", default="", help="Only pairs whose id starts with this prefix.")
@click.option("--dry-run", is_flag=True, help="Change nothing: show which pairs would be parked.")
@function_name_option
@json_option
def reconcile(prefix: str, dry_run: bool, function_name: str, as_json: bool) -> None:
    """Find complete pairs that no event finished, and park them.

    The next drain makes their calls. Invokes the deployed function as its hourly timer does,
    {"reconcile": {"prefix": ...}}. Without --prefix it continues where the last run stopped, and
    checks what changed since the pass before.
    --dry-run does it in this process, and writes nothing.
    """
    from ..console import output
    from .actions import reconcile_pairs, unfinished_pairs
    from .printing import print_reconciled

    if dry_run:
        value = unfinished_pairs(prefix)
    else:
        value = reconcile_pairs(prefix, function_name=function_name)
    output(value, as_json=as_json, render=print_reconciled)


@click.command()
@click.argument("pair_ids", metavar="PAIR_ID...", nargs=-1)
@click.option("--from", "file", metavar="FILE", help="Read more pair ids, one a line; - is stdin.")
@click.option("--receipt", metavar="FILE", type=_NEW_FILE, help="Write what --json prints to FILE.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Change nothing: show what would be removed.")
@json_option
def forget(
    pair_ids: tuple[str, ...],
    file: str | None,
    receipt: Path | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Erase one person: everything that is stored of these pairs.

    That is inputs, results, best frames, markers and the ledger.

    Waits if an invocation may still be processing the pair, and repeats until nothing is left.
    Afterwards the ledger no longer protects the pair: if it is uploaded again, it is paid for
    again. Interrupted, it says what is gone and what is left; run it again.

    Exit status: 0; 1 if something is left; 2 for invalid usage; 3 if nothing was found under one of
    the ids, and all of the others are erased; 130 if it was interrupted.
    """
    from ..console import output
    from ..errors import InvalidUsage
    from .forget import forget_pairs, print_forgotten, read_pair_ids

    if file == "-" and not yes and not dry_run:
        raise InvalidUsage("--from - reads the ids from where the answer would come: add --yes")
    all_ids = [*pair_ids, *(read_pair_ids(file) if file else ())]
    if not all_ids:
        raise InvalidUsage("give a pair id, or --from FILE")
    value = forget_pairs(all_ids, ask=not yes, dry_run=dry_run, receipt=receipt)
    output(value, as_json=as_json, render=print_forgotten)
    if value["error"]:
        echo(f"Error: {value['error']}", err=True)
    if value["exit_status"]:
        sys.exit(value["exit_status"])


COMMANDS = (status, explain, retry, reconcile, forget)
