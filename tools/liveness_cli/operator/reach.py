"""The bucket that the environment names, reached as the function reaches it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

import click

from liveness.credentials import Credentials
from liveness.errors import SettingsError
from liveness.logs import silence_vendors
from liveness.pacing import AtOnce
from liveness.remotes import Remotes, Vendors
from liveness.result import Origin
from liveness.seams import SystemChance, SystemClock, Threads
from liveness.services import Services
from liveness.settings import Settings, read_settings
from liveness.store import Created, ObjectHead, ObjectStore, Page, PatientStore, StoredObject

# How many requests are under way at once; the function's connections are as many.
WIDTH = 16
_FUNCTION = "liveness"
# Nothing ends this process as the platform ends an invocation.
_LIMIT_SECONDS = 24 * 3600.0
# The platform's names of the credentials, and those of the vendor's own tools.
_PLATFORM = ("TENCENTCLOUD_SECRETID", "TENCENTCLOUD_SECRETKEY", "TENCENTCLOUD_SESSIONTOKEN")
_USUAL = ("TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY", "TENCENTCLOUD_TOKEN")


class NotReady(click.ClickException):
    """The environment or an argument names nothing that could be worked on."""

    exit_code = 2


class ReadOnly:
    """An ObjectStore by which nothing can be changed."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def head(self, bucket: str, key: str) -> ObjectHead | None:
        return self._store.head(bucket, key)

    def get(self, bucket: str, key: str, max_bytes: int) -> StoredObject | None:
        return self._store.get(bucket, key, max_bytes)

    def list(self, bucket: str, prefix: str, after: str) -> Page:
        return self._store.list(bucket, prefix, after)

    def put(
        self, bucket: str, key: str, body: bytes, content_type: str, metadata: Mapping[str, str]
    ) -> None:
        raise AssertionError(f"PUT {key!r} by a command that only reads")

    def create(self, bucket: str, key: str, body: bytes) -> Created:
        raise AssertionError(f"PUT {key!r} by a command that only reads")

    def delete(self, bucket: str, key: str) -> None:
        raise AssertionError(f"DELETE {key!r} by a command that only reads")

    def md5(self, bucket: str, key: str, etag: str) -> str:
        raise AssertionError(f"streaming {key!r} by a command that only looks")

    def presign(self, bucket: str, key: str, seconds: int) -> str:
        raise AssertionError(f"signing {key!r} by a command that only looks")

    def send(self, bucket: str, key: str, etag: str, url: str) -> str:
        raise AssertionError(f"uploading {key!r} by a command that only reads")


class DryRun(ReadOnly):
    """An ObjectStore whose PUTs go nowhere."""

    def put(
        self, bucket: str, key: str, body: bytes, content_type: str, metadata: Mapping[str, str]
    ) -> None:
        """Nothing."""


class Reach(NamedTuple):
    """What the commands work with."""

    environ: Mapping[str, str]
    settings: Settings
    remotes: Remotes
    clock: SystemClock
    concurrency: Threads

    @property
    def reading(self) -> PatientStore:
        """The bucket, by which nothing can be changed."""
        return self._patient(ReadOnly(self.remotes.store))

    def services(self, *, dry_run: bool) -> Services:
        """As an invocation has them; with `dry_run` nothing that it writes gets anywhere."""
        store = self.remotes.store
        return Services(
            settings=self.settings,
            store=self._patient(DryRun(store) if dry_run else store),
            face=self.remotes.face,
            frames=self.remotes.frames,
            clock=self.clock,
            chance=SystemChance(),
            concurrency=self.concurrency,
            pace=AtOnce(self.clock, yields=False),
            origin=Origin(_FUNCTION, "operator", str(uuid.uuid4())),
            ends_at=self.clock.monotonic() + _LIMIT_SECONDS,
            trusted_buckets=set(),
        )

    def _patient(self, store: ObjectStore) -> PatientStore:
        return PatientStore(store, self.clock, SystemChance())


def reach() -> Reach:
    """Raises NotReady with everything that is missing at once. No request is made."""
    environ = environment(os.environ)
    problems: list[str] = []
    secret_id, secret_key, token = (environ.get(name, "").strip() for name in _PLATFORM)
    if not secret_id or not secret_key:
        problems.append(
            f"{_PLATFORM[0]} and {_PLATFORM[1]} (or {_USUAL[0]} and {_USUAL[1]}) are missing: give "
            "a key that may read the bucket"
        )
    try:
        settings = read_settings(environ)
    except SettingsError as error:
        problems = [*error.problems, *problems]
    if problems:
        raise NotReady("the environment does not name a bucket:\n  " + "\n  ".join(problems))
    silence_vendors()
    clock, concurrency = SystemClock(), Threads(WIDTH)
    credentials = Credentials(secret_id, secret_key, token or None)
    remotes = Vendors(clock, concurrency).connect(settings, credentials)
    return Reach(environ, settings, remotes, clock, concurrency)


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment by the platform's names; a key pair and its token are taken together."""
    known = dict(environ)
    if not all(known.get(name) for name in _PLATFORM[:2]):
        for name, usual in zip(_PLATFORM, _USUAL, strict=True):
            known[name] = environ.get(usual, "")
    return known


def context() -> dict[str, Any]:
    """What the platform says of an invocation, for one in this process."""
    return {
        "request_id": str(uuid.uuid4()),
        "function_name": _FUNCTION,
        "function_version": "operator",
        "time_limit_in_ms": 60_000,
    }
