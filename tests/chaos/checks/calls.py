"""I2 and I3 in the end: what was paid for, and that it had to be."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence

from ..bill import Bill, is_billed, is_call
from ..people import Work
from ..scene import Scene
from ..witness import Seen

# The function gives a request to COS up after so many tries.
_TRIES = 4
# The response is asked for beside the claim, and may be a little ahead of it.
_BESIDE_SECONDS = 1.0


def bills(scene: Scene, all_bills: Sequence[Bill]) -> Iterator[str]:
    """I2, and that the result hides no call from whoever pays."""
    counted = sum(call.billed for call in scene.record.calls)
    if counted != sum(bill.billed for bill in all_bills):
        yield f"the API counts {counted} billed calls, and not all are about somebody's pair"
    for bill in all_bills:
        if bill.billed > bill.most:
            yield f"I2: {bill}"
        result = scene.result(bill.work.owner)
        # Who lost a claim after the read-back cannot know of the other's call.
        if result is None or result["fingerprint"] != bill.work.fingerprint or bill.races:
            continue
        if (said := result["possibly_billed_calls"]) < bill.billed:
            yield f"the result of {bill.work.owner} owns up to {said} calls: {bill}"


def looked_before(scene: Scene) -> Iterator[str]:
    """I3: who calls has found no response when it looked last. And nobody's inputs are mixed."""
    effects = scene.record.effects
    for place, seen in enumerate(effects):
        if seen.call is None:
            continue
        work = next((each for each in scene.plan.works if is_call(seen, each)), None)
        if work is None:
            yield f"a call about inputs that were never a pair: {seen.call.live_url}"
            continue
        looked = [
            each.status
            for each in effects[:place]
            if each.who == seen.who
            and each.request.method == "GET"
            and each.request.key.startswith(f"{work.ledger}response")
        ]
        if not looked or looked[-1] != 404:
            yield f"I3: a call for {work.owner} began although its caller had seen a response"


def attempts(scene: Scene) -> Iterator[str]:
    """A claim is given back only where its call was not billed, and is not left unused."""
    for work in scene.plan.works:
        for key in scene.bucket.keys(work.ledger):
            if not key.endswith(".claim"):
                continue
            made, own = _life_of(scene, key)
            if made is None:
                continue
            name = f"{key.rpartition('/')[2]} of {work.owner}"
            released = _nonce_in(scene, f"{key.removesuffix('.claim')}.released")
            if released == made.nonce and any(is_billed(seen, work) for seen in own):
                yield f"{name} was given back although its call was billed"
            if not released and not _is_explained(scene, work, made, own):
                yield f"{name} was left unused for no reason"


def _nonce_in(scene: Scene, key: str) -> str:
    stored = scene.bucket.get(key)
    return json.loads(stored.body())["nonce"] if stored else ""


def _life_of(scene: Scene, key: str) -> tuple[Seen | None, list[Seen]]:
    """The creation of the claim that stands, and what its owner did until its next claim there."""
    effects, folder = scene.record.effects, key.rpartition("/")[0]
    nonce = _nonce_in(scene, key)
    made: Seen | None = None
    own: list[Seen] = []
    for seen in effects:
        creates = seen.request.method == "PUT" and seen.status == 200
        if made is None:
            made = seen if creates and seen.is_("PUT", key) and seen.nonce == nonce else None
        elif seen.who == made.who:
            is_next = creates and seen.request.key.endswith(".claim") and seen.nonce != nonce
            if is_next and seen.request.key.startswith(folder):
                break
            own.append(seen)
    return made, own


def _is_explained(scene: Scene, work: Work, made: Seen, own: list[Seen]) -> bool:
    """It was used, or a response stood there already, or something kept its owner from it."""
    if any(is_call(seen, work) or _shows_response(seen, work) for seen in own):
        return True
    before = scene.record.effects[: scene.record.effects.index(made)]
    if any(_shows_response(seen, work) for seen in before):
        return True
    # A race hit the second PUT, which proves that create-only works: its owner must not call.
    if any(seen.is_("PUT", made.request.key) and seen.status == 200 for seen in own):
        return True
    if any(each.who == made.who for each in scene.record.killed):
        return True
    struck = (seen.request for seen in scene.record.effects if seen.struck)
    stopped = [
        each
        for each in (*scene.record.unheard, *struck)
        if each.principal == made.who and each.started > made.request.started - _BESIDE_SECONDS
    ]
    if any(each.service == "faceid" for each in stopped):
        return True
    tries = Counter((each.method, each.key) for each in stopped if work.ledger in each.key)
    return max(tries.values(), default=0) >= _TRIES


def _shows_response(seen: Seen, work: Work) -> bool:
    return seen.status == 200 and seen.request.key.startswith(f"{work.ledger}response")
