"""`python -m tests.chaos`: many runs of the function in real processes while everything goes wrong.

The choices of a run are drawn from its seed, so `--runs 1 --seed N` makes those of run N again. How
the processes then meet is not: a failure that hangs on timing may need several tries.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from .breakage import SAFETIES, copy_of_src
from .campaign import Summary, campaign, story


def main() -> int:
    """0 if every run held; with --without, if a run saw that the safety is missing."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--runs", type=int, default=500, help="how many (default 500)")
    parser.add_argument("--seed", type=int, help="of the first run (default: by chance)")
    parser.add_argument(
        "--without",
        choices=sorted(SAFETIES),
        help="take this safety out of a copy of src, and stop as soon as a run sees it",
    )
    options = parser.parse_args()
    if options.runs < 1:
        parser.error("--runs: at least 1")
    first = random.randrange(1_000_000) if options.seed is None else options.seed
    began, summary = time.monotonic(), Summary()
    with tempfile.TemporaryDirectory(prefix="liveness-chaos-") as folder:
        code = copy_of_src(Path(folder) / "src", options.without)
        with campaign(range(first, first + options.runs), code) as runs:
            for finished in runs:
                summary.add(finished)
                if finished.wrong:
                    print(story(finished), end="\n\n", flush=True)
                    if options.without:
                        break
                if sys.stderr.isatty():
                    print(f"\r{summary.runs} of {options.runs} runs ", end="", file=sys.stderr)
    seconds = time.monotonic() - began
    print(f"seeds {first} to {first + options.runs - 1}: {summary}; {seconds:.0f} s")
    return bool(summary.failed) != bool(options.without)


if __name__ == "__main__":
    sys.exit(main())
