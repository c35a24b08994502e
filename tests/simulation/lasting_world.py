"""The world of burst_world.py with what lasts: outages, refusals, inputs that never work.

Conditions have a beginning and an end. What a pair's inputs are like is in its name: `unusable`
returns names of pairs that nobody can judge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

from liveness.errors import ConfigurationError, ObjectUnreadableError
from liveness.face_api import Answer, DetectRequest, NoReply, NotSent
from liveness.inspection import ENCRYPTED
from liveness.keys import FINGERPRINT_META, STATUS_META, read_marker_key
from liveness.store import CreateResult, ObjectHead
from liveness_sandbox.faceid.rate_limit import SlidingWindow

from .burst_world import BurstWorld, SimFace, SimStore

RATE = 5
# How the API can be gone, and what its caller then learns.
GATEWAY_503 = "gateway 503"  # soon, no usable reply
HANGING = "hanging"  # no reply until the deadline
REFUSED = "refused handshakes"  # soon, that nothing was sent
SLOW_NAMES = "slow name resolution"  # at the deadline, that nothing was sent
OUTAGES = (GATEWAY_503, HANGING, REFUSED, SLOW_NAMES)
ARREARS = "arrears"
FORBIDDEN = "no permission to write claims"
NO_ACCESS = "no access to COS"
# What a look tells.
ARCHIVED, SSE_C, UNREADABLE = "archived", "sse-c", "unreadable"
LOOKS = (ARCHIVED, SSE_C, UNREADABLE)
# What the API answers to some contents, always.
CODES = (
    "FailedOperation.CompressVideoError",
    "FailedOperation.UnKnown",
    "FailedOperation.DownLoadError",
    "FailedOperation.LivessSystemError",
    "InvalidParameterValue",
)
_UNUSABLE = "unusable"
_ARREARS_CODE = "UnauthorizedOperation.Arrears"
_THROTTLED_CODE = "RequestLimitExceeded"


def unusable(kind: str, number: int) -> str:
    """Return the name of a pair that cannot be judged; the kind is one of LOOKS or CODES."""
    return f"{_UNUSABLE}-{kind}-{number}"


def _unusable_kind(name: str) -> str | None:
    """Return the kind in the name of a pair, or in a key; None if it can be judged."""
    pair = name.removeprefix("liveness/incoming/").partition("/")[0]
    return pair.split("-", 1)[1].rpartition("-")[0] if pair.startswith(_UNUSABLE) else None


class Condition(NamedTuple):
    """Something that lasts, from and to a moment; kinds are the constants of this module."""

    kind: str
    begin: float
    end: float


class Conditions:
    """What lasts at a moment."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._all: list[Condition] = []
        self._kinds: set[str] = set()

    def add(self, kind: str, begin: float, end: float) -> None:
        self._all.append(Condition(kind, begin, end))
        self._kinds.add(kind)

    def holds(self, kind: str) -> bool:
        """Whether a condition of that kind holds now."""
        now = self._now()
        return kind in self._kinds and any(
            one.kind == kind and one.begin <= now < one.end for one in self._all
        )

    def now(self) -> Condition | None:
        """Return the condition that holds now, if any does."""
        now = self._now()
        return next((one for one in self._all if one.begin <= now < one.end), None)


class LastingFace(SimFace):
    """A face API that may be gone or refuse the account, and that never judges some contents."""

    conditions: Conditions

    def __init__(self, world: BurstWorld) -> None:
        super().__init__(world.kernel, SlidingWindow(), RATE)
        self.judged: Counter[str] = Counter()  # answers with a code, by pair that cannot be judged
        self.began: list[float] = []  # when each call began

    def detect(
        self, request: DetectRequest, seconds: float, on_late_answer: Callable[[Answer], None]
    ) -> Answer | NotSent | NoReply:
        kernel = self._kernel
        pair = request.live_url.split("/")[-2]
        self.began.append(kernel.now)
        condition = self.conditions.now()
        if condition is not None and condition.kind in OUTAGES:
            reply = self._be_gone(condition, seconds)
            if reply is not None:
                if isinstance(reply, NoReply):
                    self.unanswered.add(pair)
                return reply
        kind = _unusable_kind(pair)
        if condition is not None and condition.kind == ARREARS:
            return self._error(_ARREARS_CODE)
        if kind is not None:
            return self._refuse_to_judge(pair, kind)
        return self.use_within(seconds, pair, on_late_answer)

    def _be_gone(self, condition: Condition, seconds: float) -> NotSent | NoReply | None:
        """Return what a caller learns; None if the service is back before it gives up."""
        kernel, kind = self._kernel, condition.kind
        if kind == SLOW_NAMES and condition.end < kernel.now + seconds:
            kernel.sleep(condition.end - kernel.now)
            return None
        if kind in (HANGING, SLOW_NAMES):
            kernel.sleep(seconds)
        else:
            kernel.sleep(self.way_seconds.draw(kernel.random))
        return NoReply(kind) if kind in (HANGING, GATEWAY_503) else NotSent(kind)

    def _refuse_to_judge(self, pair: str, code: str) -> Answer:
        self._kernel.sleep(self.way_seconds.draw(self._kernel.random))
        if not self.limiter.admit(self._rate, self._kernel.now):
            self.throttled.append(self._kernel.now)
            return self._error(_THROTTLED_CODE)
        self.judged[pair] += 1
        return self._error(code)

    def _error(self, code: str) -> Answer:
        self._kernel.sleep(self._kernel.random.uniform(0.1, 0.3))
        return Answer("error", code, "", "r")


