"""The function as `liveness deploy` changes it (API 3.0, product scf, version 2018-04-16)."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from liveness.runtime import Clock

from ..account.errors import AccountError, RequestRefused, parsing_reply
from ..account.function import LATEST, NO_FUNCTION, TRAFFIC, DeployedFunction, Trigger
from ..text import redact
from .manifest import FunctionSettings, Manifest

_PAGE_SIZE = 100
_POLL_SECONDS = 1.0
_MAX_POLLS = 600
_WORKING = ("Creating", "Updating", "Publishing", "CreatingAlias", "Deleting")


class Version(NamedTuple):
    """A published version of the function."""

    number: int
    description: str
    status: str


class Reported(NamedTuple):
    """A version, or $LATEST, as GetFunction reports it."""

    settings: FunctionSettings
    status: str
    reasons: str
    """Why creating or updating it failed."""
    is_ours: bool
    """Whether its environment has LIVENESS_BUCKET."""


class ManagedFunction(DeployedFunction):
    """All methods raise RequestRefused and RequestFailed; those that wait, AccountError."""

    # ---- reading

    def reported(self, qualifier: str = LATEST) -> Reported | None:
        """Return None if the function does not exist."""
        try:
            reply = self._api(
                "GetFunction", **self._identity, Qualifier=qualifier, ShowCode="FALSE"
            )
        except RequestRefused as error:
            if error.code.startswith(NO_FUNCTION) and "Version" not in error.code:
                return None
            raise
        with parsing_reply("GetFunction"):
            return _parse_function(reply)

    def versions(self) -> list[Version]:
        """Return the published versions, in ascending order."""
        versions: list[Version] = []
        seen = 0
        while True:
            reply = self._api(
                "ListVersionByFunction", **self._identity, Limit=_PAGE_SIZE, Offset=seen
            )
            with parsing_reply("ListVersionByFunction"):
                page = reply.get("Versions") or []
                seen += len(page)
                versions += [
                    Version(
                        int(each["Version"]),
                        str(each.get("Description") or ""),
                        str(each.get("Status") or ""),
                    )
                    for each in page
                    if str(each["Version"]).isdecimal()
                ]
                if not page or seen >= int(reply.get("TotalCount") or 0):
                    return sorted(versions)

    # ---- code and settings

    def create(self, manifest: Manifest, archive: bytes) -> None:
        settings = manifest.function
        tags = [{"Key": key, "Value": text} for key, text in manifest.tags.items()]
        self._patient_api(
            "CreateFunction",
            **self._identity,
            Type="Event",
            Code={"ZipFile": base64.b64encode(archive).decode()},
            Handler=settings.handler,
            Runtime=settings.runtime,
            **_configuration(settings),
            **({"Tags": tags} if tags else {}),
        )

    def update_code(self, handler: str, archive: bytes) -> None:
        self._patient_api(
            "UpdateFunctionCode",
            **self._identity,
            Handler=handler,
            ZipFile=base64.b64encode(archive).decode(),
        )

    def update_settings(self, settings: FunctionSettings) -> None:
        self._api("UpdateFunctionConfiguration", **self._identity, **_configuration(settings))

    def publish(self, description: str) -> int:
        """Publish $LATEST as a version that never changes, and return its number."""
        reply = self._api("PublishVersion", **self._identity, Description=description)
        with parsing_reply("PublishVersion"):
            return int(reply["FunctionVersion"])

    def await_active(self, clock: Clock, qualifier: str = LATEST) -> None:
        """Wait until the function, or a version of it, can be changed and invoked."""
        for _ in range(_MAX_POLLS):
            reported = self.reported(qualifier)
            if reported is not None and reported.status == "Active":
                return
            if reported is not None and reported.status not in _WORKING:
                detail = f" ({reported.reasons})" if reported.reasons else ""
                raise AccountError(f"the function's status is {reported.status}{detail}")
            clock.sleep(_POLL_SECONDS)
        raise AccountError("the function did not become active in time: run the command again")

    def move_traffic(self, version: str) -> None:
        """Send all traffic to one version, at once."""
        self._api(
            "UpdateAlias",
            **self._identity,
            Name=TRAFFIC,
            FunctionVersion=version,
            RoutingConfig={"AdditionalVersionWeights": [], "AddtionVersionMatchs": []},
        )

    def delete_version(self, number: int) -> None:
        """Delete a version that gets no traffic; it is no error if it is gone."""
        try:
            self._api("DeleteFunctionVersion", **self._identity, Qualifier=str(number))
        except RequestRefused as error:
            if not error.code.startswith("ResourceNotFound"):
                raise

    def delete(self) -> None:
        """Delete all versions; it is no error if there are none."""
        try:
            self._api("DeleteFunction", **self._identity)
        except RequestRefused as error:
            if not error.code.startswith(NO_FUNCTION):
                raise

    # ---- triggers

    def create_trigger(self, trigger: Trigger) -> None:
        self._api(
            "CreateTrigger",
            **_trigger_identity(self._identity, trigger),
            Enable="OPEN" if trigger.is_enabled else "CLOSE",
            TriggerDesc=_trigger_description(trigger),
            **({"CustomArgument": trigger.message} if trigger.message else {}),
        )

    def delete_trigger(self, trigger: Trigger) -> None:
        """Delete a trigger; it is no error if it is gone."""
        try:
            self._api(
                "DeleteTrigger",
                **_trigger_identity(self._identity, trigger),
                **_cos_description(trigger),
            )
        except RequestRefused as error:
            if not error.code.startswith("ResourceNotFound"):
                raise

    def enable_trigger(self, trigger: Trigger, is_enabled: bool) -> None:
        self._api(
            "UpdateTriggerStatus",
            **_trigger_identity(self._identity, trigger),
            Enable="OPEN" if is_enabled else "CLOSE",
            **_cos_description(trigger),
        )


def _trigger_identity(identity: Mapping[str, str], trigger: Trigger) -> dict[str, str]:
    return {
        **identity,
        "TriggerName": trigger.name,
        "Type": trigger.kind,
        "Qualifier": trigger.qualifier,
    }


def _cos_description(trigger: Trigger) -> dict[str, str]:
    """A COS trigger has no name of its own: its description identifies it."""
    return {"TriggerDesc": _trigger_description(trigger)} if trigger.kind == "cos" else {}


def _trigger_description(trigger: Trigger) -> str:
    """Describe a trigger as CreateTrigger takes it (583/39901)."""
    if trigger.kind == "timer":
        return trigger.cron
    filter_ = {"Prefix": trigger.prefix, "Suffix": trigger.suffix}
    return json.dumps({"event": trigger.event, "filter": filter_})


def _configuration(settings: FunctionSettings) -> dict[str, Any]:
    """Return the parameters that CreateFunction and UpdateFunctionConfiguration share."""
    variables = [{"Key": key, "Value": text} for key, text in settings.environment.items()]
    fields: dict[str, Any] = {
        "Description": "liveness",
        "MemorySize": settings.memory_mb,
        "Timeout": settings.timeout_seconds,
        "InitTimeout": settings.init_timeout_seconds,
        "Environment": {"Variables": variables},
        "Role": settings.role,
    }
    if any(settings.logs):
        fields["ClsLogsetId"], fields["ClsTopicId"] = settings.logs
    if any(settings.dead_letters):
        fields["DeadLetterConfig"] = dict(zip(("Type", "Name"), settings.dead_letters, strict=True))
    if any(settings.network):
        fields["VpcConfig"] = dict(zip(("VpcId", "SubnetId"), settings.network, strict=True))
    return fields


def _parse_function(reply: Mapping[str, Any]) -> Reported:
    variables = (reply.get("Environment") or {}).get("Variables") or []
    environment = {str(each["Key"]): str(each["Value"]) for each in variables}
    letters = reply.get("DeadLetterConfig") or {}
    network = reply.get("VpcConfig") or {}
    settings = FunctionSettings(
        runtime=str(reply["Runtime"]),
        handler=str(reply["Handler"]),
        role=str(reply.get("Role") or ""),
        memory_mb=int(reply["MemorySize"]),
        timeout_seconds=int(reply["Timeout"]),
        init_timeout_seconds=int(reply.get("InitTimeout") or 0),
        environment=environment,
        logs=(str(reply.get("ClsLogsetId") or ""), str(reply.get("ClsTopicId") or "")),
        dead_letters=(str(letters.get("Type") or ""), str(letters.get("Name") or "")),
        network=(str(network.get("VpcId") or ""), str(network.get("SubnetId") or "")),
    )
    reasons = "; ".join(
        redact(each.get("ErrorMessage")) for each in reply.get("StatusReasons") or []
    )
    return Reported(
        settings,
        str(reply["Status"]),
        reasons or redact(reply.get("StatusDesc")),
        "LIVENESS_BUCKET" in environment,
    )
