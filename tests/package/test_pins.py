"""requirements.txt, constraints.txt and pyproject.toml agree."""

from __future__ import annotations

from importlib.metadata import requires

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from liveness_package.pins import read_pins
from tests.conftest import ROOT

# The COS SDK needs it for client-side encryption only, which is never imported.
EXCLUDED = {"pycryptodome"}


def required_distributions(name: str) -> set[str]:
    """Return what a distribution needs at run time on Python 3.10, including itself."""
    names, pending = set(), [name]
    while pending:
        names.add(current := pending.pop())
        for text in requires(current) or ():
            requirement = Requirement(text)
            marker = requirement.marker
            if marker is None or marker.evaluate({"python_version": "3.10", "extra": ""}):
                pending += {canonicalize_name(requirement.name)} - names
    return names


def test_exactly_what_the_function_needs_is_pinned() -> None:
    pins = {pin.name for pin in read_pins((ROOT / "requirements.txt").read_text())}

    assert pins == required_distributions("liveness-scf") - {"liveness-scf"} - EXCLUDED


def test_the_versions_that_ship_are_the_tested_ones() -> None:
    tested = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        name, equals, version = line.partition("==")
        if equals:
            tested[canonicalize_name(name)] = version

    for pin in read_pins((ROOT / "requirements.txt").read_text()):
        assert tested[canonicalize_name(pin.name)] == pin.version


def test_pins_are_sorted() -> None:
    pins = read_pins((ROOT / "requirements.txt").read_text())

    assert pins == sorted(pins)
