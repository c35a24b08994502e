"""Turn templates into HTML: Jinja with autoescaping, and filters for times and numbers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined

from liveness_cli.text import format_time, printable

from . import plots


def make_environment() -> Environment:
    """Return the templates' environment: everything is escaped, and a missing value is an error."""
    environment = Environment(
        loader=PackageLoader("liveness_review"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "moment": moment,
        "printable": printable,
        "thousands": lambda number: f"{number:,}",
        "query": query,
        "decimal": lambda number: f"{number:g}",
        "short_code": lambda code: code.removeprefix("FailedOperation."),
    }
    environment.globals |= {
        "similarity_scale": plots.similarity_scale,
        "small_bar": plots.small_bar,
    }
    return environment


def moment(value: float | str | None) -> str:
    """Format a time for people, `2026-11-27 08:31:05`, from seconds or RFC 3339; UTC."""
    if value is None:
        return "–"
    text = value if isinstance(value, str) else format_time(value) or ""
    return text[:19].replace("T", " ")


def query(values: Mapping[str, Any]) -> str:
    """Encode the parameters of an address, without those that have no value."""
    return urlencode({name: value for name, value in values.items() if value not in (None, "")})


def now_utc() -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
