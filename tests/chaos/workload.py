"""What people upload in a run, and the answer to each: no two inputs are alike, nor two answers.

Every input contains a token of its own, such as `<anna live 1>`, and instructs the sandbox to
answer with it. So any mix-up between two people, or between old and new content, is visible.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from dataclasses import dataclass
from functools import cached_property

from liveness.keys import fingerprint_of, pair_hash

NAMES = ("anna", "bert", "cleo", "dora", "emil", "fred")
LIVE, IMAGE = "live", "image"
FILES = {LIVE: "live.bin", IMAGE: "reference.jpg"}
_TOKEN = re.compile(rb"<(\w+) (live|image) (\d+)>")


@dataclass(frozen=True)
class Answer:
    """An answer of the face API, and the status of the result that follows."""

    code: str
    status: str
    sim: float
    channel: str = "result"


@dataclass(frozen=True)
class Content:
    """The bytes of one input, which contain its token."""

    owner: str
    role: str
    number: int
    body: bytes
    answer: Answer | None = None  # of a liveness package only

    @property
    def key(self) -> str:
        return f"liveness/incoming/{self.owner}/{FILES[self.role]}"

    @property
    def token(self) -> str:
        return _token(self.owner, self.role, self.number)

    @cached_property
    def md5(self) -> str:
        return hashlib.md5(self.body).hexdigest()


@dataclass(frozen=True)
class Submission:
    """One content of a pair: a liveness package with a reference image."""

    live: Content
    image: Content

    @property
    def owner(self) -> str:
        return self.live.owner

    @cached_property
    def fingerprint(self) -> str:
        inputs = [(item.key, item.md5, len(item.body)) for item in (self.live, self.image)]
        return fingerprint_of(self.owner, inputs)

    @property
    def ledger(self) -> str:
        """The folder of its claims and responses."""
        return f"liveness/ledger/claims/{pair_hash(self.owner)}/{self.fingerprint}/"


def live(owner: str, number: int, rng: random.Random) -> Content:
    """Make a liveness package that instructs the sandbox to give an answer of its own."""
    answer = _answer(rng)
    instruction = {
        "sandbox": True,
        "code": answer.code,
        "sim": answer.sim,
        "channel": answer.channel,
        "description": _token(owner, LIVE, number),
        "delay": round(rng.uniform(0, 0.03), 3),  # seconds
    }
    return Content(owner, LIVE, number, json.dumps(instruction).encode(), answer)


def image(owner: str, number: int, photo: bytes) -> Content:
    """Make a photo with its token in a comment after the start of the JPEG (ITU T.81, B.2.4.5)."""
    text = _token(owner, IMAGE, number).encode()
    comment = b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text
    return Content(owner, IMAGE, number, photo[:2] + comment + photo[2:])


def owners_in(body: bytes) -> set[str]:
    """Return the owners of all inputs whose tokens occur in these bytes."""
    return {match[1].decode() for match in _TOKEN.finditer(body)}


def _token(owner: str, role: str, number: int) -> str:
    return f"<{owner} {role} {number}>"


def _answer(rng: random.Random) -> Answer:
    # Four decimals: two answers hardly ever agree.
    similar, different = round(rng.uniform(70, 100), 4), round(rng.uniform(1, 69.9), 4)
    return rng.choice(
        (
            Answer("Success", "passed", similar),
            Answer("Success", "passed", similar),
            Answer("Success", "rejected", different),
            Answer("FailedOperation.CompareLowSimilarity", "rejected", different),
            Answer("FailedOperation.CompareLowSimilarity", "rejected", 0.0, "error"),
            Answer("FailedOperation.LivessDetectFail", "rejected", 0.0),
            Answer("FailedOperation.ActionOpenMouth", "retake", 0.0, "error"),
            # A content that is never judged: it ends with the service's own code.
            Answer("FailedOperation.CompressVideoError", "failed", 0.0, "error"),
        )
    )
