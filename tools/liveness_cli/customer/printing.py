"""Print temporary keys, what was uploaded, and the verdict."""

from __future__ import annotations

import shlex
from typing import Any

from ..terminal import echo
from ..text import format_time

# The names that the platform and the vendor's tools use.
_VARIABLES = (
    ("TENCENTCLOUD_SECRETID", "TmpSecretId"),
    ("TENCENTCLOUD_SECRETKEY", "TmpSecretKey"),
    ("TENCENTCLOUD_SESSIONTOKEN", "SecurityToken"),
    ("TENCENTCLOUD_SECRET_ID", "TmpSecretId"),
    ("TENCENTCLOUD_SECRET_KEY", "TmpSecretKey"),
    ("TENCENTCLOUD_TOKEN", "SecurityToken"),
)


def print_grant(grant: dict[str, Any]) -> None:
    """Print shell commands that set the keys."""
    keys = grant["credentials"]
    until = format_time(keys["ExpiredTime"])
    echo(f"# To put {grant['key']}, and nothing else, until {until}")
    for variable, name in _VARIABLES:
        echo(f"export {variable}={shlex.quote(keys[name])}")


def print_uploaded(value: dict[str, Any]) -> None:
    for item in value["uploaded"]:
        verb = "already there" if item["existed"] else "uploaded"
        echo(f"{verb:<14}{item['bytes']:>11,} bytes  {item['key']}")
    if result := value["result"]:
        print_verdict(result)


def print_verdict(result: dict[str, Any]) -> None:
    compared = ""
    if result["similarity"] is not None:
        compared = f" (similarity {result['similarity']:g}, threshold {result['threshold']:g})"
    reason = result["reason"]
    echo(f"{'verdict':<14}{result['status']}: {reason['code']}{compared}")
    for language in ("en", "zh"):
        echo(f"{'':<14}{reason['hint'][language]}")
