"""Versions and aliases: publication, and which version gets the traffic."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..api.errors import ApiError
from ..api.service import Action, Params
from ..clock import Clock
from ..credentials import Principal
from ..runtime.aliases import DEFAULT, LATEST, Alias
from ..runtime.function import Function
from ..runtime.platform import Platform
from ..runtime.versions import ACTIVE, Revision
from .lookup import Lookup, is_descending, page_of, refusing_changes, shown_time

MAX_VERSIONS = 20
"""Of a function (583/11637)."""
_ALIAS = re.compile(r"[A-Za-z][\w-]{0,63}", re.ASCII)
_ORDERS = {"AddTime": "added", "ModTime": "modified"}


class VersionActions:
    def __init__(self, platform: Platform, lookup: Lookup, clock: Clock) -> None:
        self._platform = platform
        self._lookup = lookup
        self._clock = clock

    def actions(self) -> Mapping[str, Action]:
        resource = self._lookup.resource
        function, alias = ("FunctionName",), ("FunctionName", "Name")
        target = (*alias, "FunctionVersion")
        return {
            "PublishVersion": Action(self._publish, function, resource),
            "ListVersionByFunction": Action(self._list_versions, function, resource),
            "CreateAlias": Action(self._create_alias, target, resource),
            "UpdateAlias": Action(self._update_alias, target, resource),
            "GetAlias": Action(self._get_alias, alias, resource),
            "ListAliases": Action(self._list_aliases, function, resource),
            "DeleteAlias": Action(self._delete_alias, alias, resource),
        }

    def _publish(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        function = self._lookup.active(params, "FailedOperation.PublishVersion")
        if function.versions.status()[0] != ACTIVE:
            raise ApiError(
                "FailedOperation.PublishVersion", "The last change of the function has failed."
            )
        if len(function.versions.published) >= MAX_VERSIONS:
            raise ApiError("LimitExceeded.FunctionVersions", f"There are {MAX_VERSIONS} already.")
        with refusing_changes("FailedOperation.PublishVersion"):
            published = function.versions.publish(
                params.get("Description", ""), self._platform.settling_seconds
            )
        options = published.deployment.options
        return {
            "FunctionVersion": published.version,
            "CodeSize": published.deployment.code_bytes,
            "MemorySize": options.memory_mb,
            "Description": published.description,
            "Handler": options.handler,
            "Timeout": int(options.timeout_seconds),
            "Runtime": options.runtime,
            "Namespace": "default",
        }

    def _list_versions(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        versions = self._lookup.function(params).versions
        latest = versions.described(LATEST)
        assert latest is not None, "there is always a $LATEST"
        order = params.get("OrderBy", "AddTime")
        if order not in _ORDERS:
            raise ApiError("InvalidParameterValue.OrderBy", f"OrderBy is one of {list(_ORDERS)}.")

        def key(revision: Revision) -> Any:
            return getattr(revision, _ORDERS[order])

        published = sorted(versions.published, key=key, reverse=is_descending(params))
        shown = [latest, *published][page_of(params)]
        return {
            "FunctionVersion": [revision.version for revision in shown],
            "Versions": [
                {
                    "Version": revision.version,
                    "Description": revision.description,
                    "AddTime": shown_time(revision.added),
                    "ModTime": shown_time(revision.modified),
                    "Status": versions.status(revision.version)[0],
                }
                for revision in shown
            ],
            "TotalCount": 1 + len(published),
        }

    def _create_alias(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        function = self._lookup.function(params)
        name, now = params["Name"], self._clock.now()
        if not _ALIAS.fullmatch(name):
            raise ApiError(
                "InvalidParameterValue.Alias",
                "An alias has up to 64 letters, digits, - and _, and begins with a letter.",
            )
        if function.versions.alias(name) is not None:
            raise ApiError("ResourceInUse.Alias", f"There is already an alias {name}.")
        return self._put(function, Alias(name, "", now, now), params)

    def _update_alias(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        function = self._lookup.function(params)
        return self._put(function, _alias(function, params), params)

    def _put(self, function: Function, alias: Alias, params: Params) -> Mapping[str, Any]:
        target = params["FunctionVersion"]
        additional = _additional(params.get("RoutingConfig", {}))
        if additional is not None and additional[0] == target:
            raise ApiError(
                "InvalidParameterValue.RoutingConfig", "The two versions must be different."
            )
        changed = replace(
            alias,
            version=target,
            additional=additional,
            description=params.get("Description", alias.description),
            modified=self._clock.now(),
        )
        for version in changed.targets:
            _require_active(function, version)
        function.versions.put_alias(changed)
        return {}

    def _get_alias(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        return _described(_alias(self._lookup.function(params), params))

    def _list_aliases(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        aliases = self._lookup.function(params).versions.aliases
        if "FunctionVersion" in params:
            aliases = [each for each in aliases if params["FunctionVersion"] in each.targets]
        # Offset and Limit are texts in this action.
        try:
            numbers = {name: int(params[name]) for name in ("Offset", "Limit") if name in params}
        except ValueError:
            raise ApiError("InvalidParameterValue.Limit", "Offset and Limit are numbers.") from None
        return {
            "Aliases": [_described(alias) for alias in aliases[page_of(numbers)]],
            "TotalCount": len(aliases),
        }

    def _delete_alias(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        function = self._lookup.function(params)
        alias = _alias(function, params)
        if alias.name == DEFAULT:
            raise ApiError("FailedOperation.DeleteAlias", f"{DEFAULT} cannot be deleted.")
        if any(trigger.qualifier == alias.name for trigger in function.triggers):
            raise ApiError("FailedOperation.DeleteAlias", "A trigger uses the alias.")
        function.versions.remove_alias(alias.name)
        return {}


def require_qualifier(function: Function, qualifier: str) -> None:
    """Require a version or an alias."""
    if function.versions.route(qualifier) is None:
        raise ApiError("ResourceNotFound.FunctionVersion", "The version does not exist.")


def _require_active(function: Function, version: str) -> None:
    if function.versions.described(version) is None:
        raise ApiError("ResourceNotFound.FunctionVersion", f"There is no version {version}.")
    status, _ = function.versions.status(version)
    if version != LATEST and status != ACTIVE:
        raise ApiError(
            "FailedOperation.FunctionVersionStatusNotActive",
            f"The version {version} is in status {status}.",
        )


def _alias(function: Function, params: Params) -> Alias:
    alias = function.versions.alias(params["Name"])
    if alias is None:
        raise ApiError("ResourceNotFound.Alias", f"There is no alias {params['Name']}.")
    return alias


def _additional(routing: Params) -> tuple[str, float] | None:
    if routing.get("AddtionVersionMatchs"):
        raise ApiError("UnsupportedOperation", "The sandbox does not implement routing by rules.")
    weights = routing.get("AdditionalVersionWeights", [])
    if not weights:
        return None
    if len(weights) > 1:
        raise ApiError(
            "InvalidParameterValue.AdditionalVersionWeights",
            "An alias has at most one additional version.",
        )
    version, weight = weights[0].get("Version"), weights[0].get("Weight")
    if version is None or weight is None or not 0 <= weight <= 1:
        raise ApiError(
            "InvalidParameterValue.AdditionalVersionWeights",
            "An additional version needs a Version, and a Weight from 0 to 1.",
        )
    return version, float(weight)


def _described(alias: Alias) -> dict[str, Any]:
    weights = []
    if alias.additional is not None:
        weights = [{"Version": alias.additional[0], "Weight": alias.additional[1]}]
    return {
        "FunctionVersion": alias.version,
        "Name": alias.name,
        "RoutingConfig": {"AdditionalVersionWeights": weights, "AddtionVersionMatchs": []},
        "Description": alias.description,
        "AddTime": shown_time(alias.added),
        "ModTime": shown_time(alias.modified),
    }
