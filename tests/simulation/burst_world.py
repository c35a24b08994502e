"""A simulated world for bursts of uploads: object store, face API and platform in virtual time.

The code of src/liveness runs in it unchanged, from `Function` on; only its remotes, clock, random
numbers and concurrency are simulated. Nothing fails here but what the limiter of the face API
throttles: how bursts are handled under faults is the subject of tests/simulation/deterministic.
"""

from __future__ import annotations

import hashlib
import json
import math
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from liveness.cloud.clients import Clients
from liveness.cloud.credentials import Credentials
from liveness.errors import ObjectChangedError, ObjectGoneError
from liveness.face_api import Answer, DetectRequest, NoFrame, NoReply, NotSent, UploadTarget
from liveness.handler import Function
from liveness.records import LATE_ANSWER_SECONDS
from liveness.settings import Settings
from liveness.store import CreateResult, Digests, ListedObject, ObjectHead, Page, StoredObject
from liveness_sandbox.faceid.rate_limit import Algorithm

from .kernel import Kernel, SimChance, SimClock, SimConcurrency
from .markers import markers
from .resources import Connections, Cpu, Distribution, InstanceDied, Resources, Uniform

BUCKET = "faces-1250000000"
REFUSAL_SECONDS = 0.02  # from a call that is refused to its caller
FRAME = b"\xff\xd8\xff frame of "


class _Object(NamedTuple):
    body: bytes
    md5: str
    written: float
    first_written: float
    metadata: Mapping[str, str]


def listed_object(key: str, written: float, etag: str, size: int) -> ListedObject:
    """Return an object as a listing shows it; earlier functions do not read its size."""
    shown: dict[str, Any] = {"size": size} if "size" in ListedObject._fields else {}
    return ListedObject(key, written, etag, **shown)


