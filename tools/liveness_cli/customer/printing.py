"""Print what was uploaded, and the verdict."""

from __future__ import annotations

from typing import Any

from ..console import echo
from ..text import printable


def print_uploaded(value: dict[str, Any]) -> None:
    for item in value["uploaded"]:
        verb = "already there" if item["existed"] else "uploaded"
        echo(printable(f"{verb:<14}{item['bytes']:>11,} bytes  {item['key']}"))
    if result := value["result"]:
        print_verdict(result)


def print_verdict(result: dict[str, Any]) -> None:
    compared = f"threshold {result['threshold']:g}"
    if result["similarity"] is not None:
        compared = f"similarity {result['similarity']:g}, {compared}"
    reason = result["reason"]
    echo(printable(f"{'verdict':<14}{result['status']}: {reason['code']} ({compared})"))
    for language in ("en", "zh"):
        echo(printable(f"{'':<14}{reason['hint'][language]}"))
