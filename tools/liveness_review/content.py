"""Everything that the page shows about one pair, read from the bucket with the reviewer's keys."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

from liveness.errors import ConfigurationError, LivenessError
from liveness.keys import best_frame_key, result_key
from liveness.store import RetryingStore, StoredObject
from liveness_cli.console import ignore_progress
from liveness_cli.environment import Target
from liveness_cli.errors import reason_of_error
from liveness_cli.operator.explain import explanation_of
from liveness_cli.operator.reader import Reader

from .decisions import Shown, ShownPicture, list_numbers, load_decision
from .document import (
    MAX_RESULT_BYTES,
    JudgedInput,
    ResultDocument,
    UnreadableResult,
    read_document,
)
from .pictures import NoPicture, Picture, identify
from .rows import DecisionRow

# More than any camera's JPEG has; a frame of the service has less than one.
_MAX_PICTURE_BYTES = 24 * 1024 * 1024


class LoadedPicture(NamedTuple):
    """A picture that is shown: what it is, its bytes, and the object that they came from."""

    kind: Picture
    body: bytes
    shown: ShownPicture


class PairContent(NamedTuple):
    """One pair as it is now."""

    pair_id: str
    result: ResultDocument | UnreadableResult | None
    reference: LoadedPicture | NoPicture
    frame: LoadedPicture | NoPicture
    decisions: Sequence[DecisionRow]
    explanation: Mapping[str, Any] | None
    """The value of `liveness explain`; None if these keys may not read the ledger."""
    explanation_problem: str

    @property
    def shown(self) -> Shown | None:
        """The subject of a decision; None if there is nothing to decide."""
        if not isinstance(self.result, ResultDocument):
            return None
        return Shown(
            self.result.fingerprint,
            self.result.sha256,
            self.reference.shown if isinstance(self.reference, LoadedPicture) else None,
            self.frame.shown if isinstance(self.frame, LoadedPicture) else None,
        )

    @property
    def is_replaced(self) -> bool:
        """Whether the inputs have changed since the result."""
        if self.explanation is None or self.explanation["fingerprint"] is None:
            return False
        result = self.explanation["result"]
        return result is not None and not result["of_current_inputs"]

    @property
    def contradiction(self) -> Mapping[str, Any] | None:
        """The recorded response, if it contradicts the result: then one of them was edited."""
        if not isinstance(self.result, ResultDocument) or self.is_replaced:
            return None
        responses = [r for r in (self.explanation or {}).get("responses", ()) if not r["damaged"]]
        if not responses:
            return None
        said = (self.result.status, self.result.similarity)
        if any((response["status"], response["similarity"]) == said for response in responses):
            return None
        latest: Mapping[str, Any] = responses[-1]
        return latest if self.result.attempts else None


def read_content(target: Target, pair_id: str, language: str) -> PairContent:
    """Read a pair: its result and decisions, both pictures, and its history.

    A result that cannot be read is an error; a history that these keys may not read is not.
    Raises ConfigurationError, StoreUnavailableError.
    """
    store, settings = target.read_only_store, target.settings
    stored = _result(target, store, pair_id)
    result = read_document(settings, pair_id, stored) if stored else None
    document = result if isinstance(result, ResultDocument) else None
    # Not in the shared pool: each of these may itself use that pool.
    with ThreadPoolExecutor(4) as pool:
        reference = pool.submit(_reference, target, store, document)
        frame = pool.submit(_frame, target, store, pair_id, document)
        decisions = pool.submit(_decisions, target, store, pair_id)
        explanation = pool.submit(_explanation, target, pair_id, language)
        history, problem = explanation.result()
        return PairContent(
            pair_id=pair_id,
            result=result,
            reference=reference.result(),
            frame=frame.result(),
            decisions=decisions.result(),
            explanation=history,
            explanation_problem=problem,
        )


def is_unchanged(target: Target, pair_id: str, shown: Shown) -> bool:
    """Return whether the bucket still contains exactly what was shown.

    An input that was deleted meanwhile is no change: the decision is about what was shown.
    Raises ConfigurationError, StoreUnavailableError.
    """
    store, settings = target.read_only_store, target.settings
    stored = _result(target, store, pair_id)
    if stored is None or hashlib.sha256(stored.body).hexdigest() != shown.result_sha256:
        return False
    document = read_document(settings, pair_id, stored)
    if not isinstance(document, ResultDocument):
        return False
    expected = [(settings.bucket, item.key, item.etag) for item in document.inputs if item.etag]
    if shown.best_frame is not None:
        expected.append((settings.result_bucket, shown.best_frame.key, shown.best_frame.etag))
    heads = target.concurrency.gather(
        *(partial(store.head, bucket, key) for bucket, key, _ in expected)
    )
    return all(
        head is None or head.etag == etag
        for head, (_, _, etag) in zip(heads, expected, strict=True)
    )


def _result(target: Target, store: RetryingStore, pair_id: str) -> StoredObject | None:
    key = result_key(target.settings, pair_id)
    return store.get(target.settings.result_bucket, key, MAX_RESULT_BYTES + 1)


def _reference(
    target: Target, store: RetryingStore, document: ResultDocument | None
) -> LoadedPicture | NoPicture:
    """Read the reference photo that was judged; a later replacement is never shown instead."""
    if document is None:
        return NoPicture("picture_no_result")
    judged = document.reference
    if judged is None:
        return NoPicture("picture_ambiguous")
    return _picture(store, target.settings.bucket, judged)


def _frame(
    target: Target, store: RetryingStore, pair_id: str, document: ResultDocument | None
) -> LoadedPicture | NoPicture:
    if document is None:
        return NoPicture("picture_no_result")
    if document.frame_key is None or document.frame_md5 is None:
        return NoPicture("picture_no_frame")
    key = best_frame_key(target.settings, pair_id, document.frame_md5)
    expected = JudgedInput("frame", key, "", None, None, None)
    loaded = _picture(store, target.settings.result_bucket, expected)
    if isinstance(loaded, LoadedPicture):
        md5 = hashlib.md5(loaded.body, usedforsecurity=False).hexdigest()
        if md5 != document.frame_md5:
            return NoPicture("picture_replaced")
    return loaded


def _picture(store: RetryingStore, bucket: str, expected: JudgedInput) -> LoadedPicture | NoPicture:
    try:
        stored = store.get(bucket, expected.key, _MAX_PICTURE_BYTES + 1)
    except ConfigurationError:
        return NoPicture("picture_refused")
    except LivenessError:
        return NoPicture("picture_unavailable")
    if stored is None:
        return NoPicture("picture_gone")
    head, body = stored
    if expected.etag and head.etag != expected.etag:
        return NoPicture("picture_replaced")
    if len(body) > _MAX_PICTURE_BYTES:
        return NoPicture("picture_too_large")
    if len(body) < head.size:
        return NoPicture("picture_unavailable")  # the connection broke off
    sha256 = hashlib.sha256(body).hexdigest()
    if expected.sha256 is not None and sha256 != expected.sha256:
        return NoPicture("picture_replaced")
    kind = identify(body)
    if isinstance(kind, NoPicture):
        return kind
    return LoadedPicture(kind, body, ShownPicture(expected.key, head.etag, head.size, sha256))


def _decisions(target: Target, store: RetryingStore, pair_id: str) -> Sequence[DecisionRow]:
    settings = target.settings
    numbers = list_numbers(store, settings, pair_id)
    if not numbers:
        return []
    tasks = (partial(load_decision, store, settings, pair_id, number) for number in numbers)
    return [row for row in target.concurrency.gather(*tasks) if row is not None]


def _explanation(
    target: Target, pair_id: str, language: str
) -> tuple[Mapping[str, Any] | None, str]:
    try:
        snapshot = Reader(target, ignore_progress).read_pair(pair_id)
        return explanation_of(snapshot, language), ""
    except LivenessError as error:
        return None, reason_of_error(error)
