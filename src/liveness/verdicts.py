"""Decides what an answer of the API means, and what happens next. Pure.

A verdict is a function of the response record alone: its threshold is the one that was in force
when the answer was recorded. Publishing again later can never turn a pass into a rejection.
"""

from __future__ import annotations

from typing import NamedTuple

from .face_api import Answer, NoReply, NotSent
from .records import Response
from .verdict_table import (
    CONFIGURATION,
    LOCAL_OUTCOMES,
    TABLE,
    TRANSIENT,
    UNLISTED,
    Outcome,
    Owner,
)

# Why a content must not be called for; see admission.py.
TOO_MANY_SUBMISSIONS, PACKAGE_REUSED = "TooManySubmissions", "PackageReused"
REFUSALS = (TOO_MANY_SUBMISSIONS, PACKAGE_REUSED)

_BY_NAME = {row.code: row for row in TABLE}
_LOCAL = {row.code: row for row in LOCAL_OUTCOMES}
_VERDICT_FAMILIES = ("FailedOperation", "InternalError")
# Families whose message may mention a bad link; so may a code without a family, as in `Result`.
_LINK_FAMILIES = (*_VERDICT_FAMILIES, "InvalidParameter", "InvalidParameterValue")


# ---- outcomes


def outcome_of(code: str, message: str = "") -> Outcome:
    """Return the meaning of an API error code or of `Result`, given the message next to it.

    Any value may be passed; one that is not a string counts as empty, and an empty code is
    UNKNOWN. The message matters only for bad links, and never overrules an answer that is billed.
    """
    if not isinstance(code, str) or not code:
        return UNLISTED
    row = _row_of(code)
    if not row.billed and _is_bad_link(code, message):
        row = _BY_NAME["DownLoadError"]
    return row._replace(code=code)


def local_outcome(name: str) -> Outcome:
    """Return an outcome of our own by name; KeyError for any other."""
    return _LOCAL[name]


def outcome_of_answer(answer: Answer, threshold: float) -> Outcome:
    """Return the meaning of an answer; a code means the same as a Result and as an API error."""
    if answer.contract_violation:
        return local_outcome("MalformedAnswer")
    outcome = outcome_of(answer.code, answer.description)
    if outcome.status == "passed":
        if answer.channel != "result" or answer.similarity is None:
            return local_outcome("MalformedAnswer")
        if answer.similarity < threshold:
            return local_outcome("SimilarityBelowThreshold")
    return outcome


def outcome_of_response(response: Response) -> Outcome:
    """Return the outcome of a response record: a verdict, a refusal, or that it was given up.

    An answer that is not a verdict is recorded only when a content has been set back too often;
    its code says why the content was given up.
    """
    if response.answer is None:
        return local_outcome(response.refusal or "GivenUp")
    outcome = outcome_of_answer(response.answer, response.threshold)
    return outcome if outcome.final else local_outcome("GivenUp")._replace(code=outcome.code)


def may_be_billed(answer: Answer) -> bool:
    """Whether the answer may have been billed; one that breaks the contract may hide a bill."""
    return bool(answer.contract_violation) or outcome_of(answer.code, answer.description).billed


# ---- what to do next


class Disposition(NamedTuple):
    """What follows from the reply to a call."""

    owner: Owner | None
    """Whose set-back it is; None: the answer is a verdict, to be recorded."""
    category: str
    detail: str


def dispose(reply: Answer | NotSent | NoReply, threshold: float) -> Disposition:
    """Decide what follows from the reply to a paid call."""
    if isinstance(reply, NoReply):
        return Disposition(Owner.SERVICE, TRANSIENT, reply.reason)
    if isinstance(reply, NotSent):
        return Disposition(Owner.SERVICE, TRANSIENT, f"the call was not sent: {reply.reason}")
    outcome = outcome_of_answer(reply, threshold)
    return Disposition(outcome.owner, outcome.category, f"{reply.code}: {outcome.hint.en}")


def dispose_unprepared(reply: Answer | NotSent) -> Disposition:
    """Decide what follows when CreateUploadUrl failed, which never says anything about a pair."""
    disposition = dispose(reply, threshold=0)
    if disposition.category == CONFIGURATION:
        return disposition._replace(owner=Owner.ACCOUNT)
    if disposition.owner is Owner.ACCOUNT:
        return disposition
    return disposition._replace(owner=Owner.SERVICE, category=TRANSIENT)


# ---- the table


def _row_of(code: str) -> Outcome:
    if code == "Success":
        return _BY_NAME[code]
    family, dot, suffix = code.partition(".")
    name = suffix if dot and family in _VERDICT_FAMILIES else code
    if name == "Success":  # an error of that name is not a success
        return UNLISTED
    return _BY_NAME.get(name) or _BY_NAME.get(name.partition(".")[0] + ".*") or UNLISTED


def _is_bad_link(code: str, message: object) -> bool:
    if _mentions_bad_link(code):
        return True
    family, dot, _ = code.partition(".")
    if dot and family not in _LINK_FAMILIES:
        return False
    return isinstance(message, str) and _mentions_bad_link(message)


def _mentions_bad_link(text: str) -> bool:
    text = text.replace(" ", "").lower()
    return "invalidresourceurl" in text or "md5error" in text
