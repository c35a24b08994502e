"""The deployed function, as reported by SCF (API 3.0, product scf, version 2018-04-16)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from liveness_package.triggers import UploadFilter

from ..log_entries import log_entries
from .api import Api
from .errors import RequestRefused, parsing_reply

# The same as in serverless.yml.
DEFAULT_FUNCTION_NAME = "liveness"
NAMESPACE = "default"
# The version that can still be changed, and the alias that traffic goes to. Every function has this
# alias: it means $LATEST until `liveness deploy` or the console moves it to a version (583/36149).
LATEST, TRAFFIC = "$LATEST", "$DEFAULT"
NO_FUNCTION = "ResourceNotFound.Function"
_PAGE_SIZE = 100


class Configuration(NamedTuple):
    """How the function was deployed."""

    status: str
    role: str
    memory_mb: int
    timeout_seconds: int
    is_async: bool
    environment: Mapping[str, str]


class Alias(NamedTuple):
    """Where an alias sends traffic."""

    version: str
    """A number, or $LATEST."""
    others: Mapping[str, float]
    """Further versions with their share of the traffic."""


class Trigger(NamedTuple):
    """A trigger of the function; the fields that its kind does not have are empty."""

    kind: str
    name: str
    is_enabled: bool
    qualifier: str
    bucket: str = ""
    """Full name of a COS trigger's bucket."""
    event: str = ""
    prefix: str = ""
    suffix: str = ""
    cron: str = ""
    message: str = ""

    @property
    def filter(self) -> UploadFilter:
        """The uploads that a COS trigger fires for."""
        return UploadFilter(self.event, self.prefix, self.suffix)


class RetryConfig(NamedTuple):
    """How the platform retries asynchronous events."""

    retries: int
    """How often an event that failed is retried."""
    max_event_age_seconds: int


class Invoked(NamedTuple):
    """An invocation that has ended."""

    returned: Any
    """What the function returned; None if it failed."""
    error: str | None
    """Why it failed, in the words of the function or of the platform."""
    log: tuple[str, ...]
    """The last lines of its log, 4 KB in all."""
    milliseconds: float = 0.0
    """How long it ran, as reported."""

    @property
    def entries(self) -> list[dict[str, Any]]:
        """Its log lines that are the function's: not the platform's, nor one that was cut."""
        return log_entries(self.log)

    @property
    def cpu_share(self) -> float | None:
        """The share of a core that a new instance logs; None if it was not a new one."""
        shares = (entry.get("cpu_share") for entry in self.entries)
        return next((share for share in shares if isinstance(share, (int, float))), None)


