"""`python -m bench.pacing`: pacing and capacity in virtual time, against targets and a baseline.

A missed target is an error. See bench/pacing/__init__.py.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

import liveness

from .. import pages
from . import costs
from .cases import cases
from .measuring import choose, compare, measure


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
    parser.add_argument("--write-docs", action="store_true", help="write the table into docs/")
    parser.add_argument(
        "--figures", action="store_true", help="print the baseline's figures as JSON"
    )
    options = parser.parse_args()
    if options.write_docs and (options.quick or options.only):
        parser.error("--write-docs: not with --quick or --only")
    chosen = choose(
        cases(costs.BASELINE if options.figures else costs.OURS, options.quick), options.only
    )
    if options.list:
        print("\n".join(f"{case.group}: {case.condition.en}" for case in chosen))
        return 0
    if options.figures:
        report = {"source": str(Path(liveness.__file__)), "figures": measure(chosen, options.jobs)}
        print(json.dumps(report))
        return 0
    earlier = None if options.no_baseline else _baseline_arguments(options)
    section, rows = compare(chosen, options.jobs, earlier)
    print(pages.as_text(section))
    if options.write_docs:
        pages.write("make bench", [section])
    return 1 if any(row.failed or row.met is False for row in rows) else 0


def _baseline_arguments(options: argparse.Namespace) -> list[str]:
    only = [part for text in options.only or () for part in ("--only", text)]
    return [
        *only,
        *(["--quick"] if options.quick else []),
        "--jobs",
        str(max(1, options.jobs // 2)),
    ]


if __name__ == "__main__":
    sys.exit(main())