class LastingStore(SimStore):
    """An object store in which some inputs cannot be read, and at times no claim be written."""

    conditions: Conditions

    def __init__(self, world: BurstWorld) -> None:
        super().__init__(world.kernel)
        self._began = world.kernel.now
        self._trips: Counter[int] = Counter()  # there and back, by hour

    def _trip(self) -> None:
        super()._trip()
        self._trips[int((self._kernel.now - self._began) // 3600)] += 1
        if self.conditions.holds(NO_ACCESS):
            raise ConfigurationError("COS answered 403")

    def requests_in(self, hour: int) -> int:
        """Return the number of requests in that hour since the world began."""
        return self._trips[hour] // 2

    @property
    def all_requests(self) -> int:
        return self.requests // 2

    def head(self, bucket: str, key: str) -> ObjectHead | None:
        head = super().head(bucket, key)
        if head is None or not key.endswith("/live.bin"):
            return head
        kind = _unusable_kind(key)
        if kind == SSE_C:
            raise ObjectUnreadableError(ENCRYPTED, "COS answered 400 to a HEAD")
        if kind == UNREADABLE:
            raise ConfigurationError("COS answered 403 to a HEAD")
        return head._replace(is_archived=kind == ARCHIVED)

    def create(self, bucket: str, key: str, body: bytes) -> CreateResult:
        if "/claims/" in key and self.conditions.holds(FORBIDDEN):
            self._trip()
            self._trip()
            raise ConfigurationError("COS answered 403 to a PUT")
        return super().create(bucket, key, body)

    def marker_counts(self) -> Counter[str]:
        """Return how many markers there are, by the hash of their pair."""
        return Counter(key.split("-")[1] for key in self.marker_keys())

    def due_times(self) -> dict[str, float]:
        """Return when the first marker of each pair is due, by the hash of the pair."""
        due: dict[str, float] = {}
        for key in self.marker_keys():
            marker = read_marker_key(key)
            assert marker is not None and marker.due is not None, key
            due.setdefault(marker.pair_hash, marker.due)  # keys begin with the time
        return due

    def marker_keys(self) -> list[str]:
        return self.keys_below("liveness/ledger/pending/")


class LastingWorld(BurstWorld):
    """A world in which conditions last; `with_timers` both fire, of the drain and of reconcile."""

    face: LastingFace
    store: LastingStore

    def __init__(self, seed: int = 1, with_timers: bool = True) -> None:
        super().__init__(seed, SlidingWindow(), RATE)
        self.store = LastingStore(self)
        self.face = LastingFace(self)
        self.conditions = Conditions(lambda: self.kernel.now)
        self.store.conditions = self.face.conditions = self.conditions
        self.handler = self.run_function
        self.began = self.kernel.now
        if with_timers:
            self.minute_timer()
            self.timer("reconcile", every=3600)

    def upload_apart(self, pair: str, after: float, apart: float = 1.0) -> None:
        """Upload the photo some time after the package: the first event finds no pair yet."""

        def upload() -> None:
            live, image = self.input_keys(pair)
            events = self.events(pair)
            self.store.write(live, live.encode())
            self.deliver(events[0])
            self.kernel.sleep(apart)
            self.store.write(image, image.encode())
            self.uploaded[pair] = self.kernel.now
            self.deliver(events[1])

        self.kernel.spawn(upload, after)

    def run_until_done(self, seconds: float, expected: int, step: float = 5.0) -> bool:
        """Run until so many pairs have a result and no marker is left, at most for so long."""
        latest = self.kernel.now + seconds
        while self.kernel.now < latest:
            self.kernel.run(until=min(latest, self.kernel.now + step))
            if len(self.uploaded) == expected and self.is_done():
                return True
        return False

    def is_done(self) -> bool:
        if self.store.marker_keys():
            return False
        return all(self.result_of(pair) is not None for pair in self.uploaded)

    def result_of(self, pair: str) -> Mapping[str, str] | None:
        """Return the metadata of a pair's result; None if there is none."""
        stored = self.store.objects.get(f"liveness/results/{pair}/result.json")
        return (
            stored.metadata if stored is not None and FINGERPRINT_META in stored.metadata else None
        )

    def statuses(self, prefix: str = "") -> Counter[str]:
        """Return how many pairs, of those whose names begin so, have a result of each status."""
        results = [self.result_of(pair) for pair in self.uploaded if pair.startswith(prefix)]
        return Counter(result[STATUS_META] if result else "none" for result in results)

    def finished_at(self) -> dict[str, float]:
        """Return when each pair got its first result, in seconds since the world began."""
        return {
            pair: self.uploaded[pair] + seconds - self.began
            for pair, seconds in self.latencies().items()
        }
