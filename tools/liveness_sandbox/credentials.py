"""Keys: permanent ones, temporary ones with a session token, and the ring that knows them all."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from .clock import Clock


@dataclass(frozen=True)
class Credentials:
    secret_id: str
    secret_key: str
    token: str | None = None


@dataclass(frozen=True)
class Principal:
    """Who a secret id stands for. Only buckets of the same appid are open to it."""

    credentials: Credentials
    appid: str
    expires: datetime | None = None


class KeyRing:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._principals: dict[str, Principal] = {}

    def issue(self, appid: str) -> Credentials:
        """A permanent key pair: no token, no end."""
        return self._add(appid, token=None, expires=None)

    def issue_temporary(self, appid: str, lifetime_seconds: float) -> Credentials:
        """A key pair as a role gets it: worthless without its token, and for a limited time."""
        expires = self._clock.now() + timedelta(seconds=lifetime_seconds)
        return self._add(appid, token=secrets.token_urlsafe(96), expires=expires)

    def find(self, secret_id: str) -> Principal | None:
        return self._principals.get(secret_id)

    def has_expired(self, principal: Principal) -> bool:
        return principal.expires is not None and self._clock.now() >= principal.expires

    def _add(self, appid: str, token: str | None, expires: datetime | None) -> Credentials:
        credentials = Credentials("AKID" + secrets.token_hex(16), secrets.token_hex(16), token)
        self._principals[credentials.secret_id] = Principal(credentials, appid, expires)
        return credentials
