"""I1 and I4 in the end: everybody's own verdict and best frame, for what they uploaded last."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from ..people import Work
from ..scene import Scene

# The function gives a best frame up after so many tries.
_FRAME_TRIES = 3


def verdicts(scene: Scene) -> Iterator[str]:
    """Everybody's own verdict, for what they uploaded last."""
    for person in scene.plan.people:
        result, work = scene.result(person.name), person.last
        if work is None:
            if result is not None:
                yield f"{person.name} has a result without having uploaded a reference image"
            continue
        if result is None:
            yield f"I1: {person.name} has no result"
            continue
        answer = work.live.answer
        assert answer is not None
        want = {
            "fingerprint": work.fingerprint,
            "status": answer.status,
            "api": (answer.channel, answer.code, work.live.token),
            "similarity": answer.sim if answer.channel == "result" else None,
            "inputs": [work.live.md5, work.image.md5],
        }
        api = result["api"] or {}
        have = {
            "fingerprint": result["fingerprint"],
            "status": result["status"],
            "api": (api.get("channel"), api.get("result"), api.get("description")),
            "similarity": result["similarity"],
            "inputs": [each["md5"] for each in result["inputs"]],
        }
        for name in want:
            if have[name] != want[name]:
                yield f"I1: {name} of {person.name} is {have[name]}, not {want[name]}"


def frames(scene: Scene) -> Iterator[str]:
    """The frame is of this very recording and photo, or every try to fetch it was stopped."""
    for person, work in scene.complete:
        result = scene.result(person.name)
        if result is None or work.live.answer is None or work.live.answer.code != "Success":
            continue
        key = result["best_frame"]["key"]
        stored = scene.bucket.get(key) if key else None
        if stored is None:
            if key or _failed_tries(scene, work) < _FRAME_TRIES:
                yield f"I4: there is no best frame of {person.name}"
            continue
        body = stored.body()
        if stored.blob.md5 != result["best_frame"]["md5"]:
            yield f"I4: the best frame of {person.name} has another MD5 than the result says"
        if work.live.md5.encode() not in body or work.image.token.encode() not in body:
            yield f"the best frame of {person.name} is not of {work.live.token}{work.image.token}"


def _failed_tries(scene: Scene, work: Work) -> int:
    """How often reading the frame failed that the response names."""
    stored = [
        stored
        for key in scene.bucket.keys(f"{work.ledger}response")
        if (stored := scene.bucket.get(key))
    ]
    answers = [json.loads(each.body())["answer"] or {} for each in stored]
    urls = [answer.get("best_frame_url", "") for answer in answers]
    keys = [unquote(urlsplit(url).path[1:]) for url in urls if url]
    return sum(each.key in keys and each.status != 200 for each in scene.record.requests)
