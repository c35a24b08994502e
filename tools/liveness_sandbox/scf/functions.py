"""Functions: creation, change, deletion and description."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..account import role_resource
from ..api.errors import ApiError
from ..api.service import Action, Params
from ..cam.roles import Roles
from ..cam.trust import trusts_service
from ..cls.topics import Topics
from ..cos.store import Store
from ..credentials import Principal
from ..runtime.aliases import LATEST
from ..runtime.deployment import DeployOptions
from ..runtime.function import Function
from ..runtime.package import InvalidPackage
from ..runtime.platform import Platform
from ..runtime.versions import VersionInUse
from .code import package_of
from .descriptions import describe_function, summarize_function
from .lookup import Lookup, is_descending, page_of, refusing_changes, require_namespace
from .options import changed_options, new_options, require_name, require_played, tags_of

MAX_FUNCTIONS = 50
"""In a namespace (583/11637)."""
_UPDATE_CODE = "FailedOperation.UpdateFunctionCode"
_UPDATE_CONFIGURATION = "FailedOperation.UpdateFunctionConfiguration"
_PLATFORM = "scf.qcloud.com"
_ORDERS = {"AddTime": "added", "ModTime": "modified", "FunctionName": "name"}


class FunctionActions:
    def __init__(
        self, platform: Platform, lookup: Lookup, store: Store, roles: Roles, topics: Topics
    ) -> None:
        self._platform = platform
        self._lookup = lookup
        self._store = store
        self._roles = roles
        self._topics = topics

    def actions(self) -> Mapping[str, Action]:
        resource = self._lookup.resource
        name = ("FunctionName",)
        return {
            "CreateFunction": Action(
                self._create, ("FunctionName", "Code"), resource, _passing_role, is_slow=True
            ),
            "GetFunction": Action(self._get, name, resource),
            "ListFunctions": Action(self._list, (), resource),
            "UpdateFunctionCode": Action(self._update_code, name, resource, is_slow=True),
            "UpdateFunctionConfiguration": Action(
                self._update_configuration, name, resource, _passing_role
            ),
            "DeleteFunction": Action(self._delete, name, resource, is_slow=True),
            "DeleteFunctionVersion": Action(
                self._delete_version, ("FunctionName", "Qualifier"), resource
            ),
        }

    def _create(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        require_namespace(params)
        name = params["FunctionName"]
        require_name(name)
        require_played(params)
        options = new_options(params)
        self._require_role(options)
        self._require_topic(options)
        if self._platform.find(name) is not None:
            raise ApiError("ResourceInUse.FunctionName", f"There is already a function {name}.")
        if len(self._platform.functions) >= MAX_FUNCTIONS:
            raise ApiError("LimitExceeded.Function", f"There are already {MAX_FUNCTIONS}.")
        package = package_of(params["Code"], self._store, self._platform.region)
        try:
            function = self._platform.create(name, package, options)
        except InvalidPackage as error:
            raise ApiError("InvalidParameterValue.ZipFile", str(error)) from None
        except ValueError:  # another request was faster
            raise ApiError(
                "ResourceInUse.FunctionName", f"There is already a function {name}."
            ) from None
        function.tags = tags_of(params)
        return {}

    def _get(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        function = self._lookup.function(params)
        return describe_function(function, params.get("Qualifier", LATEST), self._platform.region)

    def _list(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        require_namespace(params)
        if params.get("Filters"):
            raise ApiError(
                "InvalidParameterValue.Filters", "The sandbox does not implement filters."
            )
        order = params.get("Orderby", "ModTime")
        if order not in _ORDERS:
            raise ApiError("InvalidParameterValue.OrderBy", f"Orderby is one of {list(_ORDERS)}.")
        functions = [
            function
            for function in self._platform.functions
            if params.get("SearchKey", "") in function.name
            and params.get("Description", "") in function.deployment.options.description
        ]

        def key(function: Function) -> Any:
            attribute = _ORDERS[order]
            return getattr(function if attribute == "name" else _latest(function), attribute)

        functions.sort(key=key, reverse=is_descending(params))
        shown = functions[page_of(params)]
        quota = self._platform.quota
        return {
            "Functions": [summarize_function(function, quota) for function in shown],
            "TotalCount": len(functions),
        }

    def _update_code(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        require_played(params)
        function = self._lookup.active(params, _UPDATE_CODE)
        of_request = ("ZipFile", "CosBucketName", "CosObjectName", "CosBucketRegion")
        code = {name: params[name] for name in of_request if name in params}
        if "Code" in params:
            code.update(params["Code"])
        package = package_of(code, self._store, self._platform.region)
        options = function.deployment.options
        if "Handler" in params:
            options = changed_options(options, {"Handler": params["Handler"]})
        try:
            unpacked = self._platform.unpacked(function.name, package, options)
        except InvalidPackage as error:
            raise ApiError("InvalidParameterValue.ZipFile", str(error)) from None
        deployment = replace(unpacked, options=replace(options, dependencies=()))
        with refusing_changes(_UPDATE_CODE):
            function.versions.change(deployment, self._platform.settling_seconds)
        return {}

    def _update_configuration(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        require_played(params)
        function = self._lookup.active(params, _UPDATE_CONFIGURATION)
        options = changed_options(function.deployment.options, params)
        if "Role" in params:
            self._require_role(options)
        if "ClsTopicId" in params:
            self._require_topic(options)
        deployment = replace(function.deployment, options=options)
        with refusing_changes(_UPDATE_CONFIGURATION):
            function.versions.change(deployment, self._platform.settling_seconds)
        return {}

    def _delete(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        function = self._lookup.function(params)
        version = params.get("Qualifier")
        if version is None:
            self._lookup.active(params, "FailedOperation.DeleteFunction")
            self._platform.remove(function)
            return {}
        return self._remove_version(function, version)

    def _delete_version(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        if params.get("ForceDelete", "false") != "false":
            raise ApiError("UnsupportedOperation", "The sandbox does not implement ForceDelete.")
        return self._remove_version(self._lookup.function(params), params["Qualifier"])

    def _remove_version(self, function: Function, version: str) -> Mapping[str, Any]:
        if version == LATEST:
            raise ApiError("InvalidParameterValue.Qualifier", "$LATEST cannot be deleted.")
        try:
            function.versions.remove(version)
        except KeyError:
            raise ApiError(
                "ResourceNotFound.FunctionVersion", "The version does not exist."
            ) from None
        except VersionInUse as error:
            raise ApiError(
                "UnsupportedOperation.AliasBind", f"The alias {error} points to the version."
            ) from None
        return {}

    def _require_role(self, options: DeployOptions) -> None:
        """Require that the platform may assume the execution role."""
        if not options.role:
            return
        role = self._roles.find(name=options.role)
        if role is None:
            raise ApiError("ResourceNotFound.Role", f"There is no role {options.role}.")
        if not trusts_service(role.trust, _PLATFORM):
            raise ApiError(
                "InvalidParameter.RoleCheck", f"The role {options.role} does not trust {_PLATFORM}."
            )

    def _require_topic(self, options: DeployOptions) -> None:
        logset, topic = options.log_topic
        if (logset or topic) and not self._topics.has_topic(logset, topic):
            raise ApiError("InvalidParameterValue.Cls", f"{logset} has no log topic {topic}.")


def _passing_role(params: Params) -> Mapping[str, str]:
    """A caller that gives a function a role must be allowed to pass that role (583/47933)."""
    role = params.get("Role")
    return {"cam:PassRole": role_resource(str(role))} if role else {}


def _latest(function: Function) -> Any:
    latest = function.versions.described(LATEST)
    assert latest is not None, "there is always a $LATEST"
    return latest
