"""The settings of a function, from the parameters of the API to those of the runtime."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..api.errors import ApiError
from ..runtime.deployment import DeployOptions

Params = Mapping[str, Any]

MAX_ENVIRONMENT_BYTES = 4 * 1024
_NAME = re.compile(r"[A-Za-z][\w-]{0,58}[A-Za-z0-9]", re.ASCII)
_HANDLER = re.compile(r"[A-Za-z][\w/-]{0,58}[A-Za-z0-9]\.[A-Za-z][\w-]{0,58}[A-Za-z0-9]", re.ASCII)
_DESCRIPTION = re.compile(r"[A-Za-z0-9 ,.\n\u0080-\uffff]{0,1000}")
_VARIABLE = re.compile(r"[A-Za-z][A-Za-z0-9_]+")
_SYSTEM_VARIABLES = ("SCF_", "QCLOUD_", "TENCENTCLOUD_")
_RUNTIMES = ("Python3.9", "Python3.10")
_OTHER_RUNTIMES = re.compile(
    r"Python(?:2\.7|3\.6|3\.7)|Nodejs\d+\.\d+|Php\d|Php\d\.\d|Java\d+|Go1|CustomRuntime|CustomImage"
)
_MIN_MEMORY_MB, _MEMORY_STEP_MB, _MAX_MEMORY_MB = 64, 128, 3072
_DEFAULT_SECONDS, _MAX_SECONDS = 3, 900
_MIN_INIT_SECONDS, _MAX_INIT_SECONDS = 3, 300
_DEFAULTS = DeployOptions(handler="", runtime="", timeout_seconds=_DEFAULT_SECONDS, role="")
# Further parameters, with the values that request nothing special. Other values would need features
# that the sandbox does not have.
_NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "Type": ("Event",),
    "InstallDependency": ("FALSE",),
    "AsyncRunEnable": ("FALSE",),
    "TraceEnable": ("FALSE",),
    "AutoDeployClsTopicIndex": ("FALSE",),
    "AutoCreateClsTopic": ("FALSE",),
    "DnsCache": ("FALSE",),
    "L5Enable": ("FALSE",),
    "Publish": ("FALSE",),
    "IgnoreSysLog": (False,),
    "Layers": ([],),
    "VpcConfig": ({}, {"VpcId": "", "SubnetId": ""}),
    "PublicNetConfig": (
        {"PublicNetStatus": "ENABLE"},
        {"PublicNetStatus": "ENABLE", "EipConfig": {"EipStatus": "DISABLE"}},
    ),
    "IntranetConfig": ({"IpFixed": "DISABLE"},),
}
# fmt: off
_PLAYED = frozenset((
    "FunctionName", "Namespace", "Code", "Handler", "Description", "MemorySize", "Timeout",
    "Environment", "Runtime", "Role", "ClsLogsetId", "ClsTopicId", "InitTimeout", "Tags",
    "CodeSource", "ZipFile", "CosBucketName", "CosObjectName", "CosBucketRegion",
))
# fmt: on


def require_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ApiError(
            "InvalidParameterValue.FunctionName",
            "FunctionName must have 2 to 60 letters, digits, - and _, begin with a letter, and end "
            "with a letter or a digit.",
        )


def require_played(params: Params) -> None:
    """Refuse parameters that request something the sandbox does not have."""
    for name, value in params.items():
        if name not in _PLAYED and value not in _NEUTRAL.get(name, ()):
            raise ApiError("UnsupportedOperation", f"The sandbox does not implement {name}.")


def new_options(params: Params) -> DeployOptions:
    """Return the settings of a function that is to be created. Raise ApiError."""
    if "Runtime" not in params:
        raise ApiError("MissingParameter.Runtime", "Runtime is required.")
    runtime = params["Runtime"]
    if _OTHER_RUNTIMES.fullmatch(runtime):
        raise ApiError("UnsupportedOperation", f"The sandbox does not implement {runtime}.")
    if runtime not in _RUNTIMES:
        raise ApiError("InvalidParameterValue.Runtime", f"There is no runtime {runtime}.")
    if "Handler" not in params:
        raise ApiError("InvalidParameterValue.Handler", "Handler is required.")
    return changed_options(replace(_DEFAULTS, runtime=runtime), params)


def changed_options(options: DeployOptions, params: Params) -> DeployOptions:
    """Apply the parameters that are present. Raise ApiError."""
    if params.get("Runtime", options.runtime) != options.runtime:
        raise ApiError("InvalidParameterValue.Runtime", "The runtime cannot be changed.")
    logset, topic = options.log_topic
    return replace(
        options,
        handler=_handler(params.get("Handler", options.handler)),
        description=_description(params.get("Description", options.description)),
        memory_mb=_memory(params.get("MemorySize", options.memory_mb)),
        timeout_seconds=_seconds(
            params.get("Timeout", int(options.timeout_seconds)), "Timeout", 1, _MAX_SECONDS
        ),
        init_timeout_seconds=_seconds(
            params.get("InitTimeout", options.init_timeout_seconds),
            "InitTimeout",
            _MIN_INIT_SECONDS,
            _MAX_INIT_SECONDS,
        ),
        environment=_environment(params["Environment"])
        if "Environment" in params
        else options.environment,
        role=params.get("Role", options.role),
        log_topic=(params.get("ClsLogsetId", logset), params.get("ClsTopicId", topic)),
    )


def tags_of(params: Params) -> dict[str, str]:
    return {tag["Key"]: tag.get("Value", "") for tag in params.get("Tags", ())}


def _handler(handler: str) -> str:
    if not _HANDLER.fullmatch(handler):
        raise ApiError(
            "InvalidParameterValue.Handler", "Handler must be a file and a method: index.main."
        )
    return handler


def _description(description: str) -> str:
    if not _DESCRIPTION.fullmatch(description):
        raise ApiError(
            "InvalidParameterValue.Description",
            "Description must have at most 1000 letters, digits, spaces, commas, full stops and "
            "line feeds.",
        )
    return description


def _memory(memory_mb: int) -> int:
    is_step = memory_mb == _MIN_MEMORY_MB or memory_mb % _MEMORY_STEP_MB == 0
    if not _MIN_MEMORY_MB <= memory_mb <= _MAX_MEMORY_MB or not is_step:
        raise ApiError(
            "InvalidParameterValue.MemorySize",
            f"MemorySize must be {_MIN_MEMORY_MB}, or a multiple of {_MEMORY_STEP_MB} up to "
            f"{_MAX_MEMORY_MB}.",
        )
    return memory_mb


def _seconds(seconds: int, name: str, low: int, high: int) -> int:
    if not low <= seconds <= high:
        raise ApiError(f"LimitExceeded.{name}", f"{name} must be from {low} to {high} seconds.")
    return seconds


def _environment(environment: Params) -> dict[str, str]:
    variables: dict[str, str] = {}
    for variable in environment.get("Variables", ()):
        key, text = variable.get("Key", ""), variable.get("Value", "")
        if not _VARIABLE.fullmatch(key) or not text or key in variables:
            raise ApiError(
                "InvalidParameterValue.Environment",
                f"{key}: a variable begins with a letter, has letters, digits and _, has a value, "
                "and is given once.",
            )
        if key.startswith(_SYSTEM_VARIABLES):
            raise ApiError(
                "InvalidParameterValue.EnvironmentSystemProtect", f"{key} is set by the platform."
            )
        variables[key] = text
    used = sum(len(key.encode()) + len(text.encode()) for key, text in variables.items())
    if used > MAX_ENVIRONMENT_BYTES:
        raise ApiError(
            "InvalidParameterValue.EnvironmentExceededLimit",
            f"The variables have {used} bytes; {MAX_ENVIRONMENT_BYTES} are allowed.",
        )
    return variables
