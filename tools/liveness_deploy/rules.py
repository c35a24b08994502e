"""What must hold between the parts of serverless.yml; the platform checks none of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from liveness.errors import SettingsError
from liveness.handler import LEAST_LIMIT_SECONDS
from liveness.settings import Settings, read_settings

# Limits of the platform (document 583/11637).
ENVIRONMENT_BYTES = 4096
MOST_SECONDS = 900


def problems(inputs: Mapping[str, Any]) -> list[str]:
    """Every reason why these inputs must not be deployed, as a sentence each."""
    variables = {name: str(value) for name, value in inputs["environment"]["variables"].items()}
    try:
        settings = read_settings(variables | {"TENCENTCLOUD_REGION": inputs["region"]})
    except SettingsError as error:
        return list(error.problems)
    triggers = [
        (kind, trigger["parameters"]) for e in inputs["events"] for kind, trigger in e.items()
    ]
    return [
        *_of_function(inputs, variables),
        *(
            f"a {kind} trigger is not enabled: it would be created closed; give `enable: true`"
            for kind, trigger in triggers
            if trigger.get("enable") is not True
        ),
        *_of_uploads([trigger for kind, trigger in triggers if kind == "cos"], settings),
        *_of_timers([trigger for kind, trigger in triggers if kind == "timer"]),
    ]


def _of_function(inputs: Mapping[str, Any], variables: Mapping[str, str]) -> Iterator[str]:
    if not inputs.get("role"):
        yield "role is missing: without one the function gets no credentials"
    if not LEAST_LIMIT_SECONDS <= inputs["timeout"] <= MOST_SECONDS:
        yield (
            f"timeout is {inputs['timeout']} s: give {LEAST_LIMIT_SECONDS:g} to {MOST_SECONDS}; "
            "less would cut paid calls off"
        )
    size = sum(len(f"{name}{value}".encode()) for name, value in variables.items())
    if size > ENVIRONMENT_BYTES:
        yield f"the environment has {size} bytes: at most {ENVIRONMENT_BYTES}"


def _of_uploads(triggers: list[Mapping[str, Any]], settings: Settings) -> Iterator[str]:
    host = f"{settings.bucket}.cos.{settings.region}.myqcloud.com"
    for trigger in triggers:
        prefix = trigger["filter"]["prefix"]
        if trigger["bucket"] != host:
            yield f"a COS trigger listens to {trigger['bucket']}: LIVENESS_BUCKET is at {host}"
        if prefix != settings.input_prefix:
            yield (
                f"a COS trigger listens to {prefix!r}: LIVENESS_INPUT_PREFIX is "
                f"{settings.input_prefix!r}; give the same"
            )
        if trigger["events"] != "cos:ObjectCreated:*":
            yield (
                f"a COS trigger listens to {trigger['events']}: give cos:ObjectCreated:*, else "
                "some kinds of upload wake nobody"
            )
    suffixes = [trigger["filter"]["suffix"] for trigger in triggers]
    for one, other in combinations(suffixes, 2):
        if one.endswith(other) or other.endswith(one):
            yield f"COS triggers overlap, {one!r} and {other!r}: COS refuses such rules"
    for suffix in (*settings.live_suffixes, *settings.image_suffixes):
        if not suffix.endswith(tuple(suffixes)):
            yield f"no COS trigger listens to inputs that end in {suffix!r}"


def _of_timers(triggers: list[Mapping[str, Any]]) -> Iterator[str]:
    arguments = [trigger.get("argument") for trigger in triggers]
    if sorted(map(str, arguments)) != ["drain", "reconcile"]:
        yield (
            f"the timers' arguments are {arguments}: give one timer with `drain`, which works the "
            "backlog off, and one with `reconcile`, which finds pairs that no event finished"
        )
