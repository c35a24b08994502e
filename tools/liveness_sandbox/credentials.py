"""Keys, permanent or temporary with a session token, and the ring that contains all of them."""

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
    """The owner of a secret id, who may access only buckets of the same appid."""

    credentials: Credentials
    appid: str
    expires: datetime | None = None


class KeyRing:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._principals: dict[str, Principal] = {}

    def issue(self, appid: str) -> Credentials:
        """Issue a permanent key pair: it has no token and does not expire."""
        return self._add(appid, token=None, expires=None)

    def issue_temporary(self, appid: str, lifetime_seconds: float) -> Credentials:
        """Issue a key pair as a role gets it: with a session token, and for a limited time."""
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
