"""docs/design.md states every invariant that code, tests and documents refer to by number."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DESIGN = ROOT / "docs/design.md"
# I11 needs a backlog that only the benchmark builds.
CHECKERS = (ROOT / "tests/simulation/deterministic/invariants.py", ROOT / "bench/lasting.py")
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

    assert len(defined) >= 8 and defined == set(range(1, max(defined) + 1))


@pytest.mark.parametrize("path", CITING, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_invariant_that_is_cited_is_defined(path: Path) -> None:
    cited = {int(number) for number in CITATION.findall(path.read_text(encoding="utf-8"))}

    assert cited <= invariants(DESIGN.read_text(encoding="utf-8"))


def test_every_invariant_is_checked() -> None:
    checkers = "".join(path.read_text(encoding="utf-8") for path in CHECKERS if path.exists())
    checked = {int(number) for number in re.findall(r"def check_i(\d+)", checkers)}

    assert checked == invariants(DESIGN.read_text(encoding="utf-8"))