class DeployedFunction:
    """The function in the account. All methods raise RequestRefused and RequestFailed."""

    def __init__(
        self, api: Api, name: str, patient_api: Api | None = None, namespace: str = NAMESPACE
    ) -> None:
        """`patient_api` waits as long as an invocation may take."""
        self._api = api
        self._patient_api = patient_api or api
        self._identity = {"FunctionName": name, "Namespace": namespace}

    def alias(self) -> Alias:
        """Return where traffic goes. It is an error if the function does not exist."""
        reply = self._api("GetAlias", **self._identity, Name=TRAFFIC)
        with parsing_reply("GetAlias"):
            routing = reply.get("RoutingConfig") or {}
            weights = routing.get("AdditionalVersionWeights") or []
            rules = routing.get("AddtionVersionMatchs") or []  # the API's own spelling
            return Alias(
                str(reply["FunctionVersion"]),
                {
                    **{str(each["Version"]): 0.0 for each in rules},
                    **{str(each["Version"]): float(each["Weight"]) for each in weights},
                },
            )

    def find_alias(self) -> Alias | None:
        """Return where traffic goes, or None if the function does not exist."""
        try:
            return self.alias()
        except RequestRefused as error:
            if error.code.startswith(NO_FUNCTION):
                return None
            raise

    def configuration(self, version: str | None = None) -> Configuration | None:
        """Return how a version was deployed, by default the one that traffic goes to.

        Return None if the function does not exist.
        """
        if version is None:
            alias = self.find_alias()
            if alias is None:
                return None
            version = alias.version
        try:
            reply = self._api("GetFunction", **self._identity, Qualifier=version, ShowCode="FALSE")
        except RequestRefused as error:
            if error.code.startswith(NO_FUNCTION):
                return None
            raise
        with parsing_reply("GetFunction"):
            variables = (reply.get("Environment") or {}).get("Variables") or []
            return Configuration(
                status=str(reply["Status"]),
                role=str(reply.get("Role") or ""),
                memory_mb=int(reply["MemorySize"]),
                timeout_seconds=int(reply["Timeout"]),
                is_async=reply.get("AsyncRunEnable") == "TRUE",
                environment={str(each["Key"]): str(each["Value"]) for each in variables},
            )

    def invoke(self, event: Mapping[str, Any], qualifier: str = TRAFFIC) -> Invoked:
        """Invoke what traffic goes to, or another version, and wait until it has ended (583/58400).

        After RequestFailed the invocation may still be running.
        """
        reply = self._patient_api(
            "InvokeFunction",
            **self._identity,
            Qualifier=qualifier,
            Event=json.dumps(event),
            LogType="Tail",
        )
        with parsing_reply("InvokeFunction"):
            return parse_invocation(reply["Result"])

    def triggers(self) -> list[Trigger]:
        triggers: list[Trigger] = []
        while True:
            reply = self._api(
                "ListTriggers", **self._identity, Limit=_PAGE_SIZE, Offset=len(triggers)
            )
            with parsing_reply("ListTriggers"):
                page = [_parse_trigger(each) for each in reply.get("Triggers") or []]
                triggers += page
                if not page or len(triggers) >= int(reply["TotalCount"]):
                    return triggers

    def get_reserved_mb(self) -> int | None:
        """Return None if nothing is reserved and the function shares the account's quota."""
        reply = self._api("GetReservedConcurrencyConfig", **self._identity)
        with parsing_reply("GetReservedConcurrencyConfig"):
            reserved = reply.get("ReservedMem")
            return None if reserved is None else int(reserved)

    def set_reserved_mb(self, memory_mb: int | None) -> None:
        """Limit the memory of all instances; 0 stops the function, None removes the limit."""
        if memory_mb is None:
            self._api("DeleteReservedConcurrencyConfig", **self._identity)
        else:
            self._api(
                "PutReservedConcurrencyConfig", **self._identity, ReservedConcurrencyMem=memory_mb
            )

    def get_retry_config(self) -> RetryConfig:
        reply = self._api("GetFunctionEventInvokeConfig", **self._identity)
        with parsing_reply("GetFunctionEventInvokeConfig"):
            config = reply["AsyncTriggerConfig"]
            # The first entry is for errors of the function, the second for those of the platform.
            return RetryConfig(int(config["RetryConfig"][0]["RetryNum"]), int(config["MsgTTL"]))

    def set_retry_config(self, retry_config: RetryConfig) -> None:
        config = {
            "MsgTTL": retry_config.max_event_age_seconds,
            "RetryConfig": [{"RetryNum": retry_config.retries}],
        }
        self._api("UpdateFunctionEventInvokeConfig", **self._identity, AsyncTriggerConfig=config)


def parse_invocation(result: Mapping[str, Any]) -> Invoked:
    """Parse a result; that of a failed invocation has a message, or a status in what it returns."""
    log = tuple(str(result.get("Log") or "").splitlines())
    try:
        returned = json.loads(result.get("RetMsg") or "null")
    except ValueError:
        returned = None
    error = result.get("ErrMsg") or None
    milliseconds = float(result.get("Duration") or 0)
    if isinstance(returned, dict) and "errorCode" in returned and "statusCode" in returned:
        error = returned.get("errorMessage") or error or f"status {returned['statusCode']}"
    if error is not None:
        return Invoked(None, str(error), log, milliseconds)
    return Invoked(returned, None, log, milliseconds)


def _parse_trigger(reported: Mapping[str, Any]) -> Trigger:
    """Parse a trigger in the form of ListTriggers, which differs from that of CreateTrigger.

    Enable is 1 or 0, not OPEN or CLOSE, and a timer's description is `{"cron": "..."}`.
    """
    kind, name = str(reported["Type"]), str(reported["TriggerName"])
    is_available = reported.get("AvailableStatus") in (None, "Available")
    is_enabled = reported["Enable"] in (1, "OPEN") and is_available
    trigger = Trigger(kind, name, is_enabled, str(reported.get("Qualifier") or ""))
    description = str(reported.get("TriggerDesc") or "{}")
    if kind == "timer":
        is_json = description.startswith("{")
        cron = json.loads(description).get("cron", "") if is_json else description
        return trigger._replace(cron=str(cron), message=str(reported.get("CustomArgument") or ""))
    if kind != "cos":
        return trigger
    fields = json.loads(description)
    filter_ = fields.get("filter") or {}
    host = str(fields.get("bucketUrl") or name)
    return trigger._replace(
        bucket=host.partition(".cos.")[0],
        event=str(fields["event"]),
        prefix=str(filter_.get("Prefix") or ""),
        suffix=str(filter_.get("Suffix") or ""),
    )
