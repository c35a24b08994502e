"""`python -m tests.bench`: measure, print the table. A target that is missed is no error."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from liveness_sandbox import Sandbox

from . import burst, burst_http, cold, intl_sdk, memory, plot, round_trips
from .arena import NAIVE, OURS, Arena, Handler, RunFailed
from .table import Row, as_json, render

MOST_ROUND_TRIPS = 3
MOST_PEAK_KB = 64 * 1024
MOST_RATIO = 1.15


def main() -> int:
    """0, or 1 when something could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=15, help="cold runs of each (default 15)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every number there too")
    parser.add_argument("--quick", action="store_true", help="no bursts of 10,000")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the bursts' SVG there")
    options = parser.parse_args()
    if options.runs < 1:
        parser.error("--runs: at least 1")
    if options.plot and not plot.available():
        parser.error("--plot: first pip install -e '.[bench]' -c constraints.txt")

    machine = {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),  # by others: much of it makes the ratios doubtful
        "runs": options.runs,
    }
    with Sandbox() as sandbox:
        arena = Arena(sandbox)
        rows = [
            *_measured("COS round trips", lambda: _round_trips(arena)),
            *_measured("peak memory", lambda: _memory(arena)),
            *_measured("cold waiting path", lambda: _waiting(arena, options.runs)),
            *_measured("cold full path", lambda: _full(arena, options.runs)),
        ]
    print(
        f"{machine['cores']} cores, {machine['machine']}, {machine['system']}, "
        f"Python {machine['python']}, load {machine['load']} before; "
        f"{options.runs} cold runs of each, in turn\n"
    )
    print(render(rows))
    print(_NOTES)
    figures: list[burst.Figures] = []
    rows_of_bursts = [
        *_measured("burst over HTTP", _burst_over_http),
        *_measured("simulated bursts", lambda: _bursts(options.quick, figures)),
    ]
    print(burst.render(figures))
    print(burst.NOTES)
    print(f"\n{render(rows_of_bursts)}")
    if options.plot and figures:
        plot.draw(figures, options.plot)
    rows += rows_of_bursts
    if options.json:
        options.json.write_text(as_json(machine, rows), encoding="utf-8")
    return 1 if any(row.failed for row in rows) else 0


_NOTES = f"""
MB are 2^20 bytes. Ratios are ours over theirs, run by run: median (least..most).
Round trips: each COS request takes {round_trips.LATENCY_SECONDS:g} s; the best frame counts too.
Cold: a fresh process from spawn to exit, bytecode written before, COS without latency."""


def _measured(name: str, measure: Callable[[], list[Row]]) -> list[Row]:
    """One measurement that fails does not stop the others."""
    print(f"Measuring: {name} ...", file=sys.stderr, flush=True)
    try:
        return measure()
    except Exception as error:  # whatever it is, the table tells
        return [Row(name, f"{type(error).__name__}: {error}", failed=True)]


def _round_trips(arena: Arena) -> list[Row]:
    ours = round_trips.measure(arena, OURS)
    naive = round_trips.measure(arena, NAIVE)
    rows = []
    for state in ("cold", "warm"):
        mine, theirs = ours[state], naive[state]
        before, after = len(mine.before), len(mine.after)
        limit = f"<= {MOST_ROUND_TRIPS}"
        both = {"ours": asdict(mine), "naive": asdict(theirs)}
        rows += [
            Row(
                f"COS round trips in sequence before the call, {state}",
                str(before),
                f"naive {len(theirs.before)}",
                limit,
                before <= MOST_ROUND_TRIPS,
                numbers=both,
            ),
            Row(
                f"... after it until the result is visible, {state}",
                str(after),
                f"naive {len(theirs.after)}",
                limit,
                after <= MOST_ROUND_TRIPS,
            ),
        ]
    size = round_trips.PACKAGE_BYTES // 2**20
    read = sum(item.input_bytes_read for item in ours.values())
    naive_read = sum(item.input_bytes_read for item in naive.values())
    rows.append(
        Row(
            f"input bytes read from COS, plain {size} MB package",
            str(read),
            f"naive {naive_read}",
            "0",
            read == 0,
        )
    )
    return rows


