"""I8 in a pause, I1 before reconcile, and that finished pairs are not worked on again."""

from __future__ import annotations

import json
from typing import Any

from liveness.keys import pair_hash

from ..plan import Person, Plan
from ..run_record import RunRecord
from ..workload import Content


def check_i8_in_a_pause(run: RunRecord) -> list[str]:
    """I8: a normal return for a complete pair leaves a result or a marker."""
    if run.heads_lag:
        return []
    events_that_succeeded = [each.event for each in run.invocations if each.error is None]
    parked = [key.split("-")[1] for key in run.markers]
    return [
        f"I8: {person.name}'s last event succeeded, and there is neither a result nor a marker"
        for person, submission in run.complete
        if run.events[_last_upload(run.plan, person).token] in events_that_succeeded
        and not run.is_done(submission)
        and pair_hash(person.name) not in parked
    ]


def check_i1_without_reconcile(run: RunRecord) -> list[str]:
    """I1: a pair of which no event was lost has its result without reconcile."""
    discarded = {
        _owner_of(json.loads(letter["Body"]["ClientContext"])) for letter in run.dead_letters
    }
    return [
        f"I1: no event of {person.name} was lost, and before reconcile there is no result"
        for person, submission in run.complete
        if not run.heads_lag
        and person.name not in run.plan.unnotified
        and person.name not in discarded
        and not run.is_done(submission)
    ]


def _last_upload(plan: Plan, person: Person) -> Content:
    uploads = [act.content for act in plan.acts if act.kind == "upload"]
    return [content for content in uploads if content.owner == person.name][-1]


def _owner_of(event: dict[str, Any]) -> str:
    if "Records" not in event:
        return ""
    key: str = event["Records"][0]["cos"]["cosObject"]["key"]
    return key.split("/")[-2]


def given_up(run: RunRecord) -> list[str]:
    """Return the people whose pairs have used all their attempts."""
    results = {person.name: run.result(person.name) for person, _ in run.complete}
    return [name for name, result in results.items() if result and result["status"] == "failed"]


def final_state(run: RunRecord) -> tuple[int, int, dict[str, str]]:
    """Return the numbers of calls and of writes to the ledger's claims, and the results' times."""
    effects = run.recording.effects
    calls = sum(effect.call is not None for effect in effects)
    writes = sum(effect.method == "PUT" and "/claims/" in effect.key for effect in effects)
    results = {
        key: str(stored.last_modified) for key in run.output_keys if (stored := run.bucket.get(key))
    }
    return calls, writes, results
