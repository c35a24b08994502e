"""Who the people of the demo are, and the outcome for each."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, NamedTuple

# Similarities on the vendor's scale that make people look twice.
_DOUBTFUL = (69.4, 70.8, 72.1, 74.6, 76.9, 78.3)
_IMPOSTORS = (31.7, 44.2, 52.8, 58.9, 63.5, 66.2, 68.7)
IMPOSTOR_PASSED = 75.5
"""The similarity of the one person who passes as another and is not decided on yet."""
_CODES = (
    "FailedOperation.LivessDetectFake",
    "FailedOperation.LivessDetectFake",
    "FailedOperation.LifePhotoDetectFake",
    "FailedOperation.ActionLightDark",
    "FailedOperation.ActionLightDark",
    "FailedOperation.SilentFaceWithMaskFail",
    "FailedOperation.ActionFaceFar",
    "FailedOperation.SilentMultiFaceFail",
    "FailedOperation.LifePhotoDetectNoFaces",
    "FailedOperation.LifePhotoPoorQuality",
)


class Submission(NamedTuple):
    """One content of a pair: who is in each picture, and what the API answers."""

    reference: int
    live: int
    """Numbers of people; the same if it is the same person."""
    answer: dict[str, Any]
    """The liveness package's instructions for the sandbox."""


class Applicant(NamedTuple):
    """One pair: its submissions, in order, and what people decide afterwards."""

    pair_id: str
    submissions: Sequence[Submission]
    decisions: Sequence[tuple[str, str, str, str]] = ()
    """Reviewer, decision, reason code and note."""


class Waiting(NamedTuple):
    """A pair that has no result: which of its inputs exist."""

    pair_id: str
    has_live: bool
    has_reference: bool


def applicants() -> list[Applicant]:
    """Return sixty people of every outcome, in the order in which they apply."""
    draw = random.Random("applicants")
    people: list[Applicant] = []

    def add(
        live: int | None, answer: dict[str, Any], *decisions: tuple[str, str, str, str]
    ) -> None:
        number = len(people)
        submission = Submission(number, number if live is None else live, answer)
        people.append(Applicant(f"kyc-{20417 + 13 * number}", [submission], decisions))

    for _ in range(29):
        add(None, {"sim": round(min(99.4, max(80.2, draw.gauss(92.5, 4.5))), 1)})
    for similarity in _DOUBTFUL:
        add(None, {"sim": similarity})
    for offset, similarity in enumerate(_IMPOSTORS):
        add(200 + offset, {"sim": similarity})
    for offset, similarity in enumerate((72.4, IMPOSTOR_PASSED)):  # another person, and passed
        add(300 + offset, {"sim": similarity})
    for code in _CODES:
        add(None, {"code": code})
    add(None, {"code": "FailedOperation.CompareLowSimilarity", "sim": 21.3})
    add(None, {"sim": 94.1, "frame": "missing"})
    add(None, {"code": "FailedOperation"})
    draw.shuffle(people)
    # One who tries until the limit of a pair is reached, one with another's recording, and one
    # whose third recording passes.
    people.append(_retried("kyc-21289", 400, [401] * 6, (33.1, 41.0, 38.7, 44.4, 40.2, 43.5)))
    replayed = people[0].submissions[0]._replace(reference=402)
    people.append(Applicant("kyc-21296", [replayed]))
    people.append(_retried("kyc-21302", 403, [404, 404, 403], (48.3, 61.9, 71.6)))
    return _decided(people)


def waiting() -> list[Waiting]:
    """Return pairs that have no result yet."""
    return [
        Waiting("kyc-21318", has_live=True, has_reference=False),
        Waiting("kyc-21325", has_live=False, has_reference=True),
        Waiting("kyc-21331", has_live=True, has_reference=True),
    ]


def _retried(
    pair_id: str, reference: int, lives: Sequence[int], similarities: Sequence[float]
) -> Applicant:
    """Return a pair with one recording uploaded after another."""
    return Applicant(
        pair_id,
        [
            Submission(reference, live, {"sim": similarity})
            for live, similarity in zip(lives, similarities, strict=True)
        ],
    )


def _decided(people: list[Applicant]) -> list[Applicant]:
    """Let two reviewers decide on some of the latest ones, once against each other."""
    decided: list[Applicant] = []
    remaining = {"approve": 6, "reject": 4, "retake": 2, "disputed": 1}
    for applicant in reversed(people):
        submission = applicant.submissions[-1]
        similarity = submission.answer.get("sim", 96.3)
        is_same = submission.reference == submission.live
        decisions: list[tuple[str, str, str, str]] = []
        if "code" in submission.answer:
            if submission.answer["code"].endswith("ActionLightDark") and remaining["retake"]:
                remaining["retake"] -= 1
                decisions = [("lin", "retake", "poor-picture", "")]
        elif is_same and 73 < similarity < 77 and remaining["disputed"]:
            remaining["disputed"] -= 1
            decisions = [
                ("lin", "approve", "same-person", ""),
                ("tan", "reject", "different-person", "The ears and the chin differ."),
            ]
        elif len(applicant.submissions) > 5:
            pass  # the last one was not judged
        elif not is_same and similarity != IMPOSTOR_PASSED and remaining["reject"]:
            remaining["reject"] -= 1
            decisions = [("tan", "reject", "different-person", "")]
        elif is_same and remaining["approve"] and similarity < 93:
            remaining["approve"] -= 1
            decisions = [("lin", "approve", "same-person", "")]
        decided.append(applicant._replace(decisions=decisions))
    return decided[::-1]
