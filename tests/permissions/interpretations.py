"""Every interpretation of a `*` in the middle of a resource that CAM could have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from liveness_cli.permissions.language import Policy


def any_text(resource: str) -> str:
    return resource


def literal_character(resource: str) -> str:
    """Only a `*` at the end matches any text."""
    return resource[:-1].replace("*", "\0") + resource[-1]


def end_of_pattern(resource: str) -> str:
    """CAM ignores what follows the first `*`."""
    prefix, star, _ = resource.partition("*")
    return prefix + star


Interpretation = Callable[[str], str]


def interpreted(policy: Policy, interpretation: Interpretation) -> Policy:
    """Return the policy as CAM understands it under this interpretation."""

    def statement(original: Mapping[str, Any]) -> dict[str, Any]:
        resources = [interpretation(item) for item in original["resource"]]
        return {**original, "resource": resources}

    return {**policy, "statement": [statement(item) for item in policy["statement"]]}
