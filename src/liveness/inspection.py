"""Steps 1 and 6 of the walk: reads the inputs and the current result, and classifies them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from .errors import ConfigurationError, ObjectUnreadableError, UnreadableReplyError
from .keys import (
    ATTEMPT_META,
    FINGERPRINT_META,
    FRAME_META,
    FRAME_MISSING,
    IMAGE,
    LIVE,
    REASON_META,
    STATUS_META,
    InputKey,
    breaker_key,
    candidate_keys,
    control_key,
    drain_busy_key,
    drain_shard_of,
    drain_slot_key,
    fingerprint_of,
    inputs_prefix,
    is_spelled_as_configured,
    pair_hash,
    read_input_key,
    result_key,
)
from .records import Response
from .runtime import Concurrency
from .settings import Settings
from .store import ObjectHead, RetryingStore
from .verdicts import REFUSALS, outcome_of_response

# The local outcomes that need no call; see verdict_table.py.
ARCHIVED, ENCRYPTED, UNREADABLE = "InputArchived", "InputEncrypted", "InputUnreadable"
AMBIGUOUS = "InputAmbiguous"
INVALID_REASONS = (
    AMBIGUOUS,
    "InputEmpty",
    "InputTooLarge",
    ARCHIVED,
    ENCRYPTED,
    UNREADABLE,
)
_PROBLEMS = {
    ARCHIVED: "is in archive storage",
    ENCRYPTED: "is encrypted with a customer's key",
    UNREADABLE: "or its metadata cannot be read by the function",
}


class Input(NamedTuple):
    """One input object as it was when it was inspected."""

    role: str
    key: str
    etag: str
    size: int
    last_modified: float  # seconds since 1970
    md5: str | None
    problem: str = ""  # one of INVALID_REASONS, if the object cannot be read


class CompletePair(NamedTuple):
    """Both inputs of a pair; the same inputs always have the same fingerprint."""

    pair_id: str
    fingerprint: str
    inputs: tuple[Input, ...]

    @property
    def live(self) -> Input:
        return next(item for item in self.inputs if item.role == LIVE)

    @property
    def image(self) -> Input:
        return next(item for item in self.inputs if item.role == IMAGE)


class IncompletePair(NamedTuple):
    """A pair that lacks at least one input."""

    pair_id: str
    missing: tuple[str, ...]  # roles
    present: tuple[Input, ...]


class InvalidPair(NamedTuple):
    """A complete pair that must not be sent; `reason` is one of INVALID_REASONS."""

    pair: CompletePair
    reason: str
    detail: str


class Inspection(NamedTuple):
    """What was found: the state of the inputs, and the head of `result.json`."""

    inputs: CompletePair | IncompletePair | InvalidPair
    result: ObjectHead | None
    drain_active: bool = False  # whether a drainer is busy now, if that was asked
    breaker: ObjectHead | None = None  # the head of breaker.json, if that was asked

    @property
    def pair(self) -> CompletePair | None:
        """The complete pair, valid or not; None if an input is missing."""
        if isinstance(self.inputs, IncompletePair):
            return None
        return self.inputs.pair if isinstance(self.inputs, InvalidPair) else self.inputs

    @property
    def missing(self) -> tuple[str, ...]:
        """The roles that have no input yet."""
        return self.inputs.missing if isinstance(self.inputs, IncompletePair) else ()

    @property
    def objects(self) -> tuple[Input, ...]:
        """The inputs that exist."""
        if isinstance(self.inputs, IncompletePair):
            return self.inputs.present
        return self.pair.inputs if self.pair else ()

    @property
    def result_fingerprint(self) -> str | None:
        return self.result.metadata.get(FINGERPRINT_META) if self.result else None

    @property
    def result_status(self) -> str | None:
        return self.result.metadata.get(STATUS_META) if self.result else None

    @property
    def result_is_current(self) -> bool:
        """Whether the result is for the current inputs."""
        return self.pair is not None and self.result_fingerprint == self.pair.fingerprint

    @property
    def result_is_invalid(self) -> bool:
        """Whether the result says that an input is invalid, so that no call was made."""
        reason = self.result.metadata.get(REASON_META) if self.result else None
        return reason in INVALID_REASONS

    @property
    def result_lacks_frame(self) -> bool:
        """Whether the result lacks a best frame that the service gave."""
        return self.result is not None and self.result.metadata.get(FRAME_META) == FRAME_MISSING

    @property
    def result_may_be_revised(self) -> bool:
        """Whether an operator may grant another attempt after this result."""
        reason = self.result.metadata.get(REASON_META) if self.result else None
        return self.result_status == "failed" or reason in REFUSALS

    @property
    def result_is_final(self) -> bool:
        """Whether the result is for the current inputs, and nothing else can outdate it."""
        return (
            self.result_is_current
            and not self.invalid_result_is_outdated()
            and not self.result_may_be_revised
            and not self.result_lacks_frame
        )

    def invalid_result_is_outdated(self) -> bool:
        """Whether the result calls inputs invalid that are valid now, since a limit was raised."""
        return self.result_is_invalid and isinstance(self.inputs, CompletePair)

    def revisable_result_is_outdated(self, response: Response | None, grants: int) -> bool:
        """Whether a result that may be revised is not the last word, given the recorded response.

        An operator may have granted another attempt: it is still to be made, or it was made but
        not published, or a slow walk published the earlier result after it.
        """
        if self.result is None or not self.result_may_be_revised:
            return False
        if response is None:
            return grants > 0
        if self.result.metadata.get(ATTEMPT_META) != str(response.attempt):
            return True
        return outcome_of_response(response).status != self.result_status


def inspect(
    settings: Settings,
    store: RetryingStore,
    concurrency: Concurrency,
    pair_id: str,
    with_drain: bool = False,
    as_configured: bool = False,
) -> Inspection:
    """HEAD every key an input may have, and `result.json`, in one round trip.

    With `with_drain`, HEAD the drainer's busy key and the breaker as well. Keys are computed, not
    listed: GET Bucket is eventually consistent (document 436/30614), and two simultaneous events
    would each miss the other's input. Keys in another case are listed only for inputs that are
    missing as configured, and never if `as_configured`: so no event for an ordinary key costs a
    further request, and reconcile finds such a pair at the latest. An input as configured hides
    others of its role.
    """
    keys = candidate_keys(settings, pair_id)
    drain_keys: tuple[str, ...] = ()
    if with_drain:
        shard = drain_shard_of(settings, pair_hash(pair_id))
        slot = drain_slot_key(settings, store.now(), shard)
        drain_keys = drain_busy_key(slot), breaker_key(settings)
    inputs: list[Any] = [lambda key=key: _read_input(settings, store, key) for key in keys]
    *found, result = concurrency.gather(
        *inputs,
        *(lambda key=key: store.head(settings.ledger_bucket, key) for key in drain_keys),
        lambda: store.head(settings.result_bucket, result_key(settings, pair_id)),
    )
    objects, drain = found[: len(keys)], found[len(keys) :]
    if keys and not any(objects):
        # A HEAD's 404 may mean a missing key or a missing bucket; a GET raises for the latter.
        store.get(settings.bucket, control_key(settings), max_bytes=0)
    present = [item for item in objects if item]
    classified = classify(settings, pair_id, present)
    if isinstance(classified, IncompletePair) and not as_configured:
        present += _inputs_in_other_case(settings, store, concurrency, classified)
        classified = classify(settings, pair_id, present)
    if not with_drain:
        return Inspection(classified, result)
    busy, breaker = drain
    return Inspection(classified, result, busy is not None, breaker)


def has_package(
    settings: Settings, store: RetryingStore, concurrency: Concurrency, pair_id: str
) -> bool:
    """HEAD the keys of the liveness package alone: without one the pair is incomplete anyway."""
    keys = [key for key in candidate_keys(settings, pair_id) if key.role == LIVE]
    tasks = [partial(_read_input, settings, store, key) for key in keys]
    return bool(tasks) and any(concurrency.gather(*tasks))


def is_unchanged(
    settings: Settings, store: RetryingStore, concurrency: Concurrency, pair: CompletePair
) -> bool:
    """HEAD the pair's inputs again, but no other keys that an input may have."""
    keys = [InputKey(item.key, pair.pair_id, item.role) for item in pair.inputs]
    inputs = concurrency.gather(
        *(lambda key=key: _read_input(settings, store, key) for key in keys)
    )
    return tuple(inputs) == pair.inputs


