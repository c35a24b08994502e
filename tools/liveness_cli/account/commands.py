"""`liveness configure` and `liveness doctor` on the command line.

Each command imports its implementation itself: the SDKs and the tables would slow every --help.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from ..options import function_name_option, json_option


class _NumberOrWord(click.ParamType[int | str]):
    """An integer in a range, or one word."""

    def __init__(self, name: str, word: str, minimum: int, maximum: int) -> None:
        self.name = name
        self._word = word
        self._range = click.IntRange(minimum, maximum)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return f"{self.name}|{self._word}"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | str:
        if value == self._word:
            return self._word
        try:
            number: int = self._range.convert(value, param, ctx)
        except click.BadParameter:
            self.fail(
                f"{value!r}: give a number from {self._range.min} to {self._range.max}, or "
                f"{self._word}",
                param,
                ctx,
            )
        return number


# Distinct from 1, a failed check, and 2, invalid usage.
_NOT_CHECKED = 3
_DAYS = _NumberOrWord("DAYS", "never", 1, 3650)


@click.command()
@click.option(
    "--reserved-mb",
    type=_NumberOrWord("MB", "none", 0, 10_000_000),
    help="Memory that all instances together may use; 0 stops the function at once.",
)
@click.option("--retries", type=click.IntRange(0, 2), help="Retries of a failed event.")
@click.option(
    "--max-event-age",
    "max_event_age_seconds",
    metavar="SECONDS",
    type=click.IntRange(60, 21600),
    help="Maximum time an event may wait.",
)
@click.option("--inputs-days", type=_DAYS, help="Delete inputs N days after upload.")
@click.option("--frames-days", type=_DAYS, help="Delete best frames N days after publication.")
@click.option(
    "--results-days", type=_DAYS, help="Delete results and decisions N days after publication."
)
@click.option("--dry-run", is_flag=True, help="Change nothing: show what would be set.")
@function_name_option
@json_option
def configure(
    reserved_mb: Any,
    retries: int | None,
    max_event_age_seconds: int | None,
    inputs_days: Any,
    frames_days: Any,
    results_days: Any,
    dry_run: bool,
    function_name: str,
    as_json: bool,
) -> None:
    """Set quota, retries, and how long objects are kept.

    Best frames and inputs are pictures of people, and may be deleted earlier than the results, with
    the decisions on them: --inputs-days 7 --frames-days 7 --results-days 365.

    With options, applies exactly those. Without options, applies the defaults: 2 retries of an
    event, up to 6 hours; deletion of the ledger's claims, submissions and packages after 30 days,
    and of its drain slots and live URLs after one. Markers are never deleted. Other lifecycle rules
    in the buckets stay as they are.

    --reserved-mb 0 is the emergency stop; it prints the command that undoes it.

    Exit status: 0; 1 if a setting could not be applied; 2 for invalid usage or settings.
    """
    from ..console import output
    from .configure import configure
    from .printing import print_configured
    from .request import DEFAULTS, ConfigureRequest

    request = ConfigureRequest(
        reserved_mb=reserved_mb,
        retries=retries,
        max_event_age_seconds=max_event_age_seconds,
        inputs_days=inputs_days,
        frames_days=frames_days,
        results_days=results_days,
    )
    if request == ConfigureRequest():
        request = DEFAULTS
    value = configure(function_name, request, dry_run=dry_run)
    output(value, as_json=as_json, render=print_configured)
    if value["error"]:
        sys.exit(1)


@click.command()
@function_name_option
@json_option
def doctor(function_name: str, as_json: bool) -> None:
    """Check an installation, and say how to correct what is wrong.

    That is region, buckets, triggers, role, limits, lifecycle, links.

    Changes nothing. Each check passes, fails (with a fix), or is skipped (with the reason). A key
    with the policy that `liveness policies --role viewer` prints can run every check.

    Exit status: 0 if every check passed; 1 if one failed; 2 for invalid usage or settings; 3 if
    none failed, but one could not look, so that nothing is known about it.
    """
    from ..console import output
    from .examine import examine
    from .printing import print_findings

    value = examine(function_name)
    output(value, as_json=as_json, render=print_findings)
    if value["failed"]:
        sys.exit(1)
    if value["skipped"]:
        sys.exit(_NOT_CHECKED)


COMMANDS = (configure, doctor)
