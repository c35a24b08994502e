"""Reads all that doctor concludes from, and changes nothing. What cannot be read is said so."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import requests

from liveness.cos import new_session
from liveness.errors import LivenessError
from liveness.keys import InputKey, read_input_key

from .access import Account, account
from .buckets import NO_BUCKET
from .checks import check
from .errors import AccountError, Refused
from .facts import Facts, Link, Unread
from .findings import NOT_CHECKABLE, WRONG
from .function import Deployed
from .lifecycle import Rule
from .role import Role, read_role

SCHEMA = "liveness-doctor/1"
T = TypeVar("T")
_TIMEOUT = (3.0, 10.0)
_LINK_SECONDS = 60
# Nobody has a pair of this name.
_NO_PAIR = "liveness-doctor-looks-for-nothing"


def examine(function: str) -> dict[str, Any]:
    """The value that is printed. Raises NotReady."""
    at = account(function)
    findings = check(_facts(at))
    return {
        "schema": SCHEMA,
        "function": function,
        "region": at.settings.region,
        "bucket": at.settings.bucket,
        "wrong": sum(finding.state == WRONG for finding in findings),
        "not_checkable": sum(finding.state == NOT_CHECKABLE for finding in findings),
        "checks": [finding._asdict() for finding in findings],
    }


def _facts(at: Account) -> Facts:
    settings = at.settings
    buckets = dict.fromkeys((settings.bucket, settings.result_bucket, settings.ledger_bucket))
    deployed = _read(at.function.deployed)
    with new_session() as session:
        return Facts(
            settings=settings,
            function_name=at.function_name,
            deployed=deployed,
            triggers=_of_function(deployed, at.function.triggers),
            reserved_mb=_of_function(deployed, at.function.reserved_mb),
            retrying=_of_function(deployed, at.function.retrying),
            role=_role(at, deployed),
            buckets={bucket: _is_there(at, bucket) for bucket in buckets},
            versioning=_read(lambda: at.buckets.versioning(settings.ledger_bucket)),
            lifecycles={bucket: _lifecycle(at, bucket) for bucket in buckets},
            clock_ahead_seconds=_clock_ahead(at, session),
            link=_link(at, session),
        )


def _read(read: Callable[[], T]) -> T | Unread:
    try:
        return read()
    except AccountError as error:
        return Unread(str(error))


def _of_function(deployed: Deployed | Unread | None, read: Callable[[], T]) -> T | Unread:
    return Unread("there is no function") if deployed is None else _read(read)


def _role(at: Account, deployed: Deployed | Unread | None) -> Role | Unread | None:
    if isinstance(deployed, Unread):
        return deployed
    if deployed is None or not deployed.role:
        return None
    name = deployed.role
    return _read(lambda: read_role(at.cam, name))


def _is_there(at: Account, bucket: str) -> bool | Unread:
    try:
        at.buckets.require(bucket)
    except Refused as error:
        return False if error.code == NO_BUCKET else Unread(str(error))
    except AccountError as error:
        return Unread(str(error))
    return True


def _lifecycle(at: Account, bucket: str) -> Sequence[Rule] | Unread:
    return _read(lambda: at.buckets.lifecycle(bucket))


def _clock_ahead(at: Account, session: requests.Session) -> float | Unread:
    """By the Date of a reply to a request that nobody signed: it is refused, whatever the clock."""
    settings = at.settings
    url = f"{settings.endpoint_scheme}://{settings.bucket}.cos.{settings.region}.myqcloud.com/"
    began = time.time()
    try:
        reply = session.head(url, timeout=_TIMEOUT, allow_redirects=False)
        told = parsedate_to_datetime(reply.headers["Date"]).timestamp()
    except (requests.RequestException, KeyError, ValueError, TypeError) as error:
        return Unread(f"COS gave no time ({type(error).__name__})")
    return (began + time.time()) / 2 - told


def _link(at: Account, session: requests.Session) -> Link | Unread:
    settings, store = at.settings, at.store
    try:
        page = store.list(settings.bucket, settings.input_prefix, "")
        keys = [each.key for each in page.items if _is_input(at, each.key)]
        key = keys[0] if keys else f"{settings.input_prefix}{_NO_PAIR}{settings.live_suffixes[0]}"
        there = store.head(settings.bucket, key) is not None
        url = store.presign(settings.bucket, key, _LINK_SECONDS)
    except LivenessError as error:
        return Unread(f"{type(error).__name__}: {error}")
    first_byte = {"Range": "bytes=0-0"}
    try:
        with session.get(
            url, headers=first_byte, timeout=_TIMEOUT, allow_redirects=False, stream=True
        ) as reply:
            return Link(reply.status_code, there)
    except (requests.RequestException, ValueError) as error:
        # Only the kind: its text quotes the URL, and with it a signature.
        return Unread(f"a pre-signed URL could not be tried ({type(error).__name__})")


def _is_input(at: Account, key: str) -> bool:
    return isinstance(read_input_key(at.settings, key), InputKey)