def _inputs_in_other_case(
    settings: Settings, store: RetryingStore, concurrency: Concurrency, pair: IncompletePair
) -> list[Input]:
    """Find the missing inputs of a pair under keys whose suffix is in another case."""
    page = store.list(settings.bucket, inputs_prefix(settings, pair.pair_id), "")
    keys = [
        key
        for key in (read_input_key(settings, item.key) for item in page.items)
        if isinstance(key, InputKey)
        and (key.pair_id, is_spelled_as_configured(settings, key)) == (pair.pair_id, False)
        and key.role in pair.missing
    ]
    if not keys:
        return []
    found = concurrency.gather(*(partial(_read_input, settings, store, key) for key in keys))
    return [item for item in found if item]


def _read_input(settings: Settings, store: RetryingStore, key: InputKey) -> Input | None:
    """HEAD an input; if it cannot be read, or not by us, return it with a problem."""
    try:
        head = store.head(settings.bucket, key.key)
    except ObjectUnreadableError as error:
        return Input(key.role, key.key, "", 0, 0.0, None, error.reason)
    except (ConfigurationError, UnreadableReplyError):
        if not may_read(settings, store):
            raise
        return Input(key.role, key.key, "", 0, 0.0, None, UNREADABLE)
    if head is None:
        return None
    problem = ARCHIVED if head.is_archived else ""
    return Input(key.role, key.key, head.etag, head.size, head.last_modified, head.md5, problem)


