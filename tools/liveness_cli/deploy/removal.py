"""`liveness remove`: remove an installation without losing anybody's check.

It stops new work first, then finishes the pairs that wait, and only then removes anything. Each
step may be repeated, so an interrupted run is finished by running it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import click

from liveness.cloud.system import SystemClock
from liveness.errors import ConfigurationError, LivenessError
from liveness.keys import control_key, marker_prefix, read_marker_key
from liveness.settings import Settings
from liveness.store import RetryingStore

from ..account import lifecycle
from ..account.errors import AccountError
from ..console import ProgressCallback, progress
from ..environment import CONCURRENT_REQUESTS, load_target
from ..errors import reason_of_error
from ..interrupts import UNFINISHED, interruptible
from ..listing import list_objects
from ..operator.remote import reason_of
from ..terminal import echo
from ..text import format_duration, format_time, pluralize
from .account import Account, connect, read_found
from .deployment import explained
from .desired import policy_names
from .found import Found, FoundFunction
from .manifest import Manifest
from .project import load_project

SCHEMA = "liveness-removed/1"
_PAUSE_SECONDS = 15.0
_MAX_PASSES = 100
_CHOICES = (
    "This command waits for that. Two choices: leave it running, or end it with Ctrl-C and run it "
    "again later, while the timers go on; or give --abandon-backlog, and those pairs get no result."
)


class Options(NamedTuple):
    """The options of the command."""

    ask: bool = True
    delete_data: bool = False
    """Also delete inputs, results, best frames and ledger."""
    abandon: bool = False
    """Do not wait for pairs that are not finished."""
    manifest: Path | None = None


class Waiting(NamedTuple):
    """The pairs that are not finished."""

    pairs: int
    last_due: float | None
    """When the last of them is due, by the store's clock; None if no marker's name says so."""

    def describe(self, now: float) -> str:
        verb = "waits" if self.pairs == 1 else "wait"
        text = f"{pluralize(self.pairs, 'pair')} {verb}"
        if self.last_due is None or self.last_due <= now:
            return f"{text}, due now"
        return (
            f"{text}, the last until {format_time(self.last_due)}, in "
            f"{format_duration(self.last_due - now)}, or longer if its call fails again"
        )


def waiting_of(keys: Iterable[str]) -> Waiting:
    """Read the names of markers; a pair may have several. Pure."""
    pairs, dues = set(), []
    for key in keys:
        marker = read_marker_key(key)
        pairs.add(marker.pair_hash if marker else key)
        if marker is not None and marker.due is not None:
            dues.append(marker.due)
    return Waiting(len(pairs), max(dues, default=None))


class _Steps:
    """The steps, and a record of what they did."""

    def __init__(self, account: Account, manifest: Manifest, store: RetryingStore) -> None:
        self._account = account
        self._manifest = manifest
        self._store = store
        self.removed: list[str] = []
        self.kept: list[dict[str, str]] = []
        self._reported = Waiting(0, None)

    def require_right_to_delete_data(self) -> None:
        """Delete an object that never exists. Raises ClickException if the key may not."""
        settings = self._manifest.settings
        try:
            self._store.delete(settings.bucket, control_key(settings))
        except ConfigurationError as error:
            raise click.ClickException(
                f"nothing was removed: {reason_of_error(error)}; to delete data, the key needs the "
                "policy `eraser` as well"
            ) from None

    def stop_new_work(self, function: FoundFunction) -> None:
        for trigger in function.triggers:
            if trigger.kind == "cos":
                self._account.function.delete_trigger(trigger)
                self.removed.append(f"trigger {trigger.name}")

    def finish(self, update: ProgressCallback) -> None:
        """Drain, reconcile, and drain again, until nothing waits. Raises ClickException."""
        self._drain(update)
        for _ in range(_MAX_PASSES):
            run = self._invoke({"reconcile": {}}).get("reconcile") or {}
            if run.get("complete"):
                break
        self._drain(update)

    def _drain(self, update: ProgressCallback) -> None:
        while (waiting := self.waiting()).pairs:
            self._report(waiting)
            update("pairs that wait", 0, waiting.pairs)
            self._invoke({"drain": {}})
            if self.waiting().pairs:
                self._account.clock.sleep(_PAUSE_SECONDS)

    def waiting(self) -> Waiting:
        """List the pairs that wait, from the names of their markers."""
        settings = self._manifest.settings
        markers = list_objects(self._store, settings.ledger_bucket, marker_prefix(settings))
        return waiting_of([marker.key for marker in markers])

    def _report(self, waiting: Waiting) -> None:
        """Print which pairs are waited for whenever that changes, and how to avoid the wait."""
        if waiting == self._reported:
            return
        echo(f"{self.describe(waiting)}.", err=True)
        if not self._reported.pairs:
            echo(_CHOICES, err=True)
        self._reported = waiting

    def describe(self, waiting: Waiting) -> str:
        return waiting.describe(self._store.now())

    def _invoke(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        invoked = self._account.function.invoke(event)
        if invoked.error is not None:
            raise click.ClickException(
                f"the function could not finish what waits: {reason_of(invoked)}; correct that and "
                "run the command again, or give --abandon-backlog"
            )
        return invoked.returned if isinstance(invoked.returned, dict) else {}

    def remove_function(self, function: FoundFunction) -> None:
        for trigger in function.triggers:
            if trigger.kind != "cos":
                self._account.function.delete_trigger(trigger)
                self.removed.append(f"timer {trigger.name}")
        self._account.function.delete()
        self.removed.append(f"function {self._manifest.name}")

    def remove_role(self, found: Found) -> None:
        name, names = self._manifest.function.role, policy_names(self._manifest.name)
        cam = self._account.policies
        ours = [found.policies[each] for each in names.values() if each in found.policies]
        of_function = next(iter(names.values()))
        if found.role is not None:
            others = sorted(set(found.role.attached) - set(names.values()))
            for attached in set(found.role.attached) - set(others):
                cam.detach(name, attached)
            if others:
                self._keep(
                    f"role {name}",
                    f"it has {' and '.join(others)} as well, so something else may use it",
                )
            else:
                cam.delete_role(name)
                self.removed.append(f"role {name}")
        removable = []
        for policy in ours:
            attachments = policy.attachments
            if policy.name == of_function and found.role is not None:
                attachments -= policy.name in found.role.attached
            if not policy.is_ours:
                self._keep(f"policy {policy.name}", "it was not made by `liveness deploy`")
            elif attachments > 0:
                self._keep(
                    f"policy {policy.name}",
                    f"it is attached to {pluralize(attachments, 'user, group or role')}, who may "
                    "still need the data",
                )
            else:
                removable.append(policy)
        if removable:
            cam.delete([policy.id for policy in removable])
            self.removed += [f"policy {policy.name}" for policy in removable]

    def remove_alarms(self, found: Found) -> None:
        logs = self._account.logs
        for name, alarm in found.logs.alarms.items():
            logs.delete_alarm(str(alarm["AlarmId"]))
            self.removed.append(f"alarm {name}")
        for name, notice in found.logs.notices.items():
            logs.delete_notice(str(notice["AlarmNoticeId"]))
            self.removed.append(f"notice group {name}")

    def remove_data(self, found: Found) -> None:
        """Delete all objects, then the lifecycle rules that would have deleted them."""
        settings = self._manifest.settings
        for bucket, prefix in _places(settings):
            count = 0
            while keys := [item.key for item in self._store.list(bucket, prefix, "").items]:
                with ThreadPoolExecutor(CONCURRENT_REQUESTS) as pool:
                    list(pool.map(partial(self._store.delete, bucket), keys))
                count += len(keys)
            self.removed.append(f"{pluralize(count, 'object')} under {bucket}/{prefix}")
        for name, present in found.buckets.items():
            if present is None:
                continue
            rules = list(present.rules)
            for rule in _rules(settings):
                if rule.bucket == name:
                    rules = lifecycle.without_rule(rules, rule.name, rule.prefix)
            if len(rules) < len(present.rules):
                self._account.buckets.put_lifecycle(name, rules)
                self.removed.append(f"lifecycle rules of {name}")

    def keep_data(self) -> None:
        for bucket, prefix in _places(self._manifest.settings):
            self._keep(f"{bucket}/{prefix}", "it is your data; --delete-data removes it")
        self._keep(
            "lifecycle rules",
            "they go on removing your data when its time is over",
        )

    def keep_logs(self) -> None:
        self._keep("the log topic in CLS", "it shows what was done; remove it in the CLS console")

    def _keep(self, what: str, why: str) -> None:
        self.kept.append({"what": what, "why": why})


def remove(options: Options) -> dict[str, Any]:
    """Remove the installation. Raises ClickException, and Abort if the user declines."""
    project = load_project(options.manifest)
    manifest = project.manifest
    clock = SystemClock()
    account = connect(manifest, project.credentials, clock)
    steps = _Steps(account, manifest, load_target(project.environ).store)
    with interruptible(UNFINISHED), progress() as update:
        try:
            found = read_found(account, manifest, with_alarms=True)
            _require_ours(manifest, found)
            if options.ask:
                _confirm(manifest, options, steps)
            if options.delete_data:
                steps.require_right_to_delete_data()
            if found.function is not None:
                steps.stop_new_work(found.function)
                if not options.abandon:
                    steps.finish(update)
                steps.remove_function(found.function)
            steps.remove_alarms(found)
            if options.delete_data:
                steps.remove_data(found)
            else:
                steps.keep_data()
            steps.remove_role(found)
            steps.keep_logs()
        except AccountError as error:
            raise click.ClickException(_unfinished(steps, explained(error))) from None
        except LivenessError as error:
            raise click.ClickException(_unfinished(steps, reason_of_error(error))) from None
    return {
        "schema": SCHEMA,
        "function": manifest.name,
        "region": manifest.region,
        "removed": steps.removed,
        "kept": steps.kept,
    }


def _unfinished(steps: _Steps, reason: str) -> str:
    done = f"{', '.join(steps.removed)} removed; " if steps.removed else "nothing was removed; "
    return f"{done}{reason}; running the command again goes on from here"


def _require_ours(manifest: Manifest, found: Found) -> None:
    function = found.function
    if function is None:
        return
    bucket = function.latest.settings.environment.get("LIVENESS_BUCKET")
    if bucket != manifest.settings.bucket:
        raise click.ClickException(
            f"nothing was removed: the function {manifest.name} is another one, or works on "
            f"another bucket than {manifest.settings.bucket}"
        )


def _confirm(manifest: Manifest, options: Options, steps: _Steps) -> None:
    settings = manifest.settings
    echo(f"Removes the function {manifest.name} in {manifest.region} with its triggers,", err=True)
    echo("its role and policies, after everything that waits is finished.", err=True)
    waiting = steps.waiting()
    if waiting.pairs:
        echo(f"At present {steps.describe(waiting)}.", err=True)
    if options.abandon:
        echo("What waits is NOT finished: those people get no result.", err=True)
    if not options.delete_data:
        click.confirm("Continue?", abort=True, err=True)
        return
    for bucket, prefix in _places(settings):
        echo(f"Deletes every object under {bucket}/{prefix}", err=True)
    answer = click.prompt("This cannot be undone. Type the bucket's name to continue", err=True)
    if answer != settings.bucket:
        raise click.Abort


def _places(settings: Settings) -> Iterator[tuple[str, str]]:
    yield settings.bucket, settings.input_prefix
    yield settings.result_bucket, settings.frame_prefix
    yield settings.result_bucket, settings.result_prefix
    yield settings.ledger_bucket, settings.ledger_prefix


def _rules(settings: Settings) -> Iterator[lifecycle.ManagedRule]:
    yield from lifecycle.ledger_rules(settings)
    yield lifecycle.inputs_rule(settings, 0)
    yield lifecycle.frames_rule(settings, 0)
    yield lifecycle.results_rule(settings, 0)


def print_removed(value: Mapping[str, Any]) -> None:
    for text in value["removed"]:
        echo(f"Removed: {text}.")
    for each in value["kept"]:
        echo(f"Kept: {each['what']}: {each['why']}.")
