"""Where the `liveness` command begins: importing the rest takes part of a second."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command. Ctrl-C ends it in one sentence from the start."""
    try:
        from .main import main as command
    except KeyboardInterrupt:
        sys.stderr.write("Error: stopped before the end\n")
        sys.exit(130)  # as `Interrupted`, whose import may be what was stopped
    command()
