"""The table: one row a measurement, beside its baseline and its target."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_HEADINGS = ("measured", "ours", "beside it", "target", "")


@dataclass(frozen=True)
class Row:
    """`met` is None where there is no target, or nothing could be measured."""

    measured: str
    ours: str
    beside: str = ""
    target: str = ""
    met: bool | None = None
    failed: bool = False
    numbers: dict[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """What the last column says."""
        if self.failed:
            return "FAILED"
        return {True: "ok", False: "MISSED", None: ""}[self.met]


def render(rows: Sequence[Row]) -> str:
    """Aligned text."""
    cells = [_HEADINGS, *((r.measured, r.ours, r.beside, r.target, r.verdict) for r in rows)]
    return aligned(cells)


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell; a line of one cell is a heading over all of them."""
    columns = max(len(line) for line in lines)
    widths = [
        max((len(line[column]) for line in lines if len(line) > max(column, 1)), default=0)
        for column in range(columns)
    ]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=False)).rstrip()
        for line in lines
    )


def as_json(machine: dict[str, Any], rows: Sequence[Row]) -> str:
    """The same, with every number that a row was made of."""
    listed = [
        {
            "measured": row.measured,
            "ours": row.ours,
            "beside": row.beside,
            "target": row.target,
            "verdict": row.verdict,
            "numbers": row.numbers,
        }
        for row in rows
    ]
    return json.dumps({"machine": machine, "rows": listed}, indent=1) + "\n"
