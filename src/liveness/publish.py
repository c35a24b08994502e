"""Step 5 of the walk: the frame, then `result.json`, which is what downstream waits for.

A result is a function of its response record. It never names a frame that is not there, and one
with its frame does not stay replaced by one without.
"""

from __future__ import annotations

import contextlib
from typing import Protocol

from .backlog import Marker, park
from .decision import outcome_of_response
from .errors import LivenessError, StoreUnavailable
from .face import Answer
from .frames import Frame, FrameCopy, NoFrame, fetch_frame, frame_md5
from .keys import best_frame_key, result_key
from .ledger import Response
from .look import Unusable, Work
from .result import document
from .services import Services
from .store import JPEG, JSON
from .verdicts import Outcome, own_reason

# A request whose reply was lost has landed by then, or never will.
_LANDS_LATE_SECONDS = 120.0
_NO_CALL = NoFrame("no call was made")
_NO_ANSWER = NoFrame("no call was answered")


class Tell(Protocol):
    """Logs an event of the walk."""

    def __call__(self, event: str, **fields: object) -> None: ...


class Publisher:
    """Publishes what was found out about one pair."""

    def __init__(self, services: Services, pair_id: str, tell: Tell) -> None:
        self._on = services
        self._pair_id = pair_id
        self._tell = tell
        self._frame_may_land = False  # a PUT of it got no reply

    def result(self, work: Work, response: Response, frame: FrameCopy | NoFrame | None) -> Outcome:
        """Publish what the record says; `frame` where it was dealt with already."""
        answer, outcome = response.answer, outcome_of_response(response)
        detail = answer.flaw if answer else ""
        if frame is None:
            frame = self._put_frame(self.fetch(answer)) if answer else _NO_ANSWER
        if answer is None or isinstance(frame, FrameCopy) or not answer.best_frame_url:
            self._put(work, outcome, detail, response, frame)
            return outcome
        self._tell("pair.frame-missing", why=frame.why)
        frame = self.frame_lying_there(answer) or frame
        self._put(work, outcome, detail, response, frame)
        # Another invocation may have fetched it and published between our look and our PUT.
        if isinstance(frame, NoFrame) and (copied := self.frame_lying_there(answer)):
            self._put(work, outcome, detail, response, copied)
        elif isinstance(frame, NoFrame) and self._frame_may_land:
            self._look_again_later()
        return outcome

    def unusable(self, found: Unusable) -> Outcome:
        """Publish that a pair is not worth a call."""
        outcome = own_reason(found.reason)
        self._put(found.work, outcome, found.detail, None, _NO_CALL)
        return outcome

    def fetch(self, answer: Answer) -> Frame | NoFrame:
        """The best frame that the answer names, checked."""
        on = self._on
        scheme = on.settings.endpoint_scheme
        return fetch_frame(on.frames, answer, scheme, on.clock, on.chance, on.concurrency)

    def try_put_frame(self, frame: Frame | NoFrame) -> FrameCopy | NoFrame | None:
        """None where it did not work now: `result` tries again."""
        try:
            return self._put_frame(frame)
        except LivenessError:
            self._frame_may_land = True
            return None

    def frame_lying_there(self, answer: Answer) -> FrameCopy | None:
        """The frame as some invocation copied it before."""
        settings, md5 = self._on.settings, frame_md5(answer)
        if md5 is None:
            return None
        key = best_frame_key(settings, self._pair_id, md5)
        head = self._on.store.head(settings.result_bucket, key)
        return FrameCopy(md5, head.size) if head and head.md5 in (md5, None) else None

    def _put_frame(self, frame: Frame | NoFrame) -> FrameCopy | NoFrame:
        if isinstance(frame, NoFrame):
            return frame
        settings = self._on.settings
        key = best_frame_key(settings, self._pair_id, frame.md5)
        self._on.store.put(settings.result_bucket, key, frame.body, JPEG, {})
        return FrameCopy(frame.md5, len(frame.body))

    def _put(
        self,
        work: Work,
        outcome: Outcome,
        detail: str,
        response: Response | None,
        frame: FrameCopy | NoFrame,
    ) -> None:
        on, now = self._on, self._on.clock.now()
        body, metadata = document(
            on.settings, work, outcome, detail, response, frame, on.origin, now
        )
        key = result_key(on.settings, self._pair_id)
        parked = False

        def look_again_later() -> None:
            nonlocal parked
            parked = self._look_again_later()

        try:
            on.store.put(
                on.settings.result_bucket, key, body, JSON, metadata, failed=look_again_later
            )
        except StoreUnavailable as error:
            error.parked = parked
            raise

    def _look_again_later(self) -> bool:
        """A write without a reply may land when a newer result lies there already.

        Returns whether a marker for it exists.
        """
        on = self._on
        marker = Marker(self._pair_id, "a write may land late", 0)
        with contextlib.suppress(LivenessError):
            park(on.settings, on.store, on.chance, marker, _LANDS_LATE_SECONDS)
            self._tell("pair.parked", seconds=_LANDS_LATE_SECONDS, why=marker.reason)
            return True
        return False
