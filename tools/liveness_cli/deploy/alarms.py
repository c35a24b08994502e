"""The alarms of docs/operating.md, and the index that their queries need. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Alarm(NamedTuple):
    """An alarm that CLS evaluates every `minutes` minutes, over the log of that period."""

    name: str
    query: str
    minutes: int
    condition: str
    """A condition on the columns of the query; it holds if it does for any row."""


_ANY_ROW = "$1.times > 0"
# More than a few an hour; what is usual depends on the installation.
_OFTEN = "$1.times > 20"

ALARMS = (
    Alarm(
        "a pair was given up",
        'event:"pair.given-up" OR event:"drain.given-up" | select pair_id, count(*) as times '
        "group by pair_id",
        15,
        _ANY_ROW,
    ),
    Alarm(
        "the breaker opened or closed",
        'event:"drain.breaker-opened" OR event:"drain.breaker-closed" | select event, reason, '
        "count(*) as times group by event, reason",
        5,
        _ANY_ROW,
    ),
    Alarm(
        "links that cannot be read, or a clock that is off",
        'event:"drain.links-unreadable" OR event:"invocation.clock-off" | select event, count(*) '
        "as times group by event",
        15,
        _ANY_ROW,
    ),
    Alarm(
        "billed after the pair was given up",
        'event:"pair.billed-after-give-up" | select pair_id, count(*) as times group by pair_id',
        60,
        _ANY_ROW,
    ),
    Alarm(
        "something fails",
        'event:"invocation.failed" OR event:"pair.failed" OR event:"drain.failed" OR '
        'event:"drain.marker-failed" OR event:"reconcile.pair-failed" | select event, reason, '
        "count(*) as times group by event, reason order by times desc",
        60,
        _OFTEN,
    ),
    Alarm(
        "possibly billed twice",
        'event:"pair.call-outcome-unknown" OR event:"pair.late-response" | select pair_id, '
        "count(*) as times group by pair_id",
        60,
        _ANY_ROW,
    ),
    Alarm(
        "an upload that belongs to no pair",
        'event:"record.stray" | select reason, count(*) as times group by reason',
        60,
        _ANY_ROW,
    ),
    Alarm(
        "the platform ended an invocation",
        'SCF_Type:"Platform" AND SCF_StatusCode:>=400 | select SCF_StatusCode, count(*) as times '
        "group by SCF_StatusCode",
        15,
        _ANY_ROW,
    ),
    Alarm(
        "the oldest marker waits too long",
        'event:"drain.finished" | select max(overdue_seconds) as seconds',
        15,
        "$1.seconds > 600",
    ),
    Alarm(
        "no instance drains",
        'event:"drain.finished" | select count(*) as drains',
        20,
        "$1.drains == 0",
    ),
    Alarm(
        "reconcile does not run",
        'event:"reconcile.run-finished" | select count(*) as passes',
        180,
        "$1.passes == 0",
    ),
    Alarm(
        "throttled too often",
        'event:"pair.called" | select category, count(*) as times group by category',
        60,
        '$1.category == "throttled" && $1.times > 100',
    ),
    Alarm(
        "calls without a verdict",
        'event:"pair.called" AND (owner:"service" OR owner:"pair") | select owner, code, count(*) '
        "as times group by owner, code order by times desc",
        60,
        _OFTEN,
    ),
)
_NUMBERS = ("SCF_StatusCode", "overdue_seconds")
_TEXTS = ("event", "pair_id", "reason", "category", "owner", "code", "SCF_Type")


def notice_name(name: str) -> str:
    """Return the name of an installation's notice group."""
    return f"{name}-operators"


def alarm_prefix(name: str) -> str:
    """Return the prefix of the names of an installation's alarms."""
    return f"{name}: "


def parameters(alarm: Alarm, name: str, logs: tuple[str, str], notice_id: str) -> dict[str, Any]:
    """Return the parameters of CreateAlarm (614/56466); `logs` is log set and topic."""
    logset, topic = logs
    target = {
        "TopicId": topic,
        "LogsetId": logset,
        "Query": alarm.query,
        "Number": 1,
        "StartTimeOffset": -alarm.minutes,
        "EndTimeOffset": 0,
    }
    return {
        "Name": name,
        "AlarmTargets": [target],
        "MonitorTime": {"Type": "Period", "Time": alarm.minutes},
        "Condition": alarm.condition,
        "TriggerCount": 1,
        "AlarmPeriod": 60,
        "AlarmNoticeIds": [notice_id],
    }


def is_same(alarm: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether an alarm, as DescribeAlarms reports it, is the wanted one; more fields may differ."""
    return all(_contains(alarm.get(name), value) for name, value in wanted.items())


def receivers(notify: str) -> dict[str, Any]:
    """Return parameters of CreateAlarmNotice (614/56465) for sub-accounts' IDs, or an https URL.

    Raises ValueError for anything else.
    """
    if notify.startswith("https://"):
        callback = {"CallbackType": "Http", "Url": notify, "Method": "POST"}
        return {"Type": "All", "WebCallbacks": [callback]}
    people = [part.strip() for part in notify.split(",")]
    if not all(part.isdecimal() and part.isascii() for part in people):
        raise ValueError("give sub-accounts' numbers, separated by commas, or an https:// URL")
    receiver = {
        "ReceiverType": "Uin",
        "ReceiverIds": [int(part) for part in people],
        "ReceiverChannels": ["Email", "Sms"],
        "StartTime": "00:00:00",
        "EndTime": "23:59:59",
    }
    return {"Type": "All", "NoticeReceivers": [receiver]}


def index_with(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Return an index rule with the queries' fields added; other fields stay unchanged."""
    wanted = {key["Key"]: key for key in _index_keys()}
    part = rule.get("KeyValue") or {}
    others = [key for key in part.get("KeyValues") or [] if key["Key"] not in wanted]
    present = [key for key in part.get("KeyValues") or [] if key["Key"] in wanted]
    merged = {key["Key"]: {**key["Value"], **wanted[key["Key"]]["Value"]} for key in present}
    ours = [{**key, "Value": merged.get(name, key["Value"])} for name, key in wanted.items()]
    fields = {"CaseSensitive": bool(part.get("CaseSensitive", True))}
    return {**rule, "KeyValue": {**fields, "KeyValues": [*others, *ours]}}


def has_index(rule: Mapping[str, Any]) -> bool:
    """Whether an index rule has all fields of the queries, as they need them."""
    keys = {key["Key"]: key["Value"] for key in (rule.get("KeyValue") or {}).get("KeyValues") or []}
    return all(_contains(keys.get(key["Key"]), key["Value"]) for key in _index_keys())


def _index_keys() -> Sequence[Mapping[str, Any]]:
    """Without delimiters, `pair.given-up` is one word."""
    text = {"Type": "text", "Tokenizer": "", "SqlFlag": True, "ContainZH": False}
    number = {"Type": "long", "SqlFlag": True}
    return [
        *({"Key": name, "Value": text} for name in _TEXTS),
        *({"Key": name, "Value": number} for name in _NUMBERS),
    ]


def _contains(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(value, Mapping) and all(
            _contains(value.get(name), each) for name, each in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(value, list)
            and len(value) == len(wanted)
            and all(_contains(one, other) for one, other in zip(value, wanted, strict=True))
        )
    # A missing text is reported as null.
    return bool((value if value is not None else "") == wanted) or (
        wanted in ("", False) and value in (None, "", False)
    )
