"""python -m liveness_package.check: check serverless.yml before it is deployed.

The vendor's command and the platform check none of this: they would deploy a function that cannot
work.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from liveness.errors import SettingsError
from liveness.invocation import MIN_TIMEOUT_SECONDS
from liveness.settings import Settings, read_settings

from .triggers import UploadFilter, find_overlaps

# Limits of the platform (583/11637).
MAX_ENVIRONMENT_BYTES = 4096
MAX_TIMEOUT_SECONDS = 900
MIN_INIT_TIMEOUT_SECONDS, MAX_INIT_TIMEOUT_SECONDS = 3, 300
MIN_MEMORY_MB, MEMORY_STEP_MB, MAX_MEMORY_MB = 64, 128, 3072

_MANIFEST = Path(__file__).resolve().parents[2] / "serverless.yml"
_VARIABLE = re.compile(r"\$\{env:([\w.-]+)\}")
_SCHEME = "LIVENESS_ENDPOINT_SCHEME"
_ALL_UPLOADS = "cos:ObjectCreated:*"
_PARTS = ("name", "region", "runtime", "handler", "memorySize", "timeout", "initTimeout")
_NUMBERS = ("memorySize", "timeout", "initTimeout")
_TRIGGER_PARTS = {"cos": ("bucket", "events", "filter"), "timer": ("name", "cronExpression")}
_CRON_FIELDS = 7


class ManifestError(Exception):
    """serverless.yml cannot be read or filled in; str() says why."""


def main() -> None:
    try:
        problems = find_problems(read_manifest(_MANIFEST.read_text(), os.environ)["inputs"])
    except ManifestError as error:
        problems = [str(error)]
    except (KeyError, TypeError, AttributeError) as error:
        problems = [f"a part of serverless.yml is missing or has the wrong type: {error}"]
    if problems:
        sys.exit("\n".join(["Nothing was deployed.", *problems]))


# ---- the manifest


def read_manifest(text: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """Replace every `${env:NAME}`, as the vendor's command does.

    Raises ManifestError if a variable is not set: the vendor's command would deploy the word
    `undefined` instead; or if the text is not YAML with the part `inputs`.
    """
    document = _parse(text)
    missing = {
        name for name in _VARIABLE.findall(yaml.safe_dump(document)) if not environ.get(name)
    }
    if missing:
        raise ManifestError(
            f"{' and '.join(sorted(missing))} must be filled in: copy .env.example to .env, in the "
            "folder of serverless.yml, and give every value there"
        )
    filled_in: dict[str, Any] = _fill_in(document, environ)
    return filled_in


def _parse(text: str) -> dict[str, Any]:
    try:
        document = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ManifestError(f"serverless.yml is not YAML{place}: {error.problem}") from None
    except yaml.YAMLError as error:
        raise ManifestError(f"serverless.yml is not YAML: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("inputs"), dict):
        raise ManifestError("serverless.yml has no part `inputs` with names and values below it")
    return document


def _fill_in(value: Any, environ: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _fill_in(item, environ) for name, item in value.items()}
    if isinstance(value, list):
        return [_fill_in(item, environ) for item in value]
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: environ[match[1]], value)
    return value


# ---- the rules


def find_problems(inputs: Mapping[str, Any]) -> list[str]:
    """Return every reason why these inputs must not be deployed, as one sentence each."""
    if malformed := list(_malformed_parts(inputs)):
        return malformed
    variables = {name: str(value) for name, value in inputs["environment"]["variables"].items()}
    if variables.get(_SCHEME, "").strip() == "http":
        return [
            f"{_SCHEME} is http: links and signatures would travel unencrypted; remove it, it is "
            "for the sandbox only"
        ]
    try:
        settings = read_settings(variables | {"TENCENTCLOUD_REGION": inputs["region"]})
    except SettingsError as error:
        return list(error.problems)
    triggers = [
        (kind, trigger["parameters"])
        for event in inputs["events"]
        for kind, trigger in event.items()
    ]
    return [
        *_function_problems(inputs, variables),
        *(
            f"a {kind} trigger is not enabled: add `enable: true`"
            for kind, trigger in triggers
            if trigger.get("enable") is not True
        ),
        *_upload_problems([trigger for kind, trigger in triggers if kind == "cos"], settings),
        *_timer_problems([trigger for kind, trigger in triggers if kind == "timer"]),
    ]


def _malformed_parts(inputs: Mapping[str, Any]) -> Iterator[str]:
    """Find what the rules below could not read."""
    for name in _PARTS:
        if inputs.get(name) in (None, ""):
            yield f"inputs.{name} is missing"
        elif name in _NUMBERS and type(inputs[name]) is not int:
            yield f"inputs.{name} is {inputs[name]!r}: give a whole number"
    environment = inputs.get("environment")
    if not isinstance(environment, dict) or not isinstance(environment.get("variables"), dict):
        yield "inputs.environment.variables is missing: it has LIVENESS_BUCKET and other settings"
    events = inputs.get("events")
    if not isinstance(events, list):
        yield "inputs.events is missing: it is the list of the triggers"
        return
    for number, event in enumerate(events):
        yield from _malformed_trigger(f"inputs.events[{number}]", event)


def _malformed_trigger(place: str, event: Any) -> Iterator[str]:
    if not isinstance(event, dict) or not event:
        yield f"{place} is {event!r}: give cos or timer, with `parameters` below it"
        return
    for kind, trigger in event.items():
        parameters = trigger.get("parameters") if isinstance(trigger, dict) else None
        if not isinstance(parameters, dict):
            yield f"{place}.{kind}.parameters is missing"
            continue
        for name in _TRIGGER_PARTS.get(kind, ()):
            if parameters.get(name) in (None, ""):
                yield f"{place}.{kind}.parameters.{name} is missing"
        filters = parameters.get("filter")
        is_filter = isinstance(filters, dict) and {"prefix", "suffix"} <= filters.keys()
        if kind == "cos" and filters and not is_filter:
            yield f"{place}.cos.parameters.filter needs a prefix and a suffix, which may be ''"


def _function_problems(inputs: Mapping[str, Any], variables: Mapping[str, str]) -> Iterator[str]:
    if not inputs.get("role"):
        yield "role is missing: without one the function gets no credentials"
    if not MIN_TIMEOUT_SECONDS <= inputs["timeout"] <= MAX_TIMEOUT_SECONDS:
        yield (
            f"timeout is {inputs['timeout']} s: give {MIN_TIMEOUT_SECONDS:g} to "
            f"{MAX_TIMEOUT_SECONDS}; less would cut off paid calls"
        )
    if not MIN_INIT_TIMEOUT_SECONDS <= inputs["initTimeout"] <= MAX_INIT_TIMEOUT_SECONDS:
        yield (
            f"initTimeout is {inputs['initTimeout']} s: give {MIN_INIT_TIMEOUT_SECONDS} to "
            f"{MAX_INIT_TIMEOUT_SECONDS}"
        )
    if not _is_memory_size(inputs["memorySize"]):
        yield (
            f"memorySize is {inputs['memorySize']} MB: give {MIN_MEMORY_MB}, or a multiple of "
            f"{MEMORY_STEP_MB} up to {MAX_MEMORY_MB}"
        )
    size = sum(len(f"{name}{value}".encode()) for name, value in variables.items())
    if size > MAX_ENVIRONMENT_BYTES:
        yield f"the environment has {size} bytes: at most {MAX_ENVIRONMENT_BYTES} are allowed"


def _is_memory_size(memory_mb: int) -> bool:
    return memory_mb == MIN_MEMORY_MB or (
        0 < memory_mb <= MAX_MEMORY_MB and memory_mb % MEMORY_STEP_MB == 0
    )


def _upload_problems(triggers: list[Mapping[str, Any]], settings: Settings) -> Iterator[str]:
    host = f"{settings.bucket}.cos.{settings.region}.myqcloud.com"
    for trigger in triggers:
        prefix = trigger["filter"]["prefix"]
        if trigger["bucket"] != host:
            yield f"a COS trigger is for {trigger['bucket']}, but LIVENESS_BUCKET is at {host}"
        if prefix != settings.input_prefix:
            yield (
                f"a COS trigger is for the prefix {prefix!r}, but LIVENESS_INPUT_PREFIX is "
                f"{settings.input_prefix!r}; make them the same"
            )
        if trigger["events"] != _ALL_UPLOADS:
            yield (
                f"a COS trigger is for {trigger['events']}: give {_ALL_UPLOADS}, or some kinds of "
                "upload do not trigger the function"
            )
    filters = [
        UploadFilter(trigger["events"], trigger["filter"]["prefix"], trigger["filter"]["suffix"])
        for trigger in triggers
    ]
    for one, other in find_overlaps(filters):
        yield f"COS triggers overlap, {one.suffix!r} and {other.suffix!r}: COS refuses them"
    suffixes = tuple(each.suffix for each in filters)
    for suffix in (*settings.live_suffixes, *settings.image_suffixes):
        if not suffix.endswith(suffixes):
            yield f"no COS trigger is for inputs that end in {suffix!r}"


def _timer_problems(triggers: list[Mapping[str, Any]]) -> Iterator[str]:
    for trigger in triggers:
        expression = str(trigger["cronExpression"])
        if len(expression.split()) != _CRON_FIELDS:
            yield (
                f"the timer {trigger['name']} has the cronExpression {expression!r}: give "
                f"{_CRON_FIELDS} fields, seconds first and years last"
            )
    arguments = [trigger.get("argument") for trigger in triggers]
    if sorted(map(str, arguments)) != ["drain", "reconcile"]:
        yield (
            f"the timers' arguments are {arguments}: give one timer with `drain`, which processes "
            "the backlog, and one with `reconcile`, which finds pairs that no event finished"
        )


if __name__ == "__main__":
    main()
