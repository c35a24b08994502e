"""The deployment that serverless.yml and .env describe, as values. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from liveness.errors import SettingsError
from liveness.settings import Settings, read_settings
from liveness_package.check import ManifestError, find_problems, read_manifest

from ..account.function import NAMESPACE, TRAFFIC, Trigger

_KNOWN = {
    "name", "namespace", "region", "runtime", "handler", "src", "role", "memorySize", "timeout",
    "initTimeout", "environment", "tags", "cls", "deadLetter", "vpcConfig", "events",
}  # fmt: skip
# The sandbox has no TLS. `find_problems` refuses the variable in the file itself.
_SCHEME = "LIVENESS_ENDPOINT_SCHEME"
_SECRETS = ("SECRET", "TOKEN", "PASSWORD")


class FunctionSettings(NamedTuple):
    """Everything about a version of the function except its code, in the units of SCF."""

    runtime: str
    handler: str
    role: str
    memory_mb: int
    timeout_seconds: int
    init_timeout_seconds: int
    environment: Mapping[str, str]
    logs: tuple[str, str] = ("", "")
    """CLS log set and topic."""
    dead_letters: tuple[str, str] = ("", "")
    """Type and name of the queue."""
    network: tuple[str, str] = ("", "")
    """VPC and subnet."""

    def rows(self) -> dict[str, str]:
        """Return every setting as text, by its name in serverless.yml."""
        rows = {
            "runtime": self.runtime,
            "handler": self.handler,
            "role": self.role,
            "memorySize": f"{self.memory_mb} MB",
            "timeout": f"{self.timeout_seconds} s",
            "initTimeout": f"{self.init_timeout_seconds} s",
        }
        for name, pair in (
            ("cls", self.logs),
            ("deadLetter", self.dead_letters),
            ("vpcConfig", self.network),
        ):
            rows[name] = " ".join(pair).strip()
        for name, text in sorted(self.environment.items()):
            is_secret = any(word in name.upper() for word in _SECRETS)
            rows[f"environment.{name}"] = "(not shown)" if is_secret else text
        return rows


class Manifest(NamedTuple):
    """The content of serverless.yml, with the values of .env filled in."""

    name: str
    region: str
    settings: Settings
    function: FunctionSettings
    triggers: tuple[Trigger, ...]
    """The timers, then the COS triggers: what wakes comes last."""
    tags: Mapping[str, str]

    @property
    def buckets(self) -> tuple[str, ...]:
        settings = self.settings
        return tuple(
            dict.fromkeys((settings.bucket, settings.result_bucket, settings.ledger_bucket))
        )


def parse_manifest(text: str, environ: Mapping[str, str]) -> Manifest:
    """Read serverless.yml. Raises ManifestError with every problem, one a line."""
    document = read_manifest(text, environ)
    try:
        inputs = document["inputs"]
        problems = [*_unknown_parts(inputs), *find_problems(inputs)]
        if problems:
            raise ManifestError("\n".join(problems))
        return _parse(inputs, environ)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ManifestError(
            f"a part of serverless.yml is missing or has the wrong type: {error}"
        ) from None
    except SettingsError as error:
        raise ManifestError("\n".join(error.problems)) from None


def _unknown_parts(inputs: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(set(inputs) - _KNOWN):
        yield f"inputs.{name} is not supported by `liveness deploy`: remove it"
    if inputs.get("namespace", NAMESPACE) != NAMESPACE:
        yield f"inputs.namespace is {inputs['namespace']!r}: give {NAMESPACE!r}"
    events = inputs.get("events")
    for event in events if isinstance(events, list) else ():
        for kind in set(event if isinstance(event, dict) else ()) - {"cos", "timer"}:
            yield f"a trigger is of the kind {kind!r}: give cos or timer"


def _parse(inputs: Mapping[str, Any], environ: Mapping[str, str]) -> Manifest:
    variables = {name: str(value) for name, value in inputs["environment"]["variables"].items()}
    region = str(inputs["region"])
    reading = {"TENCENTCLOUD_REGION": region}
    if environ.get(_SCHEME, "").strip() == "http":
        variables[_SCHEME] = "http"
        reading["http_proxy"] = environ.get("http_proxy", "")  # the sandbox's, or it is refused
    settings = read_settings({**variables, **reading})
    function = FunctionSettings(
        runtime=str(inputs["runtime"]),
        handler=str(inputs["handler"]),
        role=str(inputs["role"]),
        memory_mb=int(inputs["memorySize"]),
        timeout_seconds=int(inputs["timeout"]),
        init_timeout_seconds=int(inputs["initTimeout"]),
        environment=variables,
        logs=_pair(inputs.get("cls"), "logsetId", "topicId", _own_logs(inputs, settings)),
        dead_letters=_pair(inputs.get("deadLetter"), "type", "name"),
        network=_pair(inputs.get("vpcConfig"), "vpcId", "subnetId"),
    )
    triggers = [_trigger(kind, each) for event in inputs["events"] for kind, each in event.items()]
    return Manifest(
        name=str(inputs["name"]),
        region=region,
        settings=settings,
        function=function,
        triggers=tuple(sorted(triggers, key=lambda trigger: trigger.kind, reverse=True)),
        tags={str(key): str(text) for key, text in (inputs.get("tags") or {}).items()},
    )


def _pair(
    part: Mapping[str, Any] | None, first: str, second: str, default: str = ""
) -> tuple[str, str]:
    return (default, default) if not part else (str(part[first]), str(part[second]))


def _own_logs(inputs: Mapping[str, Any], settings: Settings) -> str:
    """Name our log set and topic: CLS allows any name that ends in the appid."""
    return f"{str(inputs['name']).lower()}-{settings.bucket.rpartition('-')[2]}"


def _trigger(kind: str, event: Mapping[str, Any]) -> Trigger:
    fields = event["parameters"]
    if kind == "timer":
        return Trigger(
            kind,
            str(fields["name"]),
            True,
            TRAFFIC,
            cron=str(fields["cronExpression"]),
            message=str(fields.get("argument") or ""),
        )
    host = str(fields["bucket"])
    return Trigger(
        kind,
        host,
        True,
        TRAFFIC,
        bucket=host.partition(".cos.")[0],
        event=str(fields["events"]),
        prefix=str(fields["filter"]["prefix"]),
        suffix=str(fields["filter"]["suffix"] or ""),
    )
