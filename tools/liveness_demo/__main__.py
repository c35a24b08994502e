"""The entry point of `make demo`, kept small because importing the rest takes a second."""

from __future__ import annotations

from liveness_cli.start import main

main("liveness_demo.command")
