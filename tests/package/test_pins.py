"""requirements.txt, constraints.txt and pyproject.toml say the same."""

from __future__ import annotations

from importlib.metadata import requires

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from liveness_package.pins import read_pins
from tests.conftest import ROOT

# Needed by the COS SDK for encryption at the client only, which is never imported.
LEFT_OUT = {"pycryptodome"}


def needed(name: str) -> set[str]:
    """All that a distribution needs at run time on Python 3.10, itself included."""
    found, left = set(), [name]
    while left:
        found.add(one := left.pop())
        for text in requires(one) or ():
            requirement = Requirement(text)
            marker = requirement.marker
            if marker is None or marker.evaluate({"python_version": "3.10", "extra": ""}):
                left += {canonicalize_name(requirement.name)} - found
    return found


def test_what_is_pinned_is_what_the_function_needs() -> None:
    pins = {pin.name for pin in read_pins((ROOT / "requirements.txt").read_text())}
    assert pins == needed("liveness-scf") - {"liveness-scf"} - LEFT_OUT


def test_what_ships_is_what_was_tested() -> None:
    tested = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        name, equals, version = line.partition("==")
        if equals:
            tested[canonicalize_name(name)] = version
    for pin in read_pins((ROOT / "requirements.txt").read_text()):
        assert tested[canonicalize_name(pin.name)] == pin.version


def test_what_the_function_needs_is_in_order() -> None:
    pins = read_pins((ROOT / "requirements.txt").read_text())
    assert pins == sorted(pins)
