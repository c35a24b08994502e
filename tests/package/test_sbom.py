"""The list of what the package contains of others, beside the zip."""

from __future__ import annotations

import json
from pathlib import Path

from liveness_package.pins import read_pins
from liveness_package.sbom import describe
from tests.conftest import ROOT

PINS = read_pins((ROOT / "requirements.txt").read_text())


def test_every_distribution_is_listed_with_its_hash_and_license(uncompiled: Path) -> None:
    document = json.loads((uncompiled / "function.cdx.json").read_text())

    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    listed = {(each["name"], each["version"]): each for each in document["components"]}
    assert set(listed) == {(pin.name, pin.version) for pin in PINS}
    for pin in PINS:
        component = listed[pin.name, pin.version]
        assert component["hashes"] == [{"alg": "SHA-256", "content": pin.sha256}]
        assert component["purl"] == f"pkg:pypi/{pin.name}@{pin.version}"
        (license,) = component["licenses"]
        name = license.get("expression") or license["license"]["name"]
        assert name and "METADATA" not in name


def test_a_distribution_that_does_not_ship_is_not_listed() -> None:
    (pin, *others) = PINS
    metadata = b"Metadata-Version: 2.1\nLicense: A\n"
    files = {f"{pin.name}-{pin.version}.dist-info/METADATA": metadata}

    document = json.loads(describe(files, dict.fromkeys([pin, *others])))

    assert [each["name"] for each in document["components"]] == [pin.name]


def test_the_text_of_a_license_is_not_taken_for_its_name() -> None:
    pin = PINS[0]
    metadata = (
        "License: " + "all of it " * 50 + "\nClassifier: License :: OSI Approved :: MIT License\n"
    )
    files = {f"{pin.name}-{pin.version}.dist-info/METADATA": metadata.encode()}

    document = json.loads(describe(files, {pin: None}))

    assert document["components"][0]["licenses"] == [{"license": {"name": "MIT License"}}]
