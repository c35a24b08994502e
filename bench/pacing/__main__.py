"""`python -m bench.pacing`: pacing and capacity in virtual time, against targets and a baseline.

A missed target is an error. See bench/pacing/__init__.py.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import liveness

from .. import pages, theme
from ..environment import RunFailed
from . import baseline, costs
from .cases import cases
from .measuring import choose, compare, measure
from .plot import write_docs


def main() -> int:
    """Return 0, or 1 if a target is missed or a run failed."""
    parser = argparse.ArgumentParser(prog="python -m bench.pacing", description=__doc__)
    parser.add_argument("--list", action="store_true", help="print the cases, and run none")
    parser.add_argument(
        "--quick", action="store_true", help="fewer pairs; most targets do not apply"
    )
    parser.add_argument(
        "--only", action="append", metavar="TEXT", help="cases whose group or condition has it"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="runs at a time")
    parser.add_argument("--no-baseline", action="store_true", help="measure this function only")
    parser.add_argument(
        "--figures", action="store_true", help="print the baseline's figures as JSON"
    )
    parser.add_argument(
        "--write-docs", action="store_true", help="also write table and plot into docs/benchmarks"
    )
    options = parser.parse_args()
    if options.write_docs and (options.quick or options.only or not theme.available()):
        parser.error("--write-docs: with all cases, and with matplotlib (the extra `bench`)")
    chosen = choose(
        cases(costs.BASELINE if options.figures else costs.OURS, options.quick), options.only
    )
    if options.list:
        print("\n".join(f"{case.group}: {case.condition.en}" for case in chosen))
        return 0
    if options.figures:
        chosen = [replace(case, seeds=case.seeds[:1]) for case in chosen]
        report = {"source": str(Path(liveness.__file__)), "figures": measure(chosen, options.jobs)}
        print(json.dumps(report))
        return 0
    earlier = partial(baseline.figures, options.quick, options.jobs, options.only or ())
    try:
        compared = compare(chosen, options.jobs, None if options.no_baseline else earlier)
    except RunFailed as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    print(pages.as_text(compared.section))
    if options.write_docs:
        write_docs(compared)
    return 1 if any(row.is_missed for row in compared.rows) else 0


if __name__ == "__main__":
    sys.exit(main())
