"""Changes of the triggers; the trigger for uploads comes last. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..account.function import TRAFFIC, Trigger
from . import actions
from .change import Change
from .found import FoundFunction, same_trigger


def trigger_changes(wanted: Sequence[Trigger], function: FoundFunction | None) -> Iterator[Change]:
    """Create, replace, enable and remove triggers, in the order of the wanted ones."""
    present = list(() if function is None else function.triggers)
    for trigger in wanted:
        same = next((each for each in present if same_trigger(each, trigger)), None)
        if same is not None:
            present.remove(same)
            if not same.is_enabled:
                yield Change(
                    _trigger_name(trigger),
                    "disabled",
                    "enabled",
                    "was disabled by hand",
                    actions.EnableTrigger(same),
                    is_drift=True,
                )
            continue
        rival = next((each for each in present if _is_rival(each, trigger)), None)
        if rival is None:
            yield Change(
                _trigger_name(trigger),
                "none",
                _describe_trigger(trigger),
                "uploads are processed from now on" if trigger.kind == "cos" else "",
                actions.CreateTrigger(trigger),
            )
            continue
        present.remove(rival)
        yield Change(
            _trigger_name(trigger),
            _describe_trigger(rival),
            _describe_trigger(trigger),
            "is created anew, as it cannot be changed",
            actions.ReplaceTrigger(rival, trigger),
            risk="an upload in between has no event: the hourly reconcile finds it"
            if trigger.kind == "cos"
            else "",
        )
    for extra in present:
        yield Change(
            _trigger_name(extra),
            _describe_trigger(extra),
            "none",
            "is not in serverless.yml",
            actions.DeleteTrigger(extra),
            is_drift=True,
        )


def _is_rival(present: Trigger, wanted: Trigger) -> bool:
    """Whether a trigger must be replaced by the wanted one."""
    if present.kind != wanted.kind:
        return False
    if wanted.kind == "timer":
        return present.name == wanted.name
    return present.bucket == wanted.bucket


def _trigger_name(trigger: Trigger) -> str:
    return f"timer {trigger.name}" if trigger.kind == "timer" else f"trigger {trigger.bucket}"


def _describe_trigger(trigger: Trigger) -> str:
    if trigger.kind == "timer":
        text = f"{trigger.cron} with {trigger.message!a}"
    else:
        suffix = f" and suffix {trigger.suffix!a}" if trigger.suffix else ""
        text = f"{trigger.event} under {trigger.prefix!a}{suffix}"
    target = "" if trigger.qualifier == TRAFFIC else f" for {trigger.qualifier}"
    return f"{text}{target}{'' if trigger.is_enabled else ', disabled'}"
