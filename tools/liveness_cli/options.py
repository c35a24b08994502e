"""Options that several commands share."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


class FiniteRange(click.FloatRange):
    """A range of numbers that excludes `nan` and `inf`."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!a} is not a number", param, ctx)
        return number


json_option: Callable[[F], F] = click.option("--json", "as_json", is_flag=True, help="Output JSON.")
function_name_option: Callable[[F], F] = click.option(
    "--function-name",
    default="liveness",
    show_default=True,
    help="Function name.",
)
