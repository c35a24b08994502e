"""`python -m bench`: measure everything and print the tables. A missed target is an error."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from liveness_sandbox import Sandbox

from . import (
    backlog,
    burst,
    burst_http,
    cold,
    intl_sdk,
    memory,
    pages,
    pair_cpu,
    plot,
    round_trips,
    theme,
)
from .environment import NAIVE, OURS, Environment, Handler, Run, RunFailed
from .pacing import baseline, costs
from .pacing.cases import cases
from .pacing.measuring import compare
from .pacing.plot import write_docs
from .table import Row, as_json, render

MAX_ROUND_TRIPS = 3
MAX_PEAK_KB = 64 * 1024
MAX_RATIO = 1.15  # of a bare script that makes the same requests
MAX_SDK_RATIO = 0.9  # of the CPU that importing both SDKs takes
MAX_NAIVE_RATIO = 1.0
SHARES = (1.0, 0.25, 0.1)  # of a core
MAX_CPU_RATIO = {"event": 0.6, "drain": 0.5}


def main() -> int:
    """Return 0, or 1 if a target is missed, or something could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=60, help="cold runs per handler (default 60)")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="also write every number to a file"
    )
    parser.add_argument("--quick", action="store_true", help="fewer pairs, and fewer targets")
    parser.add_argument(
        "--write-docs", action="store_true", help="also write tables and plots into docs/benchmarks"
    )
    options = parser.parse_args()
    if options.runs < 1:
        parser.error("--runs: at least 1")
    if options.write_docs and options.quick:
        parser.error("--write-docs: not with --quick")
    if options.write_docs and not theme.available():
        parser.error("--write-docs needs matplotlib: pip install -e '.[bench]' -c constraints.txt")

    machine = {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        # A high load from other processes makes the ratios unreliable.
        "load": round(os.getloadavg()[0], 1),
        "runs": options.runs,
    }
    with Sandbox() as sandbox:
        environment = Environment(sandbox)
        rows = [
            *_measured("COS round trips", lambda: _round_trips(environment)),
            *_measured("peak memory", lambda: _memory(environment)),
            *_measured("cold waiting path", lambda: _waiting(environment, options.runs)),
            *_measured("cold imports", lambda: _imports(environment, options.runs)),
            *_measured("cold full path", lambda: _full(environment, options.runs)),
            *_measured("CPU of a pair", lambda: _pair_cpu(environment, options.runs)),
            *_measured("a long backlog", lambda: backlog.measure(environment)),
        ]
    print(
        f"{machine['cores']} cores, {machine['machine']}, {machine['system']}, "
        f"Python {machine['python']}, load {machine['load']} before; "
        f"{options.runs} cold runs per handler, in turn\n"
    )
    print(render(rows))
    print(_NOTES)
    figures: list[burst.Figures] = []
    burst_rows = [
        *_measured("burst over HTTP", _burst_over_http),
        *_measured("simulated bursts", lambda: _bursts(options.quick, figures)),
    ]
    print(burst.render(figures))
    print(burst.NOTES)
    print(f"\n{render(burst_rows)}")
    if options.write_docs:
        plot.draw_burst(figures)
    rows += burst_rows
    rows += _measured(
        "pacing and capacity", lambda: _pacing(options.quick, write=options.write_docs)
    )
    if options.json:
        options.json.write_text(as_json(machine, rows), encoding="utf-8")
    missed = [row.measurement for row in rows if row.is_missed]
    print("\n" + "\n".join(f"Missed: {name}" for name in missed) if missed else "\nAll reached.")
    return 1 if missed else 0


_NOTES = f"""
MB are 2^20 bytes. Ratios are ours / theirs, run by run: median (lowest..highest).
Round trips: each COS request takes {round_trips.LATENCY_SECONDS:g} s; the best frame's counts too.
Cold: a fresh process from spawn to exit, bytecode written before, COS without latency. On a share
of a core its CPU time takes as much longer, and what it waits for as long as on a whole one."""


def _measured(name: str, measure: Callable[[], list[Row]]) -> list[Row]:
    """Make a measurement; if it fails, return a row that says so."""
    print(f"Measuring: {name} ...", file=sys.stderr, flush=True)
    try:
        return measure()
    except Exception as error:  # of any kind: the table reports it
        return [Row(name, f"{type(error).__name__}: {error}", failed=True)]


