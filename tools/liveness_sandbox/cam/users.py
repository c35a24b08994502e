"""Sub-accounts, each with policies and one permanent key."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..account import APPID, UIN
from ..credentials import Caller, Credentials, KeyRing
from .permissions import Permissions
from .policies import Document

_FIRST_UIN = 100000000002


@dataclass(frozen=True)
class User:
    name: str
    uin: str
    credentials: Credentials
    permissions: Permissions


class Users:
    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys
        self._users: dict[str, User] = {}
        self._uins = itertools.count(_FIRST_UIN)

    def put(self, name: str, policies: Mapping[str, Document]) -> User:
        """Create a user with these policies by name, or replace the policies of that user.

        The user's key stays the same. Raise InvalidPolicy.
        """
        user = self._users.get(name)
        if user is not None:
            user.permissions.replace(policies.values())
            return user
        permissions = Permissions(policies.values())
        uin = str(next(self._uins))
        caller = Caller(f"qcs::cam::uin/{UIN}:uin/{uin}", uin, uin, "CAMUser")
        credentials = self._keys.issue(APPID, caller, (permissions,))
        self._users[name] = User(name, uin, credentials, permissions)
        return self._users[name]

    def find(self, name: str) -> User | None:
        return self._users.get(name)

    def __iter__(self) -> Iterator[User]:
        return iter(self._users.values())
