"""`liveness token` and `liveness upload` on the command line.

Each command imports its implementation itself: the SDKs would slow every --help.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..options import FiniteRange, json_option
from ..terminal import echo

_FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
_WAIT_SECONDS = 300
# Distinct from 1, an error, and 2, invalid usage.
_NOT_PASSED, _NO_RESULT = 3, 4


@click.command()
@click.argument("pair_id")
@click.option(
    "--minutes",
    type=click.IntRange(1, 120),
    default=30,
    show_default=True,
    help="Lifetime of the keys.",
)
@json_option
def token(pair_id: str, minutes: int, as_json: bool) -> None:
    """Print temporary keys, A SECRET, that put one pair's package.

    They allow nothing else. Asks STS for them with the policy of `liveness policies --role app
    --pair PAIR_ID`, as a backend does for each session. The environment's key must be a permanent
    one with the policy `app`.
    Prints shell commands, to be used in a subshell:

    \b
      (keys=$(liveness token PAIR_ID) && eval "$keys" &&
          liveness upload PAIR_ID --live live.bin)

    With --json, prints what examples/backend.py hands to an app.
    """
    from ..console import output
    from .grant import issue_grant
    from .printing import print_grant

    output(issue_grant(pair_id, minutes), as_json=as_json, render=print_grant)


@click.command()
@click.argument("pair_id")
@click.option("--live", type=_FILE, help="Liveness package, as the app uploads it.")
@click.option("--reference", type=_FILE, help="Reference photo, as the backend uploads it.")
@click.option("--wait", is_flag=True, help="Wait for the result, and print the verdict.")
@click.option(
    "--timeout",
    type=FiniteRange(0),
    default=_WAIT_SECONDS,
    show_default=True,
    help="Seconds to wait at most.",
)
@json_option
def upload(
    pair_id: str,
    live: Path | None,
    reference: Path | None,
    wait: bool,
    timeout: float,
    as_json: bool,
) -> None:
    """Upload one or both inputs of a pair. The function's call MAY COST MONEY.

    Bucket and keys are those of the environment. Nothing is overwritten: a file that is there
    already, with the same content, counts as uploaded, and any other content is an error.

    With the keys that `liveness token` prints only --live is allowed, and a backend's only
    --reference; reading the result needs a third. An account owner's may do all of it at once.

    Exit status: 0; 1 for an error. With --wait: 0 if the pair passed, 3 if it did not, 4 if there
    was no result in time.
    """
    from ..console import output
    from .printing import print_uploaded
    from .upload import upload_pair

    value = upload_pair(pair_id, live, reference, timeout if wait else None)
    output(value, as_json=as_json, render=print_uploaded)
    if not wait:
        return
    if value["result"] is None:
        echo(f"No result after {timeout:g} s; `liveness explain` shows why.", err=True)
        sys.exit(_NO_RESULT)
    if value["result"]["status"] != "passed":
        sys.exit(_NOT_PASSED)


COMMANDS = (upload, token)
