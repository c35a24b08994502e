"""Changes in CLS: the function's log topic, its index, and the alarms. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from . import actions, alarms
from .actions import Action, WantedAlarm
from .change import Change
from .found import FoundLogs
from .log_service import KEPT_DAYS
from .manifest import Manifest


def topic_changes(manifest: Manifest, found: FoundLogs) -> Iterator[Change]:
    """Create the topic. It must exist before the function that writes to it."""
    logset, topic = manifest.function.logs
    if not found.has_topic:
        yield Change(
            f"log topic {topic}",
            "none",
            f"created, kept {KEPT_DAYS} days",
            "where the function's log goes",
            actions.CreateTopic(logset, topic, manifest.name),
        )
    rule = found.index_rule or {}
    if not alarms.has_index(rule):
        yield Change(
            f"log topic {topic}",
            "no index of the log's fields",
            "an index of them",
            "which queries and alarms need",
            actions.PutIndex(topic, alarms.index_with(rule)),
        )


def alarm_changes(manifest: Manifest, notify: str | None, found: FoundLogs) -> Iterator[Change]:
    """Create one notice group and the alarms that notify it."""
    if notify is None:
        return
    group = alarms.notice_name(manifest.name)
    receivers, notice = alarms.receivers(notify), found.notices.get(group)
    if notice is None or not alarms.is_same(notice, receivers):
        yield Change(
            f"notice group {group}",
            "none" if notice is None else "other receivers",
            notify,
            "whom alarms notify",
            actions.PutNotice(group, receivers),
        )
    logs = manifest.function.logs
    notice_id = "" if notice is None else str(notice["AlarmNoticeId"])
    missing: list[WantedAlarm] = []
    edited: list[WantedAlarm] = []
    for alarm in alarms.ALARMS:
        name = f"{alarms.alarm_prefix(manifest.name)}{alarm.name}"
        present = found.alarms.get(name)
        if present is None:
            missing.append(WantedAlarm(alarm, name))
        elif not alarms.is_same(present, alarms.parameters(alarm, name, logs, notice_id)):
            edited.append(WantedAlarm(alarm, name, str(present["AlarmId"])))
    # One action creates them all, so that it looks up the notice group only once.
    action: Action | None = actions.PutAlarms(missing, logs, group)
    for wanted in missing:
        yield _alarm_change(wanted, "none", action, is_drift=False)
        action = None
    for wanted in edited:
        action = actions.PutAlarms([wanted], logs, group)
        yield _alarm_change(wanted, "edited by hand", action, is_drift=True)


def _alarm_change(
    wanted: WantedAlarm, before: str, action: Action | None, *, is_drift: bool
) -> Change:
    alarm = wanted.alarm
    after = f"{alarm.condition}, of the last {alarm.minutes} min"
    return Change(f"alarm {alarm.name}", before, after, "", action, is_drift=is_drift)
