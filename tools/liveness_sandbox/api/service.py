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
from .fields import Models
from .request import action_of, json_object, read_body, region_of, success
from .signature import identify

Params = Mapping[str, Any]


def everything(params: Params) -> str:
    """Name the resource of an action that is authorized at operation level only."""
    return "*"


def nothing(params: Params) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True)
class Action:
    run: Callable[[Params, Principal], Mapping[str, Any]]
    required: Collection[str] = ()
    """The parameters that the documents require; which ones exist, the vendor's models say."""
    resource: Callable[[Params], str] | None = everything
    """Names what the action is on, for CAM, from parameters that have not been checked. None: every
    valid key may call it."""
    further: Callable[[Params], Mapping[str, str]] = nothing
    """Names further actions that the caller has to be allowed, and what each of them is on."""
    is_slow: bool = False
    """Whether it waits for something, so that it must not run in the server's loop."""


class ActionService:
    """Accepts only POST with JSON."""

    def __init__(
        self,
        name: str,
        version: str,
        actions: Mapping[str, Action],
        models: Models,
        keys: KeyRing,
        regions: Collection[str] | None = None,
    ) -> None:
        """`regions` is None for a product without regions, which ignores the header."""
        self._name = name
        self._version = version
        self._actions = actions
        self._models = models
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
            for needed, resource in action.further(params).items():
                require(caller, needed, resource, request.source_ip)
            checked = self._checked(name, action, params)
            if action.is_slow:
                return success(await asyncio.to_thread(action.run, checked, caller), request_id)
            return success(action.run(checked, caller), request_id)
        except ApiError as error:
            request.error_code = error.code
            return error.reply(request_id)

    def _checked(self, name: str, action: Action, values: Params) -> Params:
        params = self._models.check(name, values)
        for required in action.required:
            if required not in params:
                raise ApiError(
                    "MissingParameter", f"The request is missing a required parameter `{required}`."
                )
        return params
