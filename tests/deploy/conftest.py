"""serverless.yml, filled in for a bucket as the vendor's command fills it in."""

from __future__ import annotations

import re
from typing import Any

import pytest

from liveness_package.check import read_manifest
from tests.conftest import BUCKET, ROOT

REGION = "ap-singapore"
TEXT = (ROOT / "serverless.yml").read_text()
FILLED_IN = {"LIVENESS_BUCKET": BUCKET, "TENCENTCLOUD_REGION": REGION}
# A `#` right before a name, or before an indented one, comments out something optional.
_COMMENTED_OUT = re.compile(r"^( *)#(?=\w|  +\w)", re.MULTILINE)


@pytest.fixture
def inputs() -> dict[str, Any]:
    manifest: dict[str, Any] = read_manifest(TEXT, FILLED_IN)["inputs"]
    return manifest


@pytest.fixture
def all_inputs() -> dict[str, Any]:
    """The inputs with everything optional included."""
    text, _ = _COMMENTED_OUT.subn(r"\1", TEXT)
    manifest: dict[str, Any] = read_manifest(text, FILLED_IN)["inputs"]
    return manifest
