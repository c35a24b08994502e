"""In a pause and after the storm: is everybody remembered? And is what is finished left alone?"""

from __future__ import annotations

import json
from typing import Any

from liveness.keys import pair_hash

from ..people import Content
from ..plan import Person, Plan
from ..scene import RESULTS, Scene


def of_a_pause(scene: Scene) -> list[str]:
    """I8: a normal return leaves a result or a marker, if the pair was complete."""
    if scene.heads_lag:
        return []
    ended_well = [each.event for each in scene.invocations if each.error is None]
    parked = [key.split("-")[1] for key in scene.markers]
    return [
        f"I8: {person.name}'s last event ended well, and there is neither result nor marker"
        for person, work in scene.complete
        if scene.events[_last_upload(scene.plan, person).token] in ended_well
        and not scene.is_done(work)
        and pair_hash(person.name) not in parked
    ]


def without_reconcile(scene: Scene) -> list[str]:
    """I1: where no event was lost, nobody has to be found."""
    lost = {_owner_of(json.loads(letter["Body"]["ClientContext"])) for letter in scene.dead_letters}
    return [
        f"I1: no event of {person.name} was lost, and before reconcile there is no result"
        for person, work in scene.complete
        if not scene.heads_lag
        and person.name not in scene.plan.unnotified
        and person.name not in lost
        and not scene.is_done(work)
    ]


def _last_upload(plan: Plan, person: Person) -> Content:
    uploads = [act.content for act in plan.acts if act.what == "upload"]
    return [content for content in uploads if content.owner == person.name][-1]


def _owner_of(event: dict[str, Any]) -> str:
    if "Records" not in event:
        return ""
    key: str = event["Records"][0]["cos"]["cosObject"]["key"]
    return key.split("/")[-2]


def given_up(scene: Scene) -> list[str]:
    """Whose attempts were all used up."""
    results = {person.name: scene.result(person.name) for person, _ in scene.complete}
    return [name for name, result in results.items() if result and result["status"] == "failed"]


def final_state(scene: Scene) -> tuple[int, int, dict[str, str]]:
    """How often the API was called and anything but the backlog written; what the results are."""
    calls = sum(seen.call is not None for seen in scene.record.effects)
    writes = sum(
        seen.request.method == "PUT" and "/claims/" in seen.request.key
        for seen in scene.record.effects
    )
    results = {
        key: str(stored.last_modified)
        for key in scene.bucket.keys(RESULTS)
        if (stored := scene.bucket.get(key))
    }
    return calls, writes, results