class SimStore:
    """An object store in which every operation takes one round trip, a listing possibly longer."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.objects: dict[str, _Object] = {}
        self._keys: list[str] = []  # sorted
        self.requests = 0  # there and back: two for each
        self.trip_seconds: Distribution = Uniform(0.002, 0.010)  # one way
        self.listing_seconds = 0.0  # that a listing takes beside both ways

    def _trip(self) -> None:
        self.requests += 1
        self._kernel.sleep(self.trip_seconds.draw(self._kernel.random))

    def _head(self, key: str, stored: _Object) -> ObjectHead:
        size, md5 = len(stored.body), stored.md5
        written, now = float(int(stored.written)), float(int(self._kernel.now))
        return ObjectHead(key, size, md5, md5, written, now, stored.metadata)

    def write(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> None:
        now, before = self._kernel.now, self.objects.get(key)
        if before is None:
            insort(self._keys, key)
        since = before.first_written if before else now
        md5 = hashlib.md5(body).hexdigest()
        self.objects[key] = _Object(body, md5, now, since, metadata or {})

    def write_all(self, objects: Iterable[tuple[str, bytes]]) -> None:
        """Write many objects of new keys at once."""
        now = self._kernel.now
        for key, body in objects:
            self.objects[key] = _Object(body, hashlib.md5(body).hexdigest(), now, now, {})
            self._keys.append(key)
        self._keys.sort()

    def remove(self, key: str) -> None:
        if self.objects.pop(key, None) is not None:
            del self._keys[bisect_left(self._keys, key)]

    def keys_below(self, prefix: str) -> list[str]:
        """Return the keys that begin so."""
        first, end = bisect_left(self._keys, prefix), bisect_left(self._keys, prefix + "\U0010ffff")
        return self._keys[first:end]

    def head(self, bucket: str, key: str) -> ObjectHead | None:
        self._trip()
        stored = self.objects.get(key)
        answer = self._head(key, stored) if stored else None
        self._trip()
        return answer

    def get(self, bucket: str, key: str, max_bytes: int) -> StoredObject | None:
        self._trip()
        stored = self.objects.get(key)
        answer = StoredObject(self._head(key, stored), stored.body[:max_bytes]) if stored else None
        self._trip()
        return answer

    def put(
        self, bucket: str, key: str, body: bytes, content_type: str, metadata: Mapping[str, str]
    ) -> None:
        self._trip()
        self.write(key, body, metadata)
        self._trip()

    def create(self, bucket: str, key: str, body: bytes) -> CreateResult:
        self._trip()
        new = key not in self.objects
        if new:
            self.write(key, body)
        date = float(int(self._kernel.now))
        self._trip()
        return CreateResult(new, versioned=False, date=date if new else None)

    def delete(self, bucket: str, key: str) -> None:
        self._trip()
        self.remove(key)
        self._trip()

    def list(self, bucket: str, prefix: str, after: str) -> Page:
        self._trip()
        if self.listing_seconds:
            self._kernel.sleep(self.listing_seconds)
        keys = self._keys
        first = bisect_right(keys, after) if after >= prefix else bisect_left(keys, prefix)
        keys = [key for key in keys[first : first + 1001] if key.startswith(prefix)]
        found = [(key, self.objects[key]) for key in keys[:1000]]
        page = tuple(
            listed_object(key, stored.written, stored.md5, len(stored.body))
            for key, stored in found
        )
        self._trip()
        return Page(page, page[-1].key if len(keys) > 1000 else None)

    def digest(self, bucket: str, key: str, etag: str) -> Digests:
        stored = self.get(bucket, key, 1 << 40)
        if stored is None:
            raise ObjectGoneError(key)
        if stored.head.etag != etag:
            raise ObjectChangedError(key)
        return Digests(etag)

    def presign(self, bucket: str, key: str, seconds: int) -> str:
        return f"https://{BUCKET}.cos.ap-singapore.myqcloud.com/{key}"

    def upload_to_url(self, bucket: str, key: str, etag: str, url: str) -> Digests:
        return self.digest(bucket, key, etag)

    def fetch(self, url: str, max_bytes: int) -> bytes | NoFrame:
        self._trip()
        self._trip()
        return FRAME + url.rpartition("/")[2].encode()


class SimFace:
    """The face API: it admits `rate` calls per second, and each takes about a second."""

    def __init__(self, kernel: Kernel, limiter: Algorithm, rate: float) -> None:
        self._kernel = kernel
        self.limiter = limiter
        self._rate = rate
        self.way_seconds: Distribution = Uniform(0.02, 0.06)  # from a caller to the API
        self.call_seconds: Distribution = Uniform(0.6, 1.4)
        self.billed: dict[str, int] = {}
        self.arrivals: list[float] = []
        self.throttled: list[float] = []
        self.durations: list[float] = []  # of the calls that were admitted
        self.unanswered: set[str] = set()  # pairs of which a call was answered too late
        self.busy_seconds = 0.0

    def use(self, seconds: float, pair: str) -> Answer:
        """Make one call, as its caller sees it, however long it takes."""
        answer = self.use_within(math.inf, pair, lambda answer: None)
        assert isinstance(answer, Answer)
        return answer

    def use_within(
        self, seconds: float, pair: str, on_late_answer: Callable[[Answer], None]
    ) -> Answer | NoReply:
        """Make one call; what comes after so many seconds is a late answer."""
        began = self._kernel.now
        self._kernel.sleep(self.way_seconds.draw(self._kernel.random))
        self.arrivals.append(self._kernel.now)
        if not self.limiter.admit(self._rate, self._kernel.now):
            self.throttled.append(self._kernel.now)
            self._kernel.sleep(REFUSAL_SECONDS)
            return Answer("error", "RequestLimitExceeded", "", "r")
        self.billed[pair] = self.billed.get(pair, 0) + 1
        duration = self.call_seconds.draw(self._kernel.random)
        self.durations.append(duration)
        md5 = hashlib.md5(FRAME + pair.encode()).hexdigest()
        url = f"https://x.cos.ap-singapore.myqcloud.com/{pair}"
        answer = Answer("result", "Success", "", "r", 96.3, url, True, md5)
        left = began + seconds - self._kernel.now
        self._kernel.sleep(min(duration, left))
        self.busy_seconds += self._kernel.now - began
        if duration <= left:
            return answer
        self.unanswered.add(pair)
        if duration - left <= LATE_ANSWER_SECONDS:
            self._kernel.spawn(lambda: on_late_answer(answer), after=duration - left)
        return NoReply("late")

    def detect(
        self, request: DetectRequest, seconds: float, on_late_answer: Callable[[Answer], None]
    ) -> Answer | NotSent | NoReply:
        return self.use_within(seconds, request.live_url.split("/")[-2], on_late_answer)

    def reserve_connection(self) -> None:
        return None

    def upload_target(self, seconds: float) -> UploadTarget | Answer | NotSent:
        raise NotImplementedError


class InstanceStore:
    """The store as one instance reaches it: requests cost its share of a core, and connections."""

    def __init__(self, store: SimStore, cpu: Cpu, resources: Resources, kernel: Kernel) -> None:
        self._store = store
        self._cpu = cpu
        self._resources = resources
        self._connections = Connections(
            kernel, cpu, resources, store.trip_seconds, resources.store_connections
        )

    def _request(self, work: Callable[[], Any]) -> Any:
        self._cpu.use(self._resources.request / 2)
        self._connections.take()
        try:
            answer = work()
        finally:
            self._connections.give_back()
        self._cpu.use(self._resources.request / 2)
        return answer

    def list(self, bucket: str, prefix: str, after: str) -> Page:
        page: Page = self._request(lambda: self._store.list(bucket, prefix, after))
        self._cpu.use(len(page.items) * self._resources.listed_key)
        return page

    def presign(self, bucket: str, key: str, seconds: int) -> str:
        return self._store.presign(bucket, key, seconds)

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        """Return any other verb, as one request."""
        method = getattr(self._store, verb)
        return lambda *args: self._request(lambda: method(*args))


class InstanceFace:
    """The face API as one instance reaches it: see InstanceStore."""

    def __init__(self, face: SimFace, cpu: Cpu, resources: Resources, kernel: Kernel) -> None:
        self._kernel = kernel
        self._face = face
        self.calls = 0
        self._cpu = cpu
        self._resources = resources
        self.connections = Connections(
            kernel, cpu, resources, face.way_seconds, resources.face_connections
        )

    def reserve_connection(self) -> Callable[[], None] | None:
        return self.connections.reserve()

    def detect(
        self, request: DetectRequest, seconds: float, on_late_answer: Callable[[Answer], None]
    ) -> Answer | NotSent | NoReply:
        latest = self._kernel.now + seconds
        self.calls += 1
        self._cpu.use(self._resources.call / 2)
        self.connections.take()
        if self._kernel.now >= latest:
            return NotSent("not connected in time")
        reply = self._face.detect(request, latest - self._kernel.now, on_late_answer)
        if isinstance(reply, Answer):
            self.connections.give_back()
        self._cpu.use(self._resources.call / 2)
        return reply

    def upload_target(self, seconds: float) -> UploadTarget | Answer | NotSent:
        return self._face.upload_target(seconds)


class Instance:
    """An instance of the function: the real one, over its share of what there is."""

    def __init__(self, world: BurstWorld) -> None:
        kernel, resources = world.kernel, world.resources
        self.cpu = Cpu(kernel, resources)
        self.idle_since = kernel.now
        self._face: InstanceFace | None = None
        if resources.is_free:
            self._clients = Clients(world.store, world.face, world.store)
        else:
            store: Any = InstanceStore(world.store, self.cpu, resources, kernel)
            self._face = InstanceFace(world.face, self.cpu, resources, kernel)
            self._clients = Clients(store, self._face, store)
        self.function = Function(
            clock=_InstanceClock(kernel, self.cpu),
            rng=SimChance(kernel),
            concurrency=SimConcurrency(kernel),
            clients=self,
            environ=world.environ,
            write=lambda line: world.write(line),
        )

    @property
    def calls(self) -> int:
        """How many calls it made, if its resources are limited."""
        return self._face.calls if self._face else 0

    def die(self) -> None:
        """End whatever it does: at its next request, or where it waits for one or for a time."""
        self.cpu.is_stopped = True

    def connect(self, settings: Settings, credentials: Credentials) -> Clients:
        return self._clients


class _InstanceClock(SimClock):
    def __init__(self, kernel: Kernel, cpu: Cpu) -> None:
        super().__init__(kernel)
        self._cpu = cpu

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self._cpu.use(0)


class BurstWorld:
    """Store, face API and platform; `handler` is what an instance does with an event."""

    def __init__(self, seed: int, limiter: Algorithm, rate: float, instances: int = 500) -> None:
        self.kernel = Kernel(seed)
        self.store = SimStore(self.kernel)
        self.face = SimFace(self.kernel, limiter, rate)
        self.uploaded: dict[str, float] = {}
        self.instance_seconds = 0.0
        self.handler: Callable[[dict[str, Any]], Any] = lambda event: None
        self.lost: list[str] = []  # events whose every try failed
        self.under_way = 0  # events that are neither handled nor lost
        self._free = instances
        self.timeout = 900.0  # of the function, seconds
        self.settings: dict[str, str] = {}
        self.resources = Resources()  # of each instance
        # For so long an instance waits for another event; 0: every event gets a new one.
        self.idle_instances_live = 0.0
        self.instances: list[Instance] = []  # all that ever started
        self._idle_instances: list[Instance] = []
        self.write: Callable[[str], Any] = lambda line: None  # what the function logs

    # ---- the platform

    @property
    def environ(self) -> dict[str, str]:
        """The environment of the function."""
        return {
            "TENCENTCLOUD_REGION": "ap-singapore",
            "TENCENTCLOUD_SECRETID": "id",
            "TENCENTCLOUD_SECRETKEY": "key",
            "LIVENESS_BUCKET": BUCKET,
            **self.settings,
        }

    def run_function(self, event: dict[str, Any]) -> Any:
        """Handle an event by the real function, in an idle instance or a new one."""
        instance = self._instance()
        try:
            return instance.function(event, {"time_limit_in_ms": self.timeout * 1000})
        finally:
            instance.idle_since = self.kernel.now
            if not instance.cpu.is_stopped:
                self._idle_instances.append(instance)

    def _instance(self) -> Instance:
        oldest = self.kernel.now - self.idle_instances_live
        while self._idle_instances:
            instance = self._idle_instances.pop()
            if instance.idle_since > oldest:
                return instance
            self._idle_instances.clear()  # those below were idle even longer
        instance = Instance(self)
        self.instances.append(instance)
        instance.cpu.use(self.resources.start)
        return instance

    def deliver(self, event: dict[str, Any], retries: int = 2) -> None:
        """Deliver an event asynchronously by the platform's rules.

        Over the quota it is retried every minute; after an error `retries` times.
        """

        def attempt(tries_left: int) -> None:
            if self._free == 0:
                self.kernel.spawn(lambda: attempt(tries_left), after=60)
                return
            self._free -= 1
            began = self.kernel.now
            try:
                self.handler(event)
                self.under_way -= 1
            except (Exception, InstanceDied):
                if tries_left:
                    self.kernel.spawn(lambda: attempt(tries_left - 1), after=60)
                else:
                    self.under_way -= 1
                    self.lost.append(json.dumps(event))
            finally:
                self.instance_seconds += self.kernel.now - began
                self._free += 1

        self.under_way += 1
        self.kernel.spawn(lambda: attempt(retries))

    def minute_timer(self) -> None:
        """Start a timer that fires at every full minute."""
        self.timer("drain", every=60)

    def timer(self, message: str, every: int) -> None:
        """Start a timer that sends this message at all multiples of so many seconds."""

        def tick() -> None:
            while True:
                self.kernel.sleep(every - self.kernel.now % every)
                self.deliver({"Type": "Timer", "Message": message})

        self.kernel.spawn(tick)

    # ---- the customer

    def upload(self, pair: str) -> None:
        """Store both inputs and deliver the events of both."""
        self.store_pair(pair)
        for event in self.events(pair):
            self.deliver(event)

    def upload_input(self, key: str) -> None:
        """Store one input and deliver its event."""
        self.store.write(key, key.encode())
        self.deliver(_event(key))

    def store_backlog(self, pairs: Iterable[str], first_due: float, last_due: float) -> None:
        """Store pairs whose events ended in a marker: due from then to then, evenly."""
        names = list(pairs)
        inputs = [(key, key.encode()) for pair in names for key in self.input_keys(pair)]
        rng = SimChance(self.kernel)
        self.store.write_all(inputs + markers(self.environ, rng, names, first_due, last_due))
        for number, pair in enumerate(names):
            self.uploaded[pair] = first_due + (last_due - first_due) * number / len(names)

    def store_pair(self, pair: str) -> None:
        self.uploaded[pair] = self.kernel.now
        for key in self.input_keys(pair):
            self.store.write(key, key.encode())

    def input_keys(self, pair: str) -> list[str]:
        """Return the keys of both inputs, the liveness package's first."""
        return [f"liveness/incoming/{pair}/{name}" for name in ("live.bin", "reference.jpg")]

    def events(self, pair: str) -> list[dict[str, Any]]:
        """Return the events that the uploads of both inputs send."""
        return [_event(key) for key in self.input_keys(pair)]

    def upload_at(self, pair: str, after: float) -> None:
        self.kernel.spawn(lambda: self.upload(pair), after)

    def latencies(self) -> dict[str, float]:
        """Return the seconds from upload to first result of every pair that has one."""
        took = {}
        for pair, uploaded in self.uploaded.items():
            stored = self.store.objects.get(f"liveness/results/{pair}/result.json")
            if stored is not None:
                took[pair] = stored.first_written - uploaded
        return took


def _event(key: str) -> dict[str, Any]:
    return {
        "Records": [
            {
                "cos": {
                    "cosBucket": {"name": "faces", "appid": "1250000000", "region": "sgp"},
                    "cosObject": {"key": f"/1250000000/faces/{key}"},
                },
                "event": {"eventName": "cos:ObjectCreated:Put"},
            }
        ]
    }
