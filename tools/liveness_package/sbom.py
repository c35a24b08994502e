"""List a package's third-party contents: a CycloneDX 1.6 document, with hashes and licences."""

from __future__ import annotations

import json
from collections.abc import Mapping
from email.message import Message
from email.parser import Parser
from typing import Any

from .output import Files
from .pins import Pin

_LICENSE_CLASSIFIER = "License :: "
# The field `License` may hold the whole text.
_MAX_NAME_CHARS = 100


def describe(files: Files, pins: Mapping[Pin, Any]) -> bytes:
    """Describe every distribution of which the package contains a file.

    The same package gives the same bytes: the document has no time and no serial number.
    """
    components = []
    for pin in sorted(pins):
        metadata = _metadata_of(pin, files)
        if metadata is not None:
            components.append(_component(pin, metadata))
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "liveness"}},
        "components": components,
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def _component(pin: Pin, metadata: Message) -> dict[str, Any]:
    purl = f"pkg:pypi/{pin.name.lower().replace('_', '-')}@{pin.version}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": pin.name,
        "version": pin.version,
        "purl": purl,
        "hashes": [{"alg": "SHA-256", "content": pin.sha256}],
        "licenses": [_license(metadata)],
    }


def _license(metadata: Message) -> dict[str, Any]:
    """Return the licence as an SPDX expression, or else by the name that its author gives it."""
    if expression := metadata.get("License-Expression"):
        return {"expression": expression}
    name = metadata.get("License") or ""
    if not name or "\n" in name or len(name) > _MAX_NAME_CHARS:
        classifiers = metadata.get_all("Classifier") or []
        names = [text for text in classifiers if text.startswith(_LICENSE_CLASSIFIER)]
        name = names[0].rpartition(" :: ")[2] if names else "see its METADATA in the package"
    return {"license": {"name": name}}


def _metadata_of(pin: Pin, files: Files) -> Message | None:
    """Find a distribution's METADATA among the files, if it ships at all."""
    wanted = f"{pin.name}-{pin.version}.dist-info/METADATA".replace("-", "_").lower()
    for name, body in files.items():
        if name.replace("-", "_").lower() == wanted:
            return Parser().parsestr(body.decode("utf-8", "replace"))
    return None
