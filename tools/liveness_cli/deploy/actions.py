"""The changes of a plan. Each may be applied again after an interruption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from ..account.errors import AccountError
from ..account.function import RetryConfig, Trigger
from ..account.lifecycle import Rule
from ..permissions.language import Policy
from .account import Account
from .alarms import Alarm, parameters
from .check_version import check_version
from .manifest import FunctionSettings, Manifest
from .stamp import Stamp, describe


class Action(Protocol):
    """One change to the account."""

    def apply(self, account: Account) -> str | None:
        """Make the requests, and return a remark for the user, if any. Raises AccountError."""


class CreateBucket(NamedTuple):
    name: str

    def apply(self, account: Account) -> None:
        account.buckets.create(self.name)


class PutLifecycle(NamedTuple):
    """Replaces all lifecycle rules of a bucket; foreign rules are put back unchanged."""

    bucket: str
    rules: Sequence[Rule]

    def apply(self, account: Account) -> None:
        account.buckets.put_lifecycle(self.bucket, self.rules)


class CreateTopic(NamedTuple):
    logset: str
    topic: str
    name: str

    def apply(self, account: Account) -> None:
        account.logs.create_topic(self.logset, self.topic, self.name)


class PutIndex(NamedTuple):
    topic: str
    rule: Mapping[str, Any]

    def apply(self, account: Account) -> None:
        account.logs.put_index(self.topic, self.rule)


class PutNotice(NamedTuple):
    name: str
    receivers: Mapping[str, Any]

    def apply(self, account: Account) -> None:
        notice = account.logs.notices(self.name).get(self.name)
        if notice is None:
            account.logs.create_notice(self.name, self.receivers)
        else:
            account.logs.update_notice(str(notice["AlarmNoticeId"]), self.receivers)


class WantedAlarm(NamedTuple):
    alarm: Alarm
    name: str
    id: str | None = None
    """None if it does not exist yet."""


class PutAlarms(NamedTuple):
    """Creates or corrects alarms, and makes them notify the group of that name."""

    alarms: Sequence[WantedAlarm]
    logs: tuple[str, str]
    notice: str

    def apply(self, account: Account) -> None:
        notice = account.logs.notices(self.notice)[self.notice]
        for wanted in self.alarms:
            fields = parameters(wanted.alarm, wanted.name, self.logs, str(notice["AlarmNoticeId"]))
            if wanted.id is None:
                account.logs.create_alarm(fields)
            else:
                account.logs.update_alarm(wanted.id, fields)


class CreatePolicy(NamedTuple):
    name: str
    document: Policy

    def apply(self, account: Account) -> None:
        account.policies.create(self.name, self.document)


class UpdatePolicy(NamedTuple):
    name: str
    document: Policy

    def apply(self, account: Account) -> None:
        account.policies.update(self.name, self.document)


class CreateRole(NamedTuple):
    name: str
    trust: Policy

    def apply(self, account: Account) -> None:
        account.policies.create_role(self.name, self.trust)


class UpdateTrust(NamedTuple):
    name: str
    trust: Policy

    def apply(self, account: Account) -> None:
        account.policies.update_trust(self.name, self.trust)


class AttachPolicy(NamedTuple):
    role: str
    policy: str

    def apply(self, account: Account) -> None:
        account.policies.attach(self.role, self.policy)


class DetachPolicy(NamedTuple):
    role: str
    policy: str

    def apply(self, account: Account) -> None:
        account.policies.detach(self.role, self.policy)


class CreateFunction(NamedTuple):
    """Creates the function, after removing one that SCF failed to create."""

    manifest: Manifest
    archive: bytes
    replaces_failed: bool

    def apply(self, account: Account) -> None:
        if self.replaces_failed:
            account.function.delete()
        account.function.create(self.manifest, self.archive)
        account.function.await_active(account.clock)


class UpdateFunction(NamedTuple):
    """Replaces code and settings of $LATEST, which gets no traffic once a version has it."""

    settings: FunctionSettings
    archive: bytes
    has_other_settings: bool
    is_active: bool
    """False while an earlier, interrupted change is still in progress."""

    def apply(self, account: Account) -> None:
        function = account.function
        if not self.is_active:
            function.await_active(account.clock)
        function.update_code(self.settings.handler, self.archive)
        function.await_active(account.clock)
        if self.has_other_settings:
            function.update_settings(self.settings)
            function.await_active(account.clock)


class UpdateLatest(NamedTuple):
    """Undoes a change of $LATEST's settings, which nothing runs."""

    settings: FunctionSettings

    def apply(self, account: Account) -> None:
        account.function.update_settings(self.settings)
        account.function.await_active(account.clock)


class Release(NamedTuple):
    """Publishes $LATEST, checks the new version, and only then moves the traffic to it."""

    stamp: Stamp
    after: int | None
    """The version that has the traffic now; None if $LATEST has it, or nothing."""
    published: int | None
    """A version that was published earlier and never got the traffic."""
    outdated: Sequence[int] = ()
    """Versions to delete first, as a function has a limited number of them."""

    def apply(self, account: Account) -> str:
        function = account.function
        for version in self.outdated:
            function.delete_version(version)
        number = self.published
        if number is None:
            number = function.publish(describe(self.stamp, self.after))
        function.await_active(account.clock, str(number))
        try:
            checked = check_version(function, account.clock, str(number))
        except AccountError as error:
            kept = (
                "nothing gets traffic yet"
                if self.after is None
                else (f"version {self.after} still has all traffic")
            )
            raise AccountError(f"version {number} does not work, {kept}: {error}") from None
        function.move_traffic(str(number))
        return f"version {number} checked itself: {checked.describe()}"


class MoveTraffic(NamedTuple):
    version: str

    def apply(self, account: Account) -> None:
        account.function.move_traffic(self.version)


class SetRetries(NamedTuple):
    config: RetryConfig

    def apply(self, account: Account) -> None:
        account.function.set_retry_config(self.config)


class CreateTrigger(NamedTuple):
    trigger: Trigger

    def apply(self, account: Account) -> None:
        account.function.create_trigger(self.trigger)


class ReplaceTrigger(NamedTuple):
    """SCF cannot change a COS trigger, and COS refuses two that overlap."""

    before: Trigger
    after: Trigger

    def apply(self, account: Account) -> None:
        account.function.delete_trigger(self.before)
        account.function.create_trigger(self.after)


class EnableTrigger(NamedTuple):
    trigger: Trigger

    def apply(self, account: Account) -> None:
        account.function.enable_trigger(self.trigger, True)


class DeleteTrigger(NamedTuple):
    trigger: Trigger

    def apply(self, account: Account) -> None:
        account.function.delete_trigger(self.trigger)
