"""I1 and I4 at the end of a run: everyone's own verdict and best frame, for their last uploads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from ..run_record import RunRecord
from ..workload import Submission

# The number of times the function tries to fetch a best frame before it gives up.
_MAX_FRAME_TRIES = 3


def check_i1_verdicts(run: RunRecord) -> Iterator[str]:
    """I1: each person's result has the verdict on what they uploaded last."""
    for person in run.plan.people:
        result, submission = run.result(person.name), person.latest
        if submission is None:
            if result is not None:
                yield f"{person.name} has a result without having uploaded a reference image"
            continue
        if result is None:
            yield f"I1: {person.name} has no result"
            continue
        answer = submission.live.answer
        assert answer is not None
        expected = {
            "fingerprint": submission.fingerprint,
            "status": answer.status,
            "api": (answer.channel, answer.code, submission.live.token),
            "similarity": answer.sim if answer.channel == "result" else None,
            "inputs": [submission.live.md5, submission.image.md5],
        }
        api = result["api"] or {}
        actual = {
            "fingerprint": result["fingerprint"],
            "status": result["status"],
            "api": (api.get("channel"), api.get("result"), api.get("description")),
            "similarity": result["similarity"],
            "inputs": [each["md5"] for each in result["inputs"]],
        }
        for name in expected:
            if actual[name] != expected[name]:
                yield f"I1: {name} of {person.name} is {actual[name]}, not {expected[name]}"


def check_i4_frames(run: RunRecord) -> Iterator[str]:
    """I4: the best frame is of this very package and photo.

    It may be missing if every try to fetch it failed, or if an instance crashed between the record
    of the answer and that of the frame's URL.
    """
    for person, submission in run.complete:
        result, answer = run.result(person.name), submission.live.answer
        if result is None or answer is None or answer.code != "Success":
            continue
        key = result["best_frame"]["key"]
        stored = run.bucket.get(key) if key else None
        if stored is None:
            is_lost = _failed_tries(run, submission) >= _MAX_FRAME_TRIES
            if key or not (is_lost or _lost_its_url(run, submission)):
                yield f"I4: there is no best frame of {person.name}"
            continue
        body, live, image = stored.body(), submission.live, submission.image
        if stored.blob.md5 != result["best_frame"]["md5"]:
            yield f"I4: the best frame of {person.name} has another MD5 than the result says"
        if live.md5.encode() not in body or image.token.encode() not in body:
            yield f"the best frame of {person.name} is not of {live.token}{image.token}"


def _failed_tries(run: RunRecord, submission: Submission) -> int:
    """Count the failed reads of the frame, whose URL is kept until the frame is stored."""
    keys = run.bucket.keys(_frame_urls(submission))
    kept = [stored for key in keys if (stored := run.bucket.get(key))]
    urls = [json.loads(each.body())["url"] for each in kept]
    keys = [unquote(urlsplit(url).path[1:]) for url in urls]
    return sum(each.key in keys and each.status != 200 for each in run.recording.requests)


def _lost_its_url(run: RunRecord, submission: Submission) -> bool:
    """Tell whether the frame's URL was never stored."""
    return not any(
        each.method == "PUT" and each.status == 200 and each.key.startswith(_frame_urls(submission))
        for each in run.recording.effects
    )


def _frame_urls(submission: Submission) -> str:
    """Return what the keys of the URLs of this content's frames begin with."""
    return submission.ledger.replace("/claims/", "/frame-urls/").removesuffix("/") + "-"
