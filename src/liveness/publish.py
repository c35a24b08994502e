"""Step 5 of the walk: publishes the best frame, then `result.json`, which downstream waits for.

A result is a function of its response record. It never names a frame that is not stored, and a
result with a frame is never replaced for good by one without.
"""

from __future__ import annotations

from typing import Protocol

from .best_frame import (
    BestFrame,
    StoredFrame,
    delete_frame_url,
    fetch_frame,
    find_frame_url,
    frame_md5,
)
from .context import Context
from .errors import LivenessError, PairNotFinishedError, StoreUnavailableError
from .face_api import Answer, NoFrame
from .inspection import CompletePair, InvalidPair
from .keys import best_frame_key, result_key
from .markers import Marker, ParkReason, try_park
from .records import Response
from .result import Finding, build_result
from .store import JPEG, JSON, ObjectHead
from .verdict_table import Outcome
from .verdicts import TOO_MANY_SUBMISSIONS, local_outcome, outcome_of_response

# After this long, a request whose reply was lost has taken effect, or never will.
_LATE_WRITE_SECONDS = 120.0
_NO_CALL = NoFrame("no call was made")
_NO_ANSWER = NoFrame("no call was answered")


class StepLog(Protocol):
    """Logs an event of the walk."""

    def __call__(self, event: str, **fields: object) -> None: ...


class Publisher:
    """Publishes the results of one pair."""

    def __init__(self, ctx: Context, pair_id: str, log: StepLog) -> None:
        self._ctx = ctx
        self._pair_id = pair_id
        self._log = log
        self._frame_write_unconfirmed = False
        self._recheck_scheduled = False
        self.published: ObjectHead | None = None
        """What a HEAD of the result that was last published would return."""

    def publish_result(
        self, pair: CompletePair, response: Response, frame: StoredFrame | NoFrame | None
    ) -> Outcome:
        """Publish what the record says; `frame` is None unless it was handled already.

        Raises PairNotFinishedError.
        """
        answer, outcome = response.answer, outcome_of_response(response)
        if frame is None:
            frame = self._obtain_frame(pair, response)
        finding = Finding(pair, outcome, _detail(response), response, frame)
        if answer is None or isinstance(frame, StoredFrame) or not answer.has_best_frame:
            self._put(finding)
            return outcome

        self._log("pair.best-frame-missing", reason=frame.reason)
        found = self.find_stored_frame(answer)
        self._put(finding._replace(frame=found or frame))
        if found is None:
            # Another invocation may have stored it and published between our look and our PUT.
            found = self.find_stored_frame(answer)
            if found:
                self._put(finding._replace(frame=found))
            elif self._frame_write_unconfirmed:
                self.schedule_recheck()
        return outcome

    def publish_invalid(self, inputs: InvalidPair) -> Outcome:
        """Publish that a pair is invalid, without a call. Raises PairNotFinishedError."""
        outcome = local_outcome(inputs.reason)
        self._put(Finding(inputs.pair, outcome, inputs.detail, None, _NO_CALL))
        return outcome

    def _obtain_frame(self, pair: CompletePair, response: Response) -> StoredFrame | NoFrame:
        """Fetch and store the frame of a recorded answer. Raises StoreUnavailableError."""
        answer = response.answer
        if answer is None:
            return _NO_CALL if response.refusal else _NO_ANSWER
        url = ""
        if answer.has_best_frame:
            url = find_frame_url(self._ctx, pair, response.attempt)
        return self._store_frame(fetch_frame(self._ctx, answer, url))

    def try_store_frame(self, frame: BestFrame | NoFrame) -> StoredFrame | NoFrame | None:
        """Store the frame; None if that failed for now: `publish_result` tries again."""
        try:
            return self._store_frame(frame)
        except LivenessError:
            self._frame_write_unconfirmed = True
            return None

    def find_stored_frame(self, answer: Answer) -> StoredFrame | None:
        """Return the answer's frame if any invocation has stored it."""
        settings, md5 = self._ctx.settings, frame_md5(answer)
        if md5 is None:
            return None
        key = best_frame_key(settings, self._pair_id, md5)
        head = self._ctx.store.head(settings.result_bucket, key)
        return StoredFrame(md5, head.size) if head and head.md5 in (md5, None) else None

    def _store_frame(self, frame: BestFrame | NoFrame) -> StoredFrame | NoFrame:
        if isinstance(frame, NoFrame):
            return frame
        settings = self._ctx.settings
        key = best_frame_key(settings, self._pair_id, frame.md5)
        self._ctx.store.put(settings.result_bucket, key, frame.body, JPEG, {})
        return StoredFrame(frame.md5, len(frame.body))

    def _put(self, finding: Finding) -> None:
        ctx = self._ctx
        result = build_result(ctx.settings, finding, ctx.info, ctx.clock.now())
        self._recheck_scheduled = False

        def put() -> None:
            ctx.store.put(
                ctx.settings.result_bucket,
                result_key(ctx.settings, self._pair_id),
                result.body,
                JSON,
                result.metadata,
                on_first_failure=self.schedule_recheck,
            )

        tasks, response, pair = [put], finding.response, finding.pair
        if response and isinstance(finding.frame, StoredFrame):
            attempt = response.attempt
            tasks.insert(0, lambda: delete_frame_url(ctx, pair, attempt))
        try:
            ctx.concurrency.gather(*tasks)
        except StoreUnavailableError as error:
            raise PairNotFinishedError(error, marker_written=self._recheck_scheduled) from error
        now, key = ctx.store.now(), result_key(ctx.settings, self._pair_id)
        self.published = ObjectHead(key, len(result.body), "", None, now, now, result.metadata)

    def schedule_recheck(self, extra_seconds: float = 0.0) -> None:
        """Park the pair: an unacknowledged write may yet overwrite a newer result."""
        marker, seconds = Marker(self._pair_id, ParkReason.LATE_WRITE), _LATE_WRITE_SECONDS
        seconds += extra_seconds
        self._recheck_scheduled = try_park(self._ctx, marker, seconds)
        if self._recheck_scheduled:
            self._log("pair.parked", seconds=seconds, reason=ParkReason.LATE_WRITE.code)


def _detail(response: Response) -> str:
    """Return what the operator should know about this outcome, if anything."""
    admission = response.admission
    if response.refusal == TOO_MANY_SUBMISSIONS and admission:
        return f"LIVENESS_MAX_SUBMISSIONS admits {admission.limit} contents of a pair"
    return response.answer.contract_violation if response.answer else ""
