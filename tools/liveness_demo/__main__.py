"""The entry point of `make demo`, kept small because importing the rest takes a second."""

from __future__ import annotations

import sys


def main() -> None:
    """Open the page. From the start, Ctrl-C ends it with one sentence."""
    try:
        from .command import main as command
    except KeyboardInterrupt:
        sys.stderr.write("Error: stopped before the end\n")
        sys.exit(130)
    command()


main()
