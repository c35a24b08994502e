"""`liveness configure` and `liveness doctor`, as the command line has them.

What they do is imported by each for itself: the SDKs and the tables would slow every --help.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


class _NumberOr(click.ParamType[int | str]):
    """A whole number in a range, or one word."""

    def __init__(self, name: str, word: str, least: int, most: int) -> None:
        self.name = name
        self._word = word
        self._range = click.IntRange(least, most)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return f"{self.name}|{self._word}"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | str:
        if value == self._word:
            return self._word
        number: int = self._range.convert(value, param, ctx)
        return number


_DAYS = _NumberOr("DAYS", "never", 1, 3650)
_as_json: Callable[[F], F] = click.option("--json", "machine", is_flag=True, help="For machines.")
_function: Callable[[F], F] = click.option(
    "--function",
    default="liveness",
    show_default=True,
    help="Its name, as serverless.yml has it.",
)


@click.command()
@click.option(
    "--quota",
    type=_NumberOr("MB", "none", 0, 10_000_000),
    help="Memory that all instances together may take; 0 stops the function at once.",
)
@click.option("--retries", type=click.IntRange(0, 2), help="Further tries of an event that failed.")
@click.option(
    "--age",
    "age_seconds",
    metavar="SECONDS",
    type=click.IntRange(60, 21600),
    help="How old an event may grow while it waits.",
)
@click.option("--inputs-days", type=_DAYS, help="Remove inputs so long after they were uploaded.")
@click.option("--results-days", type=_DAYS, help="Remove results so long after their publication.")
@click.option("--dry-run", is_flag=True, help="Change nothing: show what would be set.")
@_function
@_as_json
def configure(
    quota: Any,
    retries: int | None,
    age_seconds: int | None,
    inputs_days: Any,
    results_days: Any,
    dry_run: bool,
    function: str,
    machine: bool,
) -> None:
    """Set what serverless.yml cannot say: quota, retries, lifecycle rules.

    With options, sets what they name and nothing else. Without: 2 further tries and 6 hours for
    events, claims of the ledger are removed after 30 days and slots of drainers after one. Markers
    are never removed. Rules of yours in the buckets stay as they are.

    --quota 0 is the emergency stop, and says how to undo it.

    Exit status: 0; 1 when something could not be set; 2 for usage and settings.
    """
    from ..operator.printing import print_json
    from .configure import configure
    from .printing import print_configured
    from .wanted import HEALTHY, Wanted

    wanted = Wanted(quota, retries, age_seconds, inputs_days=inputs_days, results_days=results_days)
    value = configure(function, HEALTHY if wanted == Wanted() else wanted, dry_run=dry_run)
    print_json(value) if machine else print_configured(value)
    if value["error"]:
        sys.exit(1)


@click.command()
@_function
@_as_json
def doctor(function: str, machine: bool) -> None:
    """Check an installation: region, buckets, triggers, role, limits, lifecycle, links.

    Changes nothing. Each line is ok, wrong with what mends it, or not checkable with the reason;
    a key with what `liveness policies --role viewer` prints can check everything.

    Exit status: 0 when nothing is wrong; 1 when something is; 2 for usage and settings. What could
    not be checked does not count.
    """
    from ..operator.printing import print_json
    from .examine import examine
    from .printing import print_findings

    value = examine(function)
    print_json(value) if machine else print_findings(value)
    if value["wrong"]:
        sys.exit(1)


COMMANDS = (configure, doctor)
