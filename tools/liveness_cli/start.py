"""The entry point of `liveness`, kept small because importing the rest takes part of a second."""

from __future__ import annotations

import sys
from importlib import import_module


def main(module: str = "liveness_cli.main") -> None:
    """Run a module's command. From the start, Ctrl-C ends it with one sentence."""
    try:
        command = import_module(module).main
    except KeyboardInterrupt:
        sys.stderr.write("Error: stopped before the end\n")
        sys.exit(130)  # like `Interrupted`, whose import may have been interrupted
    command()
