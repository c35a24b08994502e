"""Keys, permanent or temporary with a session token, and the ring that contains all of them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from .account import UIN
from .cam.permissions import Permissions
from .cam.policy import AccessRequest
from .clock import Clock


@dataclass(frozen=True)
class Credentials:
    secret_id: str
    secret_key: str
    token: str | None = None


@dataclass(frozen=True)
class Caller:
    """Whom a key belongs to, in the words of GetCallerIdentity."""

    arn: str
    user_id: str
    uin: str
    """The account that holds the key, or that asked for it."""
    type: str


OWNER = Caller(f"qcs::cam::uin/{UIN}:uin/{UIN}", UIN, UIN, "RootAccount")


@dataclass(frozen=True)
class Principal:
    """The owner of a secret id, who may access only buckets of the same appid."""

    credentials: Credentials
    appid: str
    caller: Caller = OWNER
    limits: tuple[Permissions, ...] = ()
    """Each of them must allow a request. The account's owner has none, and may do everything."""
    expires: datetime | None = None

    def may(self, request: AccessRequest) -> bool:
        return all(limit.allow(request) for limit in self.limits)


class KeyRing:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._principals: dict[str, Principal] = {}

    def issue(
        self, appid: str, caller: Caller = OWNER, limits: tuple[Permissions, ...] = ()
    ) -> Credentials:
        """Issue a permanent key pair: it has no token and does not expire."""
        return self._add(Principal(_new_keys(), appid, caller, limits))

    def issue_temporary(
        self,
        appid: str,
        lifetime_seconds: float,
        caller: Caller = OWNER,
        limits: tuple[Permissions, ...] = (),
    ) -> Credentials:
        """Issue a key pair like a role's: with a session token, and for a limited time."""
        keys = _new_keys(token=secrets.token_urlsafe(96))
        expires = self._clock.now() + timedelta(seconds=lifetime_seconds)
        return self._add(Principal(keys, appid, caller, limits, expires))

    def issue_for_link(self, appid: str, lifetime_seconds: float) -> Credentials:
        """Issue a key pair for one pre-signed link, which expires by the sandbox's clock."""
        expires = self._clock.now() + timedelta(seconds=lifetime_seconds)
        return self._add(Principal(_new_keys(), appid, expires=expires))

    def find(self, secret_id: str) -> Principal | None:
        return self._principals.get(secret_id)

    def has_expired(self, principal: Principal) -> bool:
        return principal.expires is not None and self._clock.now() >= principal.expires

    def _add(self, principal: Principal) -> Credentials:
        self._principals[principal.credentials.secret_id] = principal
        return principal.credentials


def _new_keys(token: str | None = None) -> Credentials:
    return Credentials("AKID" + secrets.token_hex(16), secrets.token_hex(16), token)
