"""Read everything that doctor's checks need, without changing anything."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, TypeVar

import requests

from liveness.errors import LivenessError
from liveness.keys import control_key

from ..errors import reason_of_error
from .buckets import NO_BUCKET
from .checks import check
from .errors import AccountError, RequestRefused
from .facts import Called, Facts, Unavailable
from .findings import FAILED, SKIPPED
from .function import LATEST, TRAFFIC, Alias, Configuration, Trigger
from .installation import Installation, load_installation
from .lifecycle import Rule
from .role import Role, read_role

SCHEMA = "liveness-doctor/2"
T = TypeVar("T")
_TIMEOUT = (3.0, 10.0)
_LINK_SECONDS = 60


def examine(function_name: str) -> dict[str, Any]:
    """Make the value that is printed. Raises InvalidUsage."""
    return examine_installation(load_installation(function_name))


def examine_installation(installation: Installation) -> dict[str, Any]:
    """Run every check, and make the value that is printed."""
    findings = check(_facts(installation))
    return {
        "schema": SCHEMA,
        "function": installation.function_name,
        "region": installation.settings.region,
        "bucket": installation.settings.bucket,
        "failed": sum(finding.state == FAILED for finding in findings),
        "skipped": sum(finding.state == SKIPPED for finding in findings),
        "checks": [finding.to_json() for finding in findings],
    }


def _facts(installation: Installation) -> Facts:
    settings, function = installation.settings, installation.function
    buckets = dict.fromkeys((settings.bucket, settings.result_bucket, settings.ledger_bucket))
    alias = _read(function.find_alias)
    triggers = _read_if_deployed(alias, function.triggers)
    called = _called(alias, triggers)
    deployed = _deployed(installation, called)
    with requests.Session() as session:
        strangers = {bucket: _as_stranger(installation, bucket, session) for bucket in buckets}
        return Facts(
            settings=settings,
            function_name=installation.function_name,
            called=called,
            deployed=deployed,
            triggers=triggers,
            reserved_mb=_read_if_deployed(deployed, function.get_reserved_mb),
            retry_config=_read_if_deployed(deployed, function.get_retry_config),
            role=_role(installation, deployed),
            buckets={bucket: _bucket_exists(installation, bucket) for bucket in buckets},
            versioning={bucket: _versioning(installation, bucket) for bucket in buckets},
            lifecycles={bucket: _lifecycle(installation, bucket) for bucket in buckets},
            clock_ahead_seconds=_clock_ahead(strangers[settings.bucket]),
            are_public={bucket: _is_public(reply) for bucket, reply in strangers.items()},
            link_status=_link_status(installation, session),
        )


def _versioning(installation: Installation, bucket: str) -> str | Unavailable | None:
    return _read(lambda: installation.buckets.versioning(bucket))


def _deployed(
    installation: Installation, called: Called | Unavailable | None
) -> Configuration | Unavailable | None:
    if not isinstance(called, Called):
        return called
    return _read(lambda: installation.function.configuration(called.version))


def _called(
    alias: Alias | Unavailable | None, triggers: Sequence[Trigger] | Unavailable
) -> Called | Unavailable | None:
    """Determine which version the checks are about. Pure."""
    if not isinstance(alias, Alias):
        return alias
    listed = [] if isinstance(triggers, Unavailable) else triggers
    # The trigger checks report triggers that call a version by its number.
    qualifiers = {each.qualifier for each in listed if each.is_enabled} & {LATEST, TRAFFIC}
    if qualifiers == {LATEST}:
        return Called([LATEST], LATEST, [])
    others = set(alias.others) | (qualifiers & {LATEST})
    return Called(sorted(qualifiers), alias.version, sorted(others - {alias.version}))


def _read(read_fact: Callable[[], T]) -> T | Unavailable:
    try:
        return read_fact()
    except AccountError as error:
        return Unavailable(str(error))


def _read_if_deployed(deployed: object, read_fact: Callable[[], T]) -> T | Unavailable:
    return Unavailable("the function does not exist") if deployed is None else _read(read_fact)


def _role(
    installation: Installation, deployed: Configuration | Unavailable | None
) -> Role | Unavailable | None:
    if isinstance(deployed, Unavailable):
        return deployed
    if deployed is None or not deployed.role:
        return None
    name = deployed.role
    return _read(lambda: read_role(installation.cam, name))


def _bucket_exists(installation: Installation, bucket: str) -> bool | Unavailable:
    try:
        installation.buckets.require(bucket)
    except RequestRefused as error:
        return False if error.code == NO_BUCKET else Unavailable(str(error))
    except AccountError as error:
        return Unavailable(str(error))
    return True


def _lifecycle(installation: Installation, bucket: str) -> Sequence[Rule] | Unavailable:
    return _read(lambda: installation.buckets.lifecycle(bucket))


class _Reply(NamedTuple):
    """What COS answers to a request without a signature."""

    status: int
    is_of_cos: bool
    date: str
    at: float
    """The time of the reply by this machine's clock: seconds since 1970."""


def _as_stranger(
    installation: Installation, bucket: str, session: requests.Session
) -> _Reply | Unavailable:
    """HEAD a bucket without a signature, so that a wrong clock cannot cause a refusal."""
    settings = installation.settings
    url = f"{settings.endpoint_scheme}://{bucket}.cos.{settings.region}.myqcloud.com/"
    sent_at = time.time()
    try:
        reply = session.head(url, timeout=_TIMEOUT, allow_redirects=False)
    except (requests.RequestException, ValueError) as error:
        return Unavailable(f"COS cannot be asked without a key ({type(error).__name__})")
    date, is_of_cos = reply.headers.get("Date", ""), "x-cos-request-id" in reply.headers
    return _Reply(reply.status_code, is_of_cos, date, (sent_at + time.time()) / 2)


def _is_public(reply: _Reply | Unavailable) -> bool | Unavailable:
    """Whether everybody may list the bucket, by its ACL or its policy."""
    if isinstance(reply, Unavailable):
        return reply
    if not reply.is_of_cos or (reply.status >= 300 and reply.status not in (403, 404)):
        return Unavailable(f"a request without a key was answered with {reply.status}")
    return reply.status < 300


def _clock_ahead(reply: _Reply | Unavailable) -> float | Unavailable:
    """Compare the clocks by the Date of a reply."""
    if isinstance(reply, Unavailable):
        return reply
    try:
        return reply.at - parsedate_to_datetime(reply.date).timestamp()
    except (ValueError, TypeError):
        return Unavailable("COS did not report its time")


def _link_status(installation: Installation, session: requests.Session) -> int | Unavailable:
    """Try a pre-signed URL of a key that no object has, so that nobody's package is read."""
    settings, store = installation.settings, installation.store
    key = control_key(settings)
    try:
        store.get(settings.bucket, key, max_bytes=0)  # raises if our own key may not
        url = store.presign(settings.bucket, key, _LINK_SECONDS)
    except LivenessError as error:
        return Unavailable(f"{type(error).__name__}: {reason_of_error(error)}")
    try:
        with session.get(url, timeout=_TIMEOUT, allow_redirects=False, stream=True) as reply:
            return reply.status_code
    except (requests.RequestException, ValueError) as error:
        # Only the error's type: its text quotes the URL, and with it a signature.
        return Unavailable(f"a pre-signed URL could not be tried ({type(error).__name__})")
