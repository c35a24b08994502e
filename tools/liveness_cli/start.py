"""The entry point of `liveness`, kept small because importing the rest takes part of a second."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command. From the start, Ctrl-C ends it with one sentence."""
    try:
        from .main import main as command
    except KeyboardInterrupt:
        sys.stderr.write("Error: stopped before the end\n")
        sys.exit(130)  # like `Interrupted`, whose import may have been interrupted
    command()
