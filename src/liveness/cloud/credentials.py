"""Reads the execution role's temporary credentials from the platform's environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ..errors import ConfigurationError


class Credentials(NamedTuple):
    """A key pair and, for temporary ones, its session token."""

    secret_id: str
    secret_key: str
    token: str | None

    def __repr__(self) -> str:
        return "Credentials(***)"  # never by accident in a log or a traceback


def read_credentials(environ: Mapping[str, str]) -> Credentials:
    """Read the credentials, at every invocation: the platform may refresh them meanwhile."""
    secret_id = environ.get("TENCENTCLOUD_SECRETID", "").strip()
    secret_key = environ.get("TENCENTCLOUD_SECRETKEY", "").strip()
    if not secret_id or not secret_key:
        raise ConfigurationError(
            "no credentials in TENCENTCLOUD_SECRETID and TENCENTCLOUD_SECRETKEY: give the "
            "function an execution role"
        )
    return Credentials(secret_id, secret_key, environ.get("TENCENTCLOUD_SESSIONTOKEN") or None)
