"""The environment variables that live checks need before they touch the real services."""

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
"""Without it the credentials are permanent, and checks of temporary credentials fail."""
SUSPENDED_BUCKET = "LIVENESS_LIVE_SUSPENDED_BUCKET"
EVENTS = "LIVENESS_LIVE_EVENTS"
PAID = "LIVENESS_LIVE_PAID"
SCHEME = "LIVENESS_ENDPOINT_SCHEME"
"""The function's own setting; `http` for a rehearsal on `liveness sandbox`."""


def value(name: str) -> str | None:
    return os.environ.get(name) or None


def required(name: str, remedy: str) -> str:
    """Return the variable's value; without it the current check fails, since it cannot be made."""
    return value(name) or missing(f"{name} is not set: {remedy}")


def missing(message: str) -> NoReturn:
    """Fail the current check for want of something in the environment."""
    pytest.fail(message, pytrace=False)
