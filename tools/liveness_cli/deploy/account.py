"""The account that a deployment works on, and how its state is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from liveness.cloud.credentials import Credentials
from liveness.logs import silence_vendors
from liveness.runtime import Clock

from ..account.api import Api
from ..account.buckets import NO_BUCKET, Buckets
from ..account.errors import RequestRefused, parsing_reply
from ..account.function import LATEST, NAMESPACE, DeployedFunction
from ..account.role import attached_policies, read_trust
from .alarms import alarm_prefix, notice_name
from .desired import policy_names
from .found import (
    Found,
    FoundBucket,
    FoundFunction,
    FoundLogs,
    FoundRole,
    OtherTrigger,
    Quota,
    same_trigger,
)
from .log_service import LogService
from .managed_function import ManagedFunction
from .manifest import Manifest
from .named_policies import NamedPolicies, NamedPolicy

_UPLOAD_SECONDS = 930  # an upload may be slow; an invocation takes at most 900 (583/11637)
_READERS = 8


class Account(NamedTuple):
    """The clients that read and change the parts of a deployment."""

    scf: Api
    cam: Api
    logs: LogService
    function: ManagedFunction
    policies: NamedPolicies
    buckets: Buckets
    clock: Clock


def connect(manifest: Manifest, credentials: Credentials, clock: Clock) -> Account:
    """Make the clients, without making a request."""
    silence_vendors()  # they log URLs
    settings = manifest.settings
    endpoint = (settings.region, settings.endpoint_scheme, credentials)
    scf, cam, cls = (Api(product, *endpoint) for product in ("scf", "cam", "cls"))
    return Account(
        scf,
        cam,
        LogService(cls),
        ManagedFunction(scf, manifest.name, Api("scf", *endpoint, _UPLOAD_SECONDS)),
        NamedPolicies(cam),
        Buckets(settings, credentials),
        clock,
    )


def read_found(account: Account, manifest: Manifest, *, with_alarms: bool) -> Found:
    """Read everything that the plan needs. Raises AccountError."""
    with ThreadPoolExecutor(_READERS) as pool:
        buckets = {name: pool.submit(_read_bucket, account, name) for name in manifest.buckets}
        role = pool.submit(_read_role, account, manifest)
        function = pool.submit(_read_function, account)
        logs = pool.submit(_read_logs, account, manifest, with_alarms)
        listed = account.policies.list(f"{manifest.name}-")
        policies = list(pool.map(account.policies.with_document, listed))
        found = Found(
            buckets={name: each.result() for name, each in buckets.items()},
            policies={policy.name: policy for policy in policies},
            role=role.result(),
            function=function.result(),
            logs=logs.result(),
            quota=None,
            other_triggers=(),
        )
    wanted = [trigger for trigger in manifest.triggers if trigger.kind == "cos"]
    present = () if found.function is None else found.function.triggers
    if all(any(same_trigger(each, trigger) for each in present) for trigger in wanted):
        return found
    reply = account.scf("GetAccount")
    with parsing_reply("GetAccount"):
        others = list(_other_functions(reply, manifest.name))
        quota = None if found.function is not None else _quota(reply)
    return found._replace(
        quota=quota, other_triggers=_other_triggers(account, others, manifest.buckets)
    )


def _read_bucket(account: Account, name: str) -> FoundBucket | None:
    try:
        account.buckets.require(name)
    except RequestRefused as error:
        if error.code == NO_BUCKET:
            return None
        raise
    return FoundBucket(
        account.buckets.versioning(name),
        account.buckets.is_public(name),
        account.buckets.lifecycle(name),
    )


def _read_role(account: Account, manifest: Manifest) -> FoundRole | None:
    name = manifest.function.role
    trust = read_trust(account.cam, name)
    if trust is None:
        return None
    attached = dict(attached_policies(account.cam, name))
    own = policy_names(manifest.name).values()
    foreign = [
        account.policies.with_document(NamedPolicy(number, policy, "", 1))
        for policy, number in attached.items()
        if policy not in own
    ]
    others = [policy for policy in foreign if policy.installation is not None]
    return FoundRole(trust, attached, others)


def _read_function(account: Account) -> FoundFunction | None:
    function = account.function
    latest = function.reported()
    if latest is None:
        return None
    alias = function.alias()
    serving = latest
    if alias.version != LATEST:
        serving = function.reported(alias.version) or latest
    return FoundFunction(
        latest,
        serving,
        alias,
        function.versions(),
        function.triggers(),
        function.get_retry_config(),
        function.get_reserved_mb(),
    )


def _read_logs(account: Account, manifest: Manifest, with_alarms: bool) -> FoundLogs:
    _, topic = manifest.function.logs
    has_topic = account.logs.has_topic(topic)
    return FoundLogs(
        has_topic,
        account.logs.index(topic) if has_topic else None,
        account.logs.notices(notice_name(manifest.name)) if with_alarms else {},
        account.logs.alarms(alarm_prefix(manifest.name)) if with_alarms else {},
    )


def _other_functions(reply: Mapping[str, Any], name: str) -> Iterator[tuple[str, str]]:
    """Yield namespace and name of every other function of the region."""
    for namespace in reply["AccountUsage"].get("Namespace") or []:
        for function in namespace.get("Functions") or []:
            if (namespace["Namespace"], function) != (NAMESPACE, name):
                yield str(namespace["Namespace"]), str(function)


def _other_triggers(
    account: Account, functions: Sequence[tuple[str, str]], buckets: Sequence[str]
) -> list[OtherTrigger]:
    def read(place: tuple[str, str]) -> list[OtherTrigger]:
        namespace, name = place
        return [
            OtherTrigger(name, trigger)
            for trigger in DeployedFunction(account.scf, name, namespace=namespace).triggers()
            if trigger.kind == "cos" and trigger.bucket in buckets
        ]

    with ThreadPoolExecutor(_READERS) as pool:
        return [trigger for triggers in pool.map(read, functions) for trigger in triggers]


def _quota(reply: Mapping[str, Any]) -> Quota:
    usage, limits = reply["AccountUsage"], reply["AccountLimit"]
    total, taken = usage.get("TotalConcurrencyMem"), usage.get("TotalAllocatedConcurrencyMem")
    free_mb = None if total is None else int(total) - int(taken or 0)
    used = {each["Namespace"]: each for each in usage.get("Namespace") or []}
    allowed = {each["Namespace"]: each for each in limits.get("Namespace") or []}
    limit = allowed.get(NAMESPACE) or {}
    functions = limit.get("FunctionsCount")
    taken_functions = int((used.get(NAMESPACE) or {}).get("FunctionsCount") or 0)
    cos_triggers = (limit.get("Trigger") or {}).get("Cos")
    return Quota(
        free_mb,
        None if functions is None else int(functions) - taken_functions,
        None if cos_triggers is None else int(cos_triggers),
    )
