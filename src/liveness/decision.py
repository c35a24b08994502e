"""From what the API answered to the verdict. Pure, and a function of the record alone.

The threshold is the one that was in force when the answer was kept: publishing again later, after
a crash, can never turn a person who passed into one who did not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .face import Answer
from .verdicts import Outcome, outcome_of, own_reason

if TYPE_CHECKING:
    from .ledger import Response


def outcome_of_answer(answer: Answer, threshold: float) -> Outcome:
    """The same code means the same as a Result and as an API error."""
    if answer.flaw:
        return own_reason("MalformedAnswer")
    outcome = outcome_of(answer.code, answer.description)
    if outcome.status == "passed":
        if answer.channel != "result" or answer.similarity is None:
            return own_reason("MalformedAnswer")
        if answer.similarity < threshold:
            return own_reason("SimilarityBelowThreshold")
    return outcome


def may_be_billed(answer: Answer) -> bool:
    """An answer outside the contract may hide a billed one."""
    return bool(answer.flaw) or outcome_of(answer.code, answer.description).billed


def outcome_of_response(response: Response) -> Outcome:
    """The verdict of a response record; a given-up one has failed."""
    if response.answer is None:
        return own_reason("GivenUp")
    return outcome_of_answer(response.answer, response.threshold)
