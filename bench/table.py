"""The table of results: one row per measurement, with its baseline and its target."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_HEADINGS = ("measurement", "ours", "baseline", "target", "")


@dataclass(frozen=True)
class Row:
    """One measurement; `met` is None if there is no target, or if it failed."""

    measurement: str
    ours: str
    baseline: str = ""
    target: str = ""
    met: bool | None = None
    failed: bool = False
    numbers: dict[str, Any] = field(default_factory=dict)

    @property
    def is_missed(self) -> bool:
        """Whether the target is missed, or nothing was measured."""
        return self.failed or self.met is False

    @property
    def verdict(self) -> str:
        """The last column."""
        if self.failed:
            return "FAILED"
        return {True: "ok", False: "NOT MET", None: ""}[self.met]


def render(rows: Sequence[Row]) -> str:
    """Return the rows as aligned text."""
    cells = [_HEADINGS, *((r.measurement, r.ours, r.baseline, r.target, r.verdict) for r in rows)]
    return aligned(cells)


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Align columns to their widest cells; a line of one cell is a heading over all columns."""
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
    """Return the rows as JSON, with all numbers that they were computed from."""
    entries = [
        {
            "measurement": row.measurement,
            "ours": row.ours,
            "baseline": row.baseline,
            "target": row.target,
            "verdict": row.verdict,
            "numbers": row.numbers,
        }
        for row in rows
    ]
    return json.dumps({"machine": machine, "rows": entries}, indent=1) + "\n"
