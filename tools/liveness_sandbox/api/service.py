"""A product of API 3.0 whose actions take and return JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ..credentials import KeyRing, Principal
from ..wire import Reply, WireRequest
from .access import require
from .errors import ApiError, new_request_id
from .request import action_of, json_object, read_body, region_of, require_known, success
from .signature import identify

Params = Mapping[str, Any]
_TYPE_NAMES = {str: "String", int: "Integer", dict: "Object", list: "Array"}


def everything(params: Params) -> str:
    """Name the resource of an action that is authorized at operation level only."""
    return "*"


@dataclass(frozen=True)
class Action:
    run: Callable[[Params, Principal], Mapping[str, Any]]
    required: Mapping[str, type]
    optional: Mapping[str, type]
    resource: Callable[[Params], str] | None = everything
    """Names what the action is on, for CAM, from parameters that have not been checked. None: every
    valid key may call it."""
    is_slow: bool = False
    """Whether it waits for something, so that it must not run in the server's loop."""


class ActionService:
    """Accepts only POST with JSON."""

    def __init__(
        self,
        name: str,
        version: str,
        actions: Mapping[str, Action],
        keys: KeyRing,
        regions: Collection[str] | None = None,
    ) -> None:
        """`regions` is None for a product without regions, which ignores the header."""
        self._name = name
        self._version = version
        self._actions = actions
        self._keys = keys
        self._regions = regions

    async def handle(self, request: WireRequest) -> Reply:
        request_id = new_request_id()
        try:
            body = await read_body(request)
            caller = identify(request, body, self._name, self._keys)
            name = action_of(request, self._version, self._actions)
            action = self._actions[name]
            if self._regions is not None:
                region_of(request, self._regions)
            params = json_object(request, body)
            if action.resource is not None:
                require(caller, f"{self._name}:{name}", action.resource(params), request.source_ip)
            checked = _checked(action, params)
            if action.is_slow:
                return success(await asyncio.to_thread(action.run, checked, caller), request_id)
            return success(action.run(checked, caller), request_id)
        except ApiError as error:
            request.error_code = error.code
            return error.reply(request_id)


def _checked(action: Action, values: Params) -> Params:
    """Check names and types of the parameters. Null means that a parameter is absent."""
    types = {**action.required, **action.optional}
    require_known(values, types)
    params = {name: value for name, value in values.items() if value is not None}
    for name in action.required:
        if name not in params:
            raise ApiError(
                "MissingParameter", f"The request is missing a required parameter `{name}`."
            )
    for name, value in params.items():
        # In Python bool is a subclass of int; in the API it is not an Integer.
        if type(value) is not types[name]:
            raise ApiError(
                "InvalidParameter",
                f"The value type of parameter `{name}` is not {_TYPE_NAMES[types[name]]}.",
            )
    return params
