"""`liveness threshold`, `liveness export` and `liveness cost` on the command line.

Each command imports its implementation itself: the SDKs and the tables would slow every --help.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeVar

import click

from liveness_cli.options import FiniteRange, json_option

from .rows import STATUSES, UNREADABLE

F = TypeVar("F", bound=Callable[..., Any])


class _Time(click.ParamType[float]):
    """A date or a time, in UTC unless it says otherwise; in seconds since 1970."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        text = str(value).strip()
        try:
            # Python 3.10 does not read the Z.
            moment = datetime.fromisoformat(text.replace("Z", "+00:00").replace("z", "+00:00"))
        except ValueError:
            self.fail(f"{text!a} is not a time like 2026-11-27 or 2026-11-27T12:00:00Z", param, ctx)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        return moment.timestamp()


class _Price(click.ParamType[Decimal]):
    """A price: a decimal number that is not negative."""

    name = "price"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Decimal:
        try:
            price = Decimal(str(value))
        except InvalidOperation:
            price = Decimal("NaN")
        if not price.is_finite() or not 0 <= price < 10**9 or int(price.as_tuple().exponent) < -12:
            self.fail(f"{value!a} is not a price like 0.15", param, ctx)
        return price


class _Similarity(FiniteRange):
    """A similarity from 0 to 100; a fraction is taken for a slip."""

    def __init__(self) -> None:
        super().__init__(0, 100)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        similarity: float = super().convert(value, param, ctx)
        if 0 < similarity <= 1:
            self.fail(
                f"{similarity:g}: give a similarity from 0 to 100, like 70, and not a fraction",
                param,
                ctx,
            )
        return similarity


def _span_options(command: F) -> F:
    """Add the options by which every command selects results."""
    for option in (
        click.option(
            "--offline",
            is_flag=True,
            help="Use the results that were read last; make no request.",
        ),
        click.option("--until", type=_Time(), metavar="TIME", help="Published before this time."),
        click.option(
            "--since", type=_Time(), metavar="TIME", help="Published at this time or later, UTC."
        ),
    ):
        command = option(command)
    return command


@click.command()
@click.option(
    "--at",
    "thresholds",
    type=_Similarity(),
    multiple=True,
    metavar="THRESHOLD",
    help="Also show this threshold; may be given several times.",
)
@_span_options
@json_option
def threshold(
    thresholds: tuple[float, ...],
    since: float | None,
    until: float | None,
    offline: bool,
    as_json: bool,
) -> None:
    """Show what other thresholds would have done. Changes nothing.

    Shows the distribution of the similarity, how many results would pass and fail at each
    threshold, the vendor's stated false accept rate, and, where people decided, FNMR and FMR with
    confidence intervals.

    Reads the results of the bucket once into a local file that only you can read, and later only
    what is new or changed.
    """
    from liveness_cli.console import output

    from .analysis import threshold_value
    from .printing import print_threshold

    value = threshold_value(thresholds, since, until, offline=offline)
    output(value, as_json=as_json, render=print_threshold)


@click.command()
@click.argument("directory", type=click.Path(path_type=Path), metavar="DIRECTORY")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["jsonl", "csv", "parquet"]),
    default="jsonl",
    show_default=True,
    help="Parquet needs pyarrow.",
)
@click.option(
    "--status",
    "statuses",
    type=click.Choice([*STATUSES, UNREADABLE]),
    multiple=True,
    help="Only results of this status; may be given several times.",
)
@_span_options
@json_option
def export(
    directory: Path,
    file_format: str,
    statuses: tuple[str, ...],
    since: float | None,
    until: float | None,
    offline: bool,
    as_json: bool,
) -> None:
    """Write results and decisions to files that other engines read.

    Writes results, decisions and manifest.json, which has digests and counts, into a new directory
    that only you can read. There are no pictures in it, but there are pair ids and verdicts: keep
    it as you keep the bucket.
    """
    from liveness_cli.console import output

    from .analysis import export_value
    from .printing import print_exported

    value = export_value(directory, file_format, statuses, since, until, offline=offline)
    output(value, as_json=as_json, render=print_exported)


@click.command()
@click.option("--call-price", type=_Price(), help="Price of a paid call.")
@click.option("--write-price", type=_Price(), help="Price of 10,000 write requests.")
@click.option("--read-price", type=_Price(), help="Price of 10,000 read requests.")
@_span_options
@json_option
def cost(
    call_price: Decimal | None,
    write_price: Decimal | None,
    read_price: Decimal | None,
    since: float | None,
    until: float | None,
    offline: bool,
    as_json: bool,
) -> None:
    """Count the calls by day and month, and what they cost.

    Counts those that were, may have been and were not billed, from the results, in UTC. With
    prices, which differ by region and contract, it shows amounts in the currency of the prices.
    """
    from liveness_cli.console import output

    from .analysis import cost_value
    from .printing import print_cost

    value = cost_value(call_price, write_price, read_price, since, until, offline=offline)
    output(value, as_json=as_json, render=print_cost)


COMMANDS = (threshold, export, cost)
