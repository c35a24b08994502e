"""`python -m tests.chaos`: fault injection against the function in real processes, over HTTP.

A run's choices are drawn from its seed, so `--runs 1 --seed N` makes those of run N again. How its
processes interleave is not: a failure that depends on timing may take several tries.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from ..mutations import CHAOS, find_mutation
from .campaign import Summary, campaign, report
from .deployment import copy_for_chaos


def main() -> int:
    """Return 0 if every run held; with --mutation, if a run detected the mutation."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--runs", type=int, default=500, help="number of runs (default 500)")
    parser.add_argument("--seed", type=int, help="seed of the first run (default: random)")
    parser.add_argument(
        "--mutation",
        metavar="NAME",
        help="apply the mutation whose name contains this, and stop at the first run that "
        "detects it (tests/mutations.py lists them)",
    )
    options = parser.parse_args()
    if options.runs < 1:
        parser.error("--runs: at least 1")
    mutation = None
    if options.mutation is not None:
        try:
            mutation = find_mutation(options.mutation, CHAOS)
        except LookupError as error:
            parser.error(f"--mutation: {error}")
    first = random.randrange(1_000_000) if options.seed is None else options.seed
    began, summary = time.monotonic(), Summary()
    with tempfile.TemporaryDirectory(prefix="liveness-chaos-") as folder:
        code = copy_for_chaos(Path(folder) / "src", mutation)
        with campaign(range(first, first + options.runs), code) as results:
            for result in results:
                summary.add(result)
                if result.problems:
                    print(report(result), end="\n\n", flush=True)
                    if mutation is not None:
                        break
                if sys.stderr.isatty():
                    print(f"\r{summary.runs} of {options.runs} runs ", end="", file=sys.stderr)
    seconds = time.monotonic() - began
    print(f"seeds {first} to {first + options.runs - 1}: {summary}; {seconds:.0f} s")
    return bool(summary.failed) != (mutation is not None)


if __name__ == "__main__":
    sys.exit(main())
