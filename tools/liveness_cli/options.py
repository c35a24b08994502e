"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

json_option: Callable[[F], F] = click.option("--json", "as_json", is_flag=True, help="Output JSON.")
function_name_option: Callable[[F], F] = click.option(
    "--function-name",
    default="liveness",
    show_default=True,
    help="Function name.",
)