def _memory(arena: Arena) -> list[Row]:
    pair = memory.upload_package(arena)
    try:
        beside = f"naive {_mb(memory.peak_kb(arena, NAIVE, pair, 'presign'))}"
    except RunFailed as error:
        beside = f"naive fails: {_short(str(error))}"
    rows = []
    for transfer in ("presign", "upload"):
        peak = memory.peak_kb(arena, OURS, pair, transfer)
        rows.append(
            Row(
                f"peak memory, {memory.PACKAGE_MIB} MB multipart package, {transfer}",
                _mb(peak),
                beside if transfer == "presign" else "",
                f"< {MOST_PEAK_KB // 1024} MB",
                peak < MOST_PEAK_KB,
                numbers={"peak_kb": peak},
            )
        )
    return rows


def _waiting(arena: Arena, rounds: int) -> list[Row]:
    seconds = cold.waiting(arena, rounds)
    return [_compared("cold waiting path, beside a bare script", seconds, "bare", MOST_RATIO)]


def _full(arena: Arena, rounds: int) -> list[Row]:
    handlers: list[Handler] = [OURS, NAIVE]
    why_not = ""
    try:
        handlers.append(intl_sdk.handler())
    except (intl_sdk.Unavailable, OSError) as error:
        why_not = str(error)
    seconds = cold.full(arena, handlers, rounds)
    intl = "cold full path, naive on ...-intl-en"
    return [
        _compared("cold full path, beside naive", seconds, "naive", MOST_RATIO),
        Row(intl, "", why_not) if why_not else _compared(intl, seconds, "naive_intl"),
    ]


def _burst_over_http() -> list[Row]:
    http, simulated = burst_http.over_http(), burst_http.simulated()
    if not http.finished == http.billed == burst_http.PAIRS:
        raise RunFailed(f"{http.finished} of {burst_http.PAIRS} finished, {http.billed} billed")
    name = f"burst of {burst_http.PAIRS} over HTTP"
    return [
        Row(
            f"{name}: last result over ideal",
            f"{http.over_ideal:.2f}",
            f"simulated {simulated.over_ideal:.2f}",
            numbers={"http": asdict(http), "simulated": asdict(simulated)},
        ),
        Row(
            f"{name}: throttled calls a pair",
            f"{http.throttled / http.finished:.2f}",
            f"simulated {simulated.throttled / simulated.finished:.2f}",
        ),
    ]


def _bursts(quick: bool, figures: list[burst.Figures]) -> list[Row]:
    figures += burst.measure(quick)
    rows = burst.targets(figures)
    numbers = [
        {
            "offer": f"{one.offer.name}, {one.offer.limiter}",
            "seed": one.seed,
            **dict(zip(burst.HEADINGS, burst.cells(one), strict=True)),
        }
        for one in figures
    ]
    return [replace(rows[0], numbers={"figures": numbers}), *rows[1:]]


def _compared(
    measured: str, seconds: dict[str, list[float]], rival: str, limit: float | None = None
) -> Row:
    ratio = cold.ratios(seconds["ours"], seconds[rival])
    ours, theirs = cold.Spread.of(seconds["ours"]), cold.Spread.of(seconds[rival])
    return Row(
        measured,
        f"{ratio.median:.2f} ({ratio.least:.2f}..{ratio.most:.2f})",
        f"{_ms(ours)} / {rival} {_ms(theirs)}",
        f"<= {limit:g}" if limit else "",
        ratio.median <= limit if limit else None,
        numbers={
            "ratio": asdict(ratio),
            "seconds": {"ours": seconds["ours"], rival: seconds[rival]},
        },
    )


def _ms(spread: cold.Spread) -> str:
    return f"{spread.median * 1000:.0f} ms"


def _mb(kilobytes: int) -> str:
    return f"{kilobytes / 1024:.1f} MB"


def _short(text: str) -> str:
    """The end of an exception's line: the SDK's carry the kind first and the id last."""
    message = text.partition("message:")[2] or text
    return message.partition(" requestId")[0].strip()[:40]


if __name__ == "__main__":
    sys.exit(main())
