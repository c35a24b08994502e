"""Where the repository is that this command works on: its code and its sample pair."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import click

_ROOT = Path(__file__).resolve().parents[2]


class Sample(NamedTuple):
    """The two files of the sample pair."""

    live: Path
    reference: Path


def function_code() -> Path:
    """The folder that is deployed."""
    _require("src/index.py")
    return _ROOT / "src"


def sample() -> Sample:
    return Sample(_require("events/sample/live.bin"), _require("events/sample/reference.jpg"))


def _require(name: str) -> Path:
    path = _ROOT / name
    if not path.is_file():
        raise click.ClickException(
            f"{name} is not there: this command works on a checkout of the repository, installed "
            "from its root with `pip install -e '.[tools]'`"
        )
    return path
