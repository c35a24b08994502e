"""docs/design.md states every invariant that code, tests and documents refer to by number."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DESIGN = ROOT / "docs/design.md"
CITATION = re.compile(r"\bI(\d{1,2})\b")
CITING = sorted(
    path
    for folder in ("src", "tools", "tests", "bench", "docs")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".py", ".md") and "node_modules" not in path.parts
)


def invariants(text: str) -> set[int]:
    """Return the numbers of the table that defines them."""
    return {int(number) for number in re.findall(r"^\| I(\d+) \|", text, re.MULTILINE)}


def test_the_invariants_are_numbered_without_gaps() -> None:
    defined = invariants(DESIGN.read_text(encoding="utf-8"))

    assert defined == set(range(1, len(defined) + 1)) and len(defined) >= 8


@pytest.mark.parametrize("path", CITING, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_invariant_that_is_cited_is_defined(path: Path) -> None:
    cited = {int(number) for number in CITATION.findall(path.read_text(encoding="utf-8"))}

    assert cited <= invariants(DESIGN.read_text(encoding="utf-8"))


def test_the_simulation_checks_every_invariant_that_it_can_see() -> None:
    checker = ROOT / "tests/simulation/deterministic/invariants.py"

    checked = {int(n) for n in re.findall(r"def check_i(\d+)", checker.read_text(encoding="utf-8"))}

    assert checked == invariants(DESIGN.read_text(encoding="utf-8"))
