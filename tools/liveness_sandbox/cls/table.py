"""Resources of one kind, as rows with the fields of the API."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..account import UIN
from ..api.errors import ApiError
from ..clock import Clock

Params = Mapping[str, Any]
Row = dict[str, Any]

_MAX_NAME_BYTES = 255
_DEFAULT_ROWS = 20
_MAX_ROWS = 100


class Table:
    def __init__(self, clock: Clock, kind: str, id: str, name: str, missing: str) -> None:
        """`id` and `name` are the names of those fields; `missing` is the code if there is no row.

        `kind` is how a policy names the resources: `alarm`.
        """
        self.id = id
        self.name = name
        self._clock = clock
        self._kind = kind
        self._missing = missing
        self._rows: dict[str, Row] = {}

    def add(self, row: Row, id: str | None = None) -> Row:
        new_id = id or f"{self._kind.lower()}-{uuid.uuid4()}"
        now = shown_time(self._clock.now())
        self._rows[new_id] = {**row, self.id: new_id, "CreateTime": now, "UpdateTime": now}
        return self._rows[new_id]

    def change(self, row: Row, fields: Params) -> None:
        row.update(fields, UpdateTime=shown_time(self._clock.now()))

    def remove(self, row: Row) -> None:
        del self._rows[row[self.id]]

    def get(self, params: Params) -> Row:
        """Return the row that a request names. Raise ApiError."""
        row = self._rows.get(params[self.id])
        if row is None:
            raise ApiError(self._missing, f"There is no {params[self.id]}.")
        return row

    def find(self, id: str) -> Row | None:
        return self._rows.get(id)

    def __iter__(self) -> Any:
        return iter(list(self._rows.values()))

    def __len__(self) -> int:
        return len(self._rows)

    def require_new_name(self, name: str, code: str, *, besides: Row | None = None) -> None:
        require_name(name, self.name)
        if any(row[self.name] == name and row is not besides for row in self):
            raise ApiError(code, f"There is already a {self._kind} {name}.")

    def resource(self, region: str, params: Params) -> str:
        """Name the row of a request, or all rows, as policies do (614/68374)."""
        id = params.get(self.id)
        return f"qcs::cls:{region}:uin/{UIN}:{self._kind}/{id if isinstance(id, str) else '*'}"

    def page(
        self, params: Params, matching: Mapping[str, Callable[[Row, str], bool]]
    ) -> tuple[int, Sequence[Row]]:
        """Return how many rows pass the filters of a request, and those of its page."""
        rows = list(self)
        for each in params.get("Filters", ()):
            key, values = each.get("Key", ""), each.get("Values", [])
            if key not in matching:
                raise ApiError("InvalidFilter", f"The filters are {list(matching)}, not {key!r}.")
            matches = matching[key]
            rows = [row for row in rows if any(matches(row, text) for text in values)]
        offset, limit = params.get("Offset", 0), params.get("Limit", _DEFAULT_ROWS)
        if offset < 0 or not 1 <= limit <= _MAX_ROWS:
            raise invalid(f"Offset must be at least 0, Limit from 1 to {_MAX_ROWS}.")
        return len(rows), rows[offset : offset + limit]


def require_name(name: str, field: str) -> None:
    if not name or len(name.encode()) > _MAX_NAME_BYTES or "|" in name:
        raise invalid(f"{field} must have 1 to {_MAX_NAME_BYTES} bytes, without |.")


def equal(field: str) -> Callable[[Row, str], bool]:
    return lambda row, text: row[field] == text


def containing(field: str) -> Callable[[Row, str], bool]:
    """Match a part of the field, as filters by name do unless the search is precise."""
    return lambda row, text: text in row[field]


def invalid(message: str) -> ApiError:
    return ApiError("InvalidParameter", message)


def require_range(value: int, name: str, low: int, high: int) -> None:
    if not low <= value <= high:
        raise invalid(f"{name} must be from {low} to {high}.")


def shown_time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")
