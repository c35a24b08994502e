"""I5 and I6 at the end of a run: what the bucket and the logs contain."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from ..plan import Person
from ..run_record import FRAMES, RESULTS, RunRecord
from ..workload import Content, owners_in


def check_i5_objects(run: RunRecord) -> Iterator[str]:
    """I5: no marker is left, inputs are unchanged, and a result mentions its own person only."""
    if markers := run.markers:
        yield f"{len(markers)} markers are left"
    for person in run.plan.people:
        for content in (person.lives[-1], *person.images[-1:]):
            stored = run.bucket.get(content.key)
            if stored is None or stored.blob.md5 != content.md5:
                yield f"I5: {content.key} is not as {person.name} uploaded it"
    inputs = {content.key for person in run.plan.people for content in _contents(person)}
    for key in run.bucket.keys(""):
        if key not in inputs and not key.startswith((RESULTS, FRAMES, "liveness/ledger/")):
            yield f"I5: {key} is outside the function's prefixes"
    for key in run.output_keys:
        stored = run.bucket.get(key)
        others = owners_in(stored.body() if stored else b"") - {key.split("/")[2]}
        if others:
            yield f"{key} mentions {', '.join(sorted(others))}"


def _contents(person: Person) -> tuple[Content, ...]:
    return (*person.lives, *person.images)


def check_i6_secrets(run: RunRecord) -> Iterator[str]:
    """I6: no secret reaches a log or a result. And every line of a log is one JSON object."""
    for invocation in run.invocations:
        for line in invocation.logs:
            if not _is_object(line):
                yield f"a line of the log is not a JSON object: {line[:80]}"
        output = "\n".join((*invocation.logs, invocation.stderr, json.dumps(invocation.error)))
        if _contains_secret(output, run.secrets):
            yield f"I6: the log of invocation {invocation.request_id} contains a secret"
    for key in run.output_keys:
        stored = run.bucket.get(key)
        if stored and _contains_secret(stored.body().decode("latin-1"), run.secrets):
            yield f"I6: {key} contains a secret"


def _contains_secret(text: str, secrets: Sequence[str]) -> bool:
    return "q-sign" in text or any(secret in text for secret in secrets)


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
