"""serverless.yml, filled in for a bucket, as the vendor's command reads it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from liveness_deploy.manifest import read_manifest
from tests.conftest import BUCKET, ROOT

REGION = "ap-singapore"
TEXT = (ROOT / "serverless.yml").read_text()
FILLED_IN = {"LIVENESS_BUCKET": BUCKET, "TENCENTCLOUD_REGION": REGION}
# A `#` right before a name, or before one that is indented, switches off something optional.
_SWITCHED_OFF = re.compile(r"^( *)#(?=\w|  +\w)", re.MULTILINE)


@pytest.fixture
def inputs() -> dict[str, Any]:
    found: dict[str, Any] = read_manifest(TEXT, FILLED_IN)["inputs"]
    return found


@pytest.fixture
def all_inputs() -> dict[str, Any]:
    """With everything optional switched on."""
    text, _ = _SWITCHED_OFF.subn(r"\1", TEXT)
    found: dict[str, Any] = read_manifest(text, FILLED_IN)["inputs"]
    return found
