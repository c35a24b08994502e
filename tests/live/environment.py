"""What the environment has to name before anything real is touched."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

BUCKET = "LIVENESS_LIVE_BUCKET"
REGION = "LIVENESS_LIVE_REGION"
SECRET_ID = "TENCENTCLOUD_SECRETID"
SECRET_KEY = "TENCENTCLOUD_SECRETKEY"
REQUIRED = (BUCKET, REGION, SECRET_ID, SECRET_KEY)

SESSION_TOKEN = "TENCENTCLOUD_SESSIONTOKEN"
"""Without it the credentials are permanent ones, and what is about temporary ones fails."""
SUSPENDED_BUCKET = "LIVENESS_LIVE_SUSPENDED_BUCKET"
EVENTS = "LIVENESS_LIVE_EVENTS"
PAID = "LIVENESS_LIVE_PAID"
SCHEME = "LIVENESS_ENDPOINT_SCHEME"
"""The function's own setting; `http` for a rehearsal on `liveness sandbox`."""


def given(name: str) -> str | None:
    return os.environ.get(name) or None


def demanded(name: str, what: str) -> str:
    """For one check only: without it this check has failed, for it was not made."""
    return given(name) or missing(f"{name} is not set: {what}")


def missing(sentence: str) -> NoReturn:
    pytest.fail(sentence, pytrace=False)