def may_read(settings: Settings, store: RetryingStore) -> bool:
    """Whether we may read inputs at all, so that a failure concerns one object alone.

    Raises StoreUnavailableError.
    """
    try:
        store.get(settings.bucket, control_key(settings), max_bytes=0)
    except ConfigurationError:
        return False
    return True


def classify(
    settings: Settings, pair_id: str, inputs: Sequence[Input]
) -> CompletePair | IncompletePair | InvalidPair:
    """Decide whether the existing inputs are a complete, incomplete or invalid pair. Pure."""
    missing = tuple(role for role in (LIVE, IMAGE) if all(item.role != role for item in inputs))
    if missing:
        return IncompletePair(pair_id, missing, tuple(inputs))
    fingerprint = fingerprint_of(pair_id, ((item.key, item.etag, item.size) for item in inputs))
    pair = CompletePair(pair_id, fingerprint, tuple(inputs))
    limits = {LIVE: settings.max_live_bytes, IMAGE: settings.max_image_bytes}
    return _invalid(pair, limits) or pair


def _invalid(pair: CompletePair, limits: Mapping[str, int]) -> InvalidPair | None:
    if len(pair.inputs) > 2:
        keys = ", ".join(repr(item.key) for item in pair.inputs)
        return InvalidPair(pair, AMBIGUOUS, f"expected one of each, found: {keys}")
    for item in pair.inputs:
        if item.problem:
            return InvalidPair(pair, item.problem, f"{item.key!r} {_PROBLEMS[item.problem]}")
        if item.size == 0:
            return InvalidPair(pair, "InputEmpty", f"{item.key!r} is empty")
        if item.size > limits[item.role]:
            return InvalidPair(
                pair,
                "InputTooLarge",
                f"{item.key!r} has {item.size} bytes, the limit is {limits[item.role]}",
            )
    return None
