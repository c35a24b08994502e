"""The checkout that the command works on: its code and its sample pair."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import click

ROOT = Path(__file__).resolve().parents[2]


class Sample(NamedTuple):
    """The two files of the sample pair."""

    live: Path
    reference: Path


def function_code() -> Path:
    """Return the folder that is deployed."""
    _require("src/index.py")
    return ROOT / "src"


def sample() -> Sample:
    return Sample(_require("events/sample/live.bin"), _require("events/sample/reference.jpg"))


def _require(name: str) -> Path:
    path = ROOT / name
    if not path.is_file():
        raise click.ClickException(
            f"{name} does not exist: this command needs a checkout of the repository, installed "
            "from its root with `pip install -e '.[tools]'`"
        )
    return path
