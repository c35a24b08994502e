"""I5 and I6 in the end: what lies in the bucket, and what the logs tell."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from ..people import Content, owners_in
from ..plan import Person
from ..scene import RESULTS, Scene


def places(scene: Scene) -> Iterator[str]:
    """Nothing is left to do, inputs are as they were, and results speak of their own person."""
    if left := scene.markers:
        yield f"{len(left)} markers are left"
    for person in scene.plan.people:
        for content in (person.lives[-1], *person.images[-1:]):
            stored = scene.bucket.get(content.key)
            if stored is None or stored.blob.md5 != content.md5:
                yield f"I5: {content.key} is not as {person.name} left it"
    inputs = {content.key for person in scene.plan.people for content in _contents(person)}
    for key in scene.bucket.keys(""):
        if key not in inputs and not key.startswith((RESULTS, "liveness/ledger/")):
            yield f"I5: {key} is not ours to write"
    for key in scene.bucket.keys(RESULTS):
        stored = scene.bucket.get(key)
        strangers = owners_in(stored.body() if stored else b"") - {key.split("/")[2]}
        if strangers:
            yield f"{key} speaks of {', '.join(sorted(strangers))}"


def _contents(person: Person) -> tuple[Content, ...]:
    return (*person.lives, *person.images)


def secrets(scene: Scene) -> Iterator[str]:
    """I6, and that every line of a log is one JSON object."""
    for invocation in scene.invocations:
        for line in invocation.logs:
            if not _is_object(line):
                yield f"a line of the log is no JSON object: {line[:80]}"
        said = "\n".join((*invocation.logs, invocation.stderr, json.dumps(invocation.error)))
        if _holds_secret(said, scene.secrets):
            yield f"I6: the log of invocation {invocation.request_id} holds a secret"
    for key in scene.bucket.keys(RESULTS):
        stored = scene.bucket.get(key)
        if stored and _holds_secret(stored.body().decode("latin-1"), scene.secrets):
            yield f"I6: {key} holds a secret"


def _holds_secret(text: str, secrets: Sequence[str]) -> bool:
    return "q-sign" in text or any(secret in text for secret in secrets)


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
