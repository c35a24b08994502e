"""What the README lists is what there is."""

from __future__ import annotations

import re
from pathlib import Path

from liveness.logs import EVENTS
from liveness.settings import _NAMES, read_settings

README = (Path(__file__).parents[2] / "README.md").read_text()


def table(*first_cells: str) -> dict[str, list[str]]:
    """The README's table whose header begins so: first cell without ticks, then the others."""
    head = "| " + " | ".join(first_cells) + " |"
    lines = README[README.index(head) :].split("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {row[0].strip("` "): row[1:] for row in rows}


def test_every_log_event_is_listed() -> None:
    assert {name: row[0] for name, row in table("event", "meaning").items()} == EVENTS


def test_every_setting_is_listed_with_its_default() -> None:
    rows = table("variable", "default", "meaning")
    assert set(rows) == {f"LIVENESS_{name}" for name in _NAMES}
    region = {"TENCENTCLOUD_REGION": "ap-singapore"}
    own = {"LIVENESS_BUCKET": "faces-1250000000"}
    given = {
        name: row[0].strip("`").replace("LIVENESS_BUCKET", own["LIVENESS_BUCKET"])
        for name, row in rows.items()
        if row[0] != "none"
    }
    assert read_settings(region | own | given) == read_settings(region | own)


def test_the_files_it_names_are_there() -> None:
    root = Path(__file__).parents[2]
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (root / target).exists(), target
