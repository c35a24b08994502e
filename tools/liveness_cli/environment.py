"""The bucket that the environment names, accessed as the function accesses it."""

from __future__ import annotations

import os
import shlex
import uuid
from collections.abc import Mapping
from typing import NamedTuple

from liveness.cloud.clients import Clients, CloudClients
from liveness.cloud.credentials import Credentials
from liveness.cloud.system import SystemClock, SystemRandom, ThreadConcurrency
from liveness.context import Context
from liveness.errors import SettingsError
from liveness.logs import silence_vendors
from liveness.pacing import Unpaced
from liveness.records import InvocationInfo
from liveness.settings import Settings, read_settings
from liveness.store import (
    CreateResult,
    Digests,
    ObjectHead,
    ObjectStore,
    Page,
    RetryingStore,
    StoredObject,
)

from .checkout import ROOT
from .errors import InvalidUsage
from .terminal import echo

# Number of concurrent requests; the function has as many connections.
CONCURRENT_REQUESTS = 16
_FUNCTION_NAME = "liveness"
_FUNCTION_VERSION = "operator"
# The platform does not end this process, unlike an invocation.
_TIME_LIMIT_SECONDS = 24 * 3600.0
# The names of the credentials on the platform, and the names that the vendor's tools use.
_PLATFORM_NAMES = (
    "TENCENTCLOUD_SECRETID",
    "TENCENTCLOUD_SECRETKEY",
    "TENCENTCLOUD_SESSIONTOKEN",
)
_TOOL_NAMES = ("TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY", "TENCENTCLOUD_TOKEN")


class ReadOnlyStore:
    """An ObjectStore that refuses every write."""

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
        raise AssertionError(f"PUT {key!r} in a read-only command")

    def create(self, bucket: str, key: str, body: bytes) -> CreateResult:
        raise AssertionError(f"PUT {key!r} in a read-only command")

    def delete(self, bucket: str, key: str) -> None:
        raise AssertionError(f"DELETE {key!r} in a read-only command")

    def digest(self, bucket: str, key: str, etag: str) -> Digests:
        raise AssertionError(f"streaming {key!r} in a read-only command")

    def presign(self, bucket: str, key: str, seconds: int) -> str:
        raise AssertionError(f"signing {key!r} in a read-only command")

    def upload_to_url(self, bucket: str, key: str, etag: str, url: str) -> Digests:
        raise AssertionError(f"uploading {key!r} in a read-only command")


class DryRunStore(ReadOnlyStore):
    """An ObjectStore that accepts PUTs and discards them."""

    def put(
        self, bucket: str, key: str, body: bytes, content_type: str, metadata: Mapping[str, str]
    ) -> None:
        """Discard the object."""


class Target(NamedTuple):
    """The installation that a command works on, and the means to access it."""

    environ: Mapping[str, str]
    settings: Settings
    clients: Clients
    clock: SystemClock
    concurrency: ThreadConcurrency

    @property
    def store(self) -> RetryingStore:
        return self._with_retries(self.clients.store)

    @property
    def read_only_store(self) -> RetryingStore:
        return self._with_retries(ReadOnlyStore(self.clients.store))

    def context(self, *, dry_run: bool) -> Context:
        """Make the context of an invocation; with `dry_run` its writes are discarded."""
        store = self.clients.store
        return Context(
            settings=self.settings,
            store=self._with_retries(DryRunStore(store) if dry_run else store),
            face=self.clients.face,
            frames=self.clients.frames,
            clock=self.clock,
            rng=SystemRandom(),
            concurrency=self.concurrency,
            pacer=Unpaced(self.clock, defers_to_drain=False),
            info=InvocationInfo(_FUNCTION_NAME, _FUNCTION_VERSION, str(uuid.uuid4())),
            deadline=self.clock.monotonic() + _TIME_LIMIT_SECONDS,
            trusted_buckets=set(),
        )

    def _with_retries(self, store: ObjectStore) -> RetryingStore:
        return RetryingStore(store, self.clock, SystemRandom())


def load_target(environ: Mapping[str, str] = os.environ, *, announce: bool = True) -> Target:
    """Read the target from the environment, without making a request.

    With `announce`, prints to standard error which bucket it is, and whether the sandbox has it.

    Raises InvalidUsage that reports every missing or invalid variable at once.
    """
    problems = spelling_conflicts(environ)
    environ = with_platform_names(environ)
    secret_id, secret_key, token = (environ.get(name, "").strip() for name in _PLATFORM_NAMES)
    if not problems and not (secret_id and secret_key):
        problems.append(
            f"{_PLATFORM_NAMES[0]} and {_PLATFORM_NAMES[1]} (or {_TOOL_NAMES[0]} and "
            f"{_TOOL_NAMES[1]}) are missing: give a key that may read the bucket"
        )
    try:
        settings = read_settings(environ)
    except SettingsError as error:
        problems = [*error.problems, *problems]
    if problems:
        problems += _unread_file(environ)
        raise InvalidUsage("the environment is incomplete or invalid:\n  " + "\n  ".join(problems))
    if announce:
        echo(place_of(settings, environ), err=True)
    silence_vendors()
    clock, concurrency = SystemClock(), ThreadConcurrency(CONCURRENT_REQUESTS)
    credentials = Credentials(secret_id, secret_key, token or None)
    clients = CloudClients(clock, concurrency).connect(settings, credentials)
    return Target(environ, settings, clients, clock, concurrency)


def _unread_file(environ: Mapping[str, str]) -> list[str]:
    """Say how to make .env, which only a deployment reads, available to every command."""
    file = ROOT / ".env"
    if environ.get("LIVENESS_BUCKET") or not file.is_file():
        return []
    return [f"for the values of .env: set -a; . {shlex.quote(str(file))}; set +a"]


def place_of(settings: Settings, environ: Mapping[str, str]) -> str:
    """Say what a command works on: `http` is accepted for the sandbox only."""
    place = f"in {settings.region}"
    if settings.endpoint_scheme == "http":
        address = environ.get("http_proxy", "").rpartition("//")[2].rstrip("/")
        place = f"in the sandbox on {address}"
    return f"Bucket {settings.bucket} {place}"


def spelling_conflicts(environ: Mapping[str, str]) -> list[str]:
    """Return, as sentences without values, which variables both spellings set, but differently.

    Nothing shows which of two keys is meant; the other one may belong to another account.
    """
    return [
        f"{name} and {tool_name} are two spellings of one variable, and their values differ: unset "
        "the one that is not meant, and what belongs to the same key"
        for name, tool_name in zip(_PLATFORM_NAMES, _TOOL_NAMES, strict=True)
        if (text := environ.get(name, "").strip())
        and (tool_text := environ.get(tool_name, "").strip())
        and text != tool_text
    ]


def with_platform_names(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with the credentials under the platform's names.

    Key and token always come from the same set of names, because a token fits only its own key. If
    both sets have a key, it must be the same one (`spelling_conflicts`), and so is its token.
    """
    renamed = dict(environ)
    if not all(renamed.get(name) for name in _PLATFORM_NAMES[:2]):
        for name, tool_name in zip(_PLATFORM_NAMES, _TOOL_NAMES, strict=True):
            renamed[name] = environ.get(tool_name, "")
    elif environ.get(_TOOL_NAMES[0]) == environ[_PLATFORM_NAMES[0]]:
        renamed[_PLATFORM_NAMES[2]] = environ.get(_PLATFORM_NAMES[2]) or environ.get(
            _TOOL_NAMES[2], ""
        )
    return renamed