def _round_trips(environment: Environment) -> list[Row]:
    ours = round_trips.measure(environment, OURS)
    naive = round_trips.measure(environment, NAIVE)
    rows = []
    for state in ("cold", "warm"):
        our, their = ours[state], naive[state]
        before, after = len(our.before), len(our.after)
        limit = f"<= {MAX_ROUND_TRIPS}"
        both = {"ours": asdict(our), "naive": asdict(their)}
        rows += [
            Row(
                f"COS round trips in sequence before the call, {state}",
                str(before),
                f"naive {len(their.before)}",
                limit,
                before <= MAX_ROUND_TRIPS,
                numbers=both,
            ),
            Row(
                f"... after it until the result is visible, {state}",
                str(after),
                f"naive {len(their.after)}",
                limit,
                after <= MAX_ROUND_TRIPS,
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


def _memory(environment: Environment) -> list[Row]:
    pair = memory.upload_package(environment)
    try:
        baseline = f"naive {_mb(memory.peak_kb(environment, NAIVE, pair, 'presign'))}"
    except RunFailed as error:
        baseline = f"naive fails: {_short(str(error))}"
    rows = []
    for transfer in ("presign", "upload"):
        peak = memory.peak_kb(environment, OURS, pair, transfer)
        rows.append(
            Row(
                f"peak memory, {memory.PACKAGE_MIB} MB multipart package, {transfer}",
                _mb(peak),
                baseline if transfer == "presign" else "",
                f"< {MAX_PEAK_KB // 1024} MB",
                peak < MAX_PEAK_KB,
                numbers={"peak_kb": peak},
            )
        )
    return rows


def _waiting(environment: Environment, rounds: int) -> list[Row]:
    runs = cold.waiting(environment, rounds)
    return [_compared("cold waiting path, against a bare script", runs, "bare", MAX_RATIO)]


def _imports(environment: Environment, rounds: int) -> list[Row]:
    runs, name = cold.imports(environment, rounds), "CPU of importing it, against both SDKs"
    return [_compared(name, runs, "SDKs", MAX_SDK_RATIO, lambda run: run.cpu_seconds)]


def _full(environment: Environment, rounds: int) -> list[Row]:
    handlers: list[Handler] = [OURS, NAIVE]
    unavailable = ""
    try:
        handlers.append(intl_sdk.handler())
    except (intl_sdk.Unavailable, OSError) as error:
        unavailable = str(error)
    runs = cold.full(environment, handlers, rounds)
    rows = [
        _compared(
            f"cold full path, {share:g} of a core, against naive",
            runs,
            "naive",
            MAX_NAIVE_RATIO,
            partial(Run.seconds_on, share=share),
        )
        for share in SHARES
    ]
    intl = "cold full path, naive on ...-intl-en"
    rows.append(Row(intl, "", unavailable) if unavailable else _compared(intl, runs, "naive_intl"))
    return rows


def _pair_cpu(environment: Environment, rounds: int) -> list[Row]:
    rows = []
    for kind, milliseconds in pair_cpu.measure(environment, min(rounds, 5)).items():
        ratio = cold.ratios(milliseconds["ours"], milliseconds["baseline"])
        ours, theirs = (cold.Spread.of(milliseconds[name]) for name in ("ours", "baseline"))
        limit = MAX_CPU_RATIO[kind]
        rows.append(
            Row(
                f"CPU of {pair_cpu.KINDS[kind]}, against {pair_cpu.BASELINE}",
                f"{ratio.median:.2f} ({ratio.lowest:.2f}..{ratio.highest:.2f})",
                f"{ours.median:.1f} ms / {theirs.median:.1f} ms",
                f"<= {limit:g}",
                ratio.median <= limit,
                numbers={"ratio": asdict(ratio), "milliseconds": milliseconds},
            )
        )
    return rows


def _burst_over_http() -> list[Row]:
    http, simulated = burst_http.over_http(), burst_http.simulated()
    if not http.finished == http.billed == burst_http.PAIRS:
        raise RunFailed(f"{http.finished} of {burst_http.PAIRS} finished, {http.billed} billed")
    name = f"burst of {burst_http.PAIRS} over HTTP"
    return [
        Row(
            f"{name}: last result / ideal",
            f"{http.over_ideal:.2f}",
            f"simulated {simulated.over_ideal:.2f}",
            numbers={"http": asdict(http), "simulated": asdict(simulated)},
        ),
        Row(
            f"{name}: throttled calls per pair",
            f"{http.throttled / http.finished:.2f}",
            f"simulated {simulated.throttled / simulated.finished:.2f}",
        ),
    ]


def _bursts(quick: bool, figures: list[burst.Figures]) -> list[Row]:
    figures += burst.measure(quick)
    rows = burst.targets(figures)
    numbers = [
        {
            "load": f"{one.load.name}, {one.load.limiter}",
            "seed": one.seed,
            **dict(zip(burst.HEADINGS, burst.cells(one), strict=True)),
        }
        for one in figures
    ]
    return [replace(rows[0], numbers={"figures": numbers}), *rows[1:]]


def _pacing(quick: bool, write: bool) -> list[Row]:
    jobs = os.cpu_count() or 1
    compared = compare(cases(costs.OURS, quick), jobs, partial(baseline.figures, quick, jobs))
    print(f"\n{pages.as_text(compared.section)}")
    if write:
        write_docs(compared)
    return compared.rows


def _compared(
    measurement: str,
    runs: Mapping[str, Sequence[Run]],
    baseline: str,
    limit: float | None = None,
    seconds_of: Callable[[Run], float] = lambda run: run.seconds,
) -> Row:
    seconds = {name: [seconds_of(run) for run in runs[name]] for name in ("ours", baseline)}
    ratio = cold.ratios(seconds["ours"], seconds[baseline])
    ours, theirs = cold.Spread.of(seconds["ours"]), cold.Spread.of(seconds[baseline])
    return Row(
        measurement,
        f"{ratio.median:.2f} ({ratio.lowest:.2f}..{ratio.highest:.2f})",
        f"{_ms(ours)} / {baseline} {_ms(theirs)}",
        f"<= {limit:g}" if limit else "",
        ratio.median <= limit if limit else None,
        numbers={
            "ratio": asdict(ratio),
            "seconds": seconds,
        },
    )


def _ms(spread: cold.Spread) -> str:
    return f"{spread.median * 1000:.0f} ms"


def _mb(kilobytes: int) -> str:
    return f"{kilobytes / 1024:.1f} MB"


def _short(text: str) -> str:
    """Shorten an SDK's error line to its message, which is between kind and request id."""
    message = text.partition("message:")[2] or text
    return message.partition(" requestId")[0].strip()[:40]


if __name__ == "__main__":
    sys.exit(main())
