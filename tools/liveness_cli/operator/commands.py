"""The operator's commands as the command line has them; what they do is in `work`.

`work` is imported by each for itself: both SDKs and the tables would slow every --help.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
_READ = 200

_as_json: Callable[[F], F] = click.option("--json", "machine", is_flag=True, help="For machines.")


@click.command()
@click.option(
    "--last",
    type=click.IntRange(0),
    default=_READ,
    show_default=True,
    help="Read so many of the latest results, and of the markers that are due first.",
)
@click.option("--all", "everything", is_flag=True, help="Read all of them.")
@_as_json
def status(last: int, everything: bool, machine: bool) -> None:
    """Show how things stand in the bucket. Changes nothing.

    Backlog, oldest marker, who drains, results by status, pairs that failed, calls that may have
    been billed twice, last errors; and what was not looked at.

    The bucket is the one that the environment names, by LIVENESS_* and TENCENTCLOUD_* as the
    function has them: `liveness sandbox` prints such an environment.
    """
    from .printing import print_json, print_status
    from .work import look_at_all

    value = look_at_all(None if everything else last)
    print_json(value) if machine else print_status(value)


@click.command()
@click.argument("pair_id")
@_as_json
def explain(pair_id: str, machine: bool) -> None:
    """Tell one pair's story, what happens next, and what you can do. Changes nothing.

    The story is put together from inputs, ledger, markers and result. A pair that nobody knows is
    no error: the story then says so.
    """
    from .printing import print_explanation, print_json
    from .work import look_at_one

    value = look_at_one(pair_id)
    print_json(value) if machine else print_explanation(value)


@click.command()
@click.argument("pair_ids", metavar="PAIR_ID...", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask before a call that may be billed.")
@click.option("--log", is_flag=True, help="Show the function's log on standard error.")
@_as_json
def retry(pair_ids: tuple[str, ...], yes: bool, log: bool, machine: bool) -> None:
    """Allow one more attempt for pairs that failed, and make it. MAY COST MONEY.

    Does in this process what the function does when invoked with {"retry": [...]}. A pair that did
    not fail gets no more attempts than it had. Asks first, unless --yes is given or nothing can be
    billed. Exit status: 0; 1 when a pair could not be walked to an end.
    """
    from .printing import print_json, print_retried
    from .work import retry_all

    value = retry_all(pair_ids, ask=not yes, log=log)
    print_json(value) if machine else print_retried(value)
    if any(pair["state"] == "error" for pair in value["pairs"]):
        sys.exit(1)


@click.command()
@click.option("--prefix", default="", help="Only pairs whose id begins so.")
@click.option("--dry-run", is_flag=True, help="Change nothing: show who would be parked.")
@_as_json
def reconcile(prefix: str, dry_run: bool, machine: bool) -> None:
    """Find complete pairs that no event finished, and park them: the next drain makes their calls.

    Does in this process what the function does hourly, {"reconcile": {"prefix": ...}}. Without
    --prefix it goes on where the last pass stopped, and looks at what changed since the one before.
    """
    from .printing import print_json, print_reconciled
    from .work import reconcile_all

    value = reconcile_all(prefix, dry_run=dry_run)
    print_json(value) if machine else print_reconciled(value)


@click.command()
@click.argument("pair_id")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Change nothing: show what would be removed.")
@_as_json
def forget(pair_id: str, yes: bool, dry_run: bool, machine: bool) -> None:
    """Erase one person: inputs, results, best frames, markers and ledger of one pair.

    Waits where an invocation may still be at work on the pair, and looks again until nothing is
    left. Afterwards nothing in the ledger keeps the pair from being paid for again, should it be
    uploaded again. Exit status: 0; 1 when something goes on writing.
    """
    from .forget import forget_one, print_forgotten
    from .printing import print_json

    value = forget_one(pair_id, ask=not yes, dry_run=dry_run)
    print_json(value) if machine else print_forgotten(value)
    if not value["complete"]:
        sys.exit(1)


COMMANDS = (status, explain, retry, reconcile, forget)
