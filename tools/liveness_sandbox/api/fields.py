"""The parameters of an action, as the models of the vendor's generated clients declare them."""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from .errors import ApiError

# How a model documents the type of a field: `str`, `list of str`, `list of Filter`,
# `:class:`tencentcloud.scf.v20180416.models.Code``, `list of int non-negative`.
_TYPE = re.compile(
    r"^\s*:type (?P<field>\w+): (?P<many>list of )?"
    r"(?::class:`[\w.]+\.(?P<model>\w+)`|(?P<name>\w+))",
    re.ASCII | re.MULTILINE,
)
_PLAIN: Mapping[str, tuple[str, tuple[type, ...]]] = {
    "str": ("String", (str,)),
    "int": ("Integer", (int,)),
    "bool": ("Boolean", (bool,)),
    "float": ("Float", (int, float)),
}


class Field(NamedTuple):
    """The declared type of one parameter."""

    name: str
    """A plain type, or the name of a model."""
    many: bool


class Models:
    """The request models of one version of a product, such as `scf.v20180416`.

    They are imported when they are first needed.
    """

    def __init__(self, package: str) -> None:
        self._module = f"tencentcloud.{package}.models"

    def check(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters of a request without nulls, which mean "absent".

        Raise ApiError if the action has no such parameter, or if a value has the wrong type.
        """
        return self._object(f"{action}Request", params, "")

    def _object(self, model: str, params: Mapping[str, Any], path: str) -> dict[str, Any]:
        fields = _fields(self._module, model)
        checked = {}
        for name, value in params.items():
            if name not in fields:
                raise ApiError(
                    "UnknownParameter", f"The parameter `{path}{name}` is not recognized."
                )
            if value is not None:
                checked[name] = self._value(fields[name], value, f"{path}{name}")
        return checked

    def _value(self, field: Field, value: Any, path: str) -> Any:
        if field.many:
            if not isinstance(value, list):
                raise _mistyped(path, "Array")
            one = field._replace(many=False)
            return [self._value(one, each, f"{path}.{i}") for i, each in enumerate(value)]
        if field.name not in _PLAIN:
            if not isinstance(value, dict):
                raise _mistyped(path, "Object")
            return self._object(field.name, value, f"{path}.")
        name, types = _PLAIN[field.name]
        # In Python bool is a subclass of int; in the API it is not an Integer.
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            raise _mistyped(path, name)
        return value


def _mistyped(path: str, name: str) -> ApiError:
    return ApiError("InvalidParameter", f"The value type of parameter `{path}` is not {name}.")


@functools.cache
def _fields(module: str, model: str) -> Mapping[str, Field]:
    """Read the fields of a model from the documentation of its constructor."""
    declared = getattr(importlib.import_module(module), model)
    return {
        match["field"]: Field(match["model"] or match["name"], bool(match["many"]))
        for match in _TYPE.finditer(declared.__init__.__doc__ or "")
    }
