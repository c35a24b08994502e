"""One invocation: it passes the requests of its code on to store and service, each with a fault."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from liveness.errors import (
    ConfigurationError,
    LivenessError,
    ObjectChangedError,
    ObjectGoneError,
    StoreUnavailableError,
)
from liveness.face_api import Answer, DetectRequest, NoFrame, NoReply, NotSent, UploadTarget
from liveness.retry import DEFAULT_POLICY
from liveness.store import CreateResult, Digests, ListedObject, ObjectHead, Page, StoredObject

from .bucket import Stored, digests, md5
from .faults import (
    BROKEN,
    CRASH_BEFORE,
    DENIED,
    DROPPED,
    FAIL,
    FORBIDDEN,
    GATEWAY,
    GONE,
    LAG,
    LATE,
    LOST,
    OK,
    PAUSES,
    RACE,
    REFUSED,
    SLOW,
    STALE_HEAD,
    STALE_LIST,
    UNANSWERED,
    UNSENT,
    Fault,
    Request,
)
from .instance import Instance

if TYPE_CHECKING:
    from .observations import Call
    from .run import Simulation

# How long the function's COS client waits for a reply.
_TIMEOUT_SECONDS = 10.0
_MARKER = re.compile(r"pending/[^-]*-(\w{8})\w*-.*")
_SLOT = re.compile(r"drain/\d+")
_FRAME = re.compile(r"best-frame-\w+")
_HASHES = re.compile(r"(\w{8})\w{56}")


class Invocation:
    """One delivery of one event to one instance.

    To the code of the function it is the store, the face API and the frame source.
    """

    def __init__(
        self, simulation: Simulation, label: str, event: Mapping[str, Any], instance: Instance
    ) -> None:
        self.label = label
        self.event = event
        self.instance = instance
        self._hit = False  # whether a fault may have ended it
        self._hit_pairs: set[str] = set()  # whose walks a fault may have ended
        self.time_is_unknown = False
        """Its clock is wrong, and it took a slot by a slow request, which does not say by how much.
        """
        self._failed = 0  # the number of requests that failed
        self._failed_of: Counter[str] = Counter()  # the same by pair
        self._late = False  # whether pauses or slow requests delayed it
        self.trace = 0  # a hash of all replies so far
        self._fault = OK  # the kind of fault of the request under way
        self.slowed = False  # whether anything delayed it
        self.drains = "drain" in event or event.get("Message") == "drain"
        self.began = simulation.kernel.now
        self._simulation = simulation
        self._denied = False
        self._names: dict[str, int] = {}
        self.faults = 0  # the number of requests that met one

    @property
    def hit(self) -> bool:
        """Tell whether faults explain an error of this invocation. Nothing else may.

        It survives a few failed requests, but not if it loses the time for retries otherwise.
        """
        return (
            self._hit
            or bool(self._hit_pairs)
            or self._failed >= DEFAULT_POLICY.attempts
            or bool(self._failed and self._late)
        )

    def hit_at(self, pair_id: str) -> bool:
        """Tell whether faults explain that its walk of this pair failed: those of others do not."""
        failed = self._failed_of[pair_id] + self._failed_of[""]
        return (
            self._hit
            or pair_id in self._hit_pairs
            or failed >= DEFAULT_POLICY.attempts
            or bool(failed and self._late)
        )

    def on_kill(self) -> None:
        """The invocation is killed."""
        self._hit = True

    def state(self) -> tuple[object, ...]:
        """Return the same for two invocations that will continue alike.

        What only decides whether an error is excused is left out.
        """
        return self.label, self.trace, self._fault, self._denied

    # ---- requests

    def _request(self, verb: str, key: str) -> tuple[Request, Fault]:
        """Name a request the same way in every run, and choose its fault."""
        name = f"{self.label} {verb} {_name_of(key)}"
        number = self._names[name] = self._names.get(name, 0) + 1
        request = Request(f"{name} {number}", verb, key)
        self.instance.before(request)
        self.instance.check_alive()
        fault = self._simulation.choose_fault(self, request)
        late = fault.kind in PAUSES or fault.before + fault.after > 0.3
        self._late = self._late or late
        if late and verb == "create" and _SLOT.search(key) and self.instance.ahead:
            self.time_is_unknown = True
        self.slowed = self.slowed or late or fault.kind != OK
        self.faults += fault.kind != OK
        self._fault = fault.kind
        return request, fault

    def _at_store(self, verb: str, key: str, effect: Callable[[Fault], Any]) -> Any:
        """Send one request to the store. Raises StoreUnavailable, ConfigurationError."""
        _, fault = self._request(verb, key)
        simulation = self._simulation
        if fault.kind == FORBIDDEN:
            sent = simulation.kernel.now
            self._hit_pairs.add(simulation.checker.observations.input_pair(key) or "")
            self.instance.travel(fault, lambda: simulation.checker.on_head(self, key, sent))
            raise ConfigurationError("COS refuses to read this object")
        if fault.kind == DENIED or self._denied:
            self._denied = self._hit = True
            self.instance.travel(fault, lambda: None)
            raise ConfigurationError("COS rejects the credentials")

        def land() -> Any:
            if fault.kind == FAIL:
                return None
            return effect(fault)

        if fault.kind == LATE:
            self._hit = True
            delay = _TIMEOUT_SECONDS + fault.long
            simulation.hold(delay)
            simulation.kernel.call(land, delay)
            self.instance.wait(_TIMEOUT_SECONDS)
            raise StoreUnavailableError("no reply")
        reply = self.instance.travel(fault, land)
        self._fault = OK
        if fault.kind in (FAIL, LOST):
            self._failed += 1
            self._failed_of[simulation.checker.observations.pair_of(key) or ""] += 1
            raise StoreUnavailableError(fault.kind)
        self.trace = hash((self.trace, verb, key, _distinguishable(reply)))
        return reply

    def _head(self, key: str, stored: Stored) -> ObjectHead:
        return ObjectHead(
            key,
            len(stored.body),
            stored.etag,
            stored.etag if stored.is_md5 else None,
            float(int(stored.written)),
            float(int(self._simulation.kernel.now)),
            stored.metadata,
        )

    # ---- ObjectStore

    def head(self, bucket: str, key: str) -> ObjectHead | None:
        sent = self._simulation.kernel.now

        def head(fault: Fault) -> ObjectHead | None:
            simulation = self._simulation
            stored = simulation.bucket.objects.get(key)
            if fault.kind == STALE_HEAD:
                stored = simulation.bucket.as_it_was(key, simulation.kernel.now - fault.long)
            simulation.checker.on_head(self, key, sent)
            return self._head(key, stored) if stored else None

        reply: ObjectHead | None = self._at_store("head", key, head)
        return reply

    def get(self, bucket: str, key: str, max_bytes: int) -> StoredObject | None:
        sent = self._simulation.kernel.now

        def read(fault: Fault) -> StoredObject | None:
            stored = self._simulation.bucket.objects.get(key)
            if fault.kind == LAG and stored and stored.creator == self.label:
                age = self._simulation.kernel.now - stored.written
                self._failed += age < fault.long
                stored = stored if age >= fault.long else None
            self._simulation.checker.on_get(self, key, stored, sent)
            if stored is None:
                return None
            return StoredObject(self._head(key, stored), stored.body[:max_bytes])

        reply: StoredObject | None = self._at_store("get", key, read)
        return reply

    def put(
        self, bucket: str, key: str, body: bytes, content_type: str, metadata: Mapping[str, str]
    ) -> None:
        def write(fault: Fault) -> None:
            simulation = self._simulation
            if fault.kind == LATE:
                simulation.step(self.label, "put, late", key)
            simulation.checker.before_put(key, metadata)
            simulation.bucket.write(key, body, metadata, self.label)
            simulation.checker.on_put(self, key, body)

        self._at_store("put", key, write)

    def create(self, bucket: str, key: str, body: bytes) -> CreateResult:
        simulation = self._simulation
        sent = simulation.kernel.now

        def create(fault: Fault) -> CreateResult:
            existing = simulation.bucket.objects.get(key)
            if existing is not None:
                # Only two requests of different invocations that were under way at once can race.
                concurrent = existing.written >= sent and existing.creator != self.label
                if fault.kind != RACE or not concurrent:
                    return CreateResult(False, versioned=False, date=None)
                self._hit = True  # it may have been the request that proves create-only to work
                simulation.checker.on_create_race(key)
            simulation.bucket.write(key, body, {}, self.label)
            simulation.checker.on_create(self, key, body)
            return CreateResult(True, versioned=False, date=float(int(simulation.kernel.now)))

        simulation.checker.before_create(self, key)
        created: CreateResult = self._at_store("create", key, create)
        simulation.checker.on_create_reply(self, key, created.created)
        return created

    def delete(self, bucket: str, key: str) -> None:
        def remove(fault: Fault) -> None:
            stored = self._simulation.bucket.objects.get(key)
            self._simulation.bucket.remove(key)
            self._simulation.checker.on_delete(self, key, stored)

        self._simulation.checker.before_delete(self, key)
        self._at_store("delete", key, remove)

    def list(self, bucket: str, prefix: str, after: str) -> Page:
        def page(fault: Fault) -> Page:
            simulation = self._simulation
            if fault.kind == STALE_LIST:
                moment = simulation.kernel.now - fault.long
                keys = list(simulation.bucket.keys_as_they_were(prefix, moment))
            else:
                moment = simulation.kernel.now
                keys = simulation.bucket.keys(prefix)
            matching = [key for key in keys if key > after][:1001]
            items = []
            for key in matching[:1000]:
                stored = simulation.bucket.as_it_was(key, moment)
                assert stored is not None
                items.append(ListedObject(key, float(int(stored.written))))
            return Page(tuple(items), items[-1].key if len(matching) > 1000 else None)

        reply: Page = self._at_store("list", prefix, page)
        return reply

    def _stream(self, verb: str, key: str, etag: str) -> bytes:
        def read(fault: Fault) -> bytes | LivenessError:
            stored = self._simulation.bucket.objects.get(key)
            if stored is None:
                return ObjectGoneError(key)
            return stored.body if stored.etag == etag else ObjectChangedError(key)

        body: bytes | LivenessError = self._at_store(verb, key, read)
        if isinstance(body, LivenessError):
            raise body
        return body

    def digest(self, bucket: str, key: str, etag: str) -> Digests:
        return digests(self._stream("digest", key, etag))

    def presign(self, bucket: str, key: str, seconds: int) -> str:
        return self._simulation.service.presign(key, seconds)

    def upload_to_url(self, bucket: str, key: str, etag: str, url: str) -> Digests:
        body = self._stream("send", key, etag)
        self._simulation.service.upload(url, body)
        self._simulation.checker.on_upload(url, key)
        return digests(body)

    # ---- FaceApi

    def detect(
        self, request: DetectRequest, seconds: float, on_late_answer: Callable[[Answer], None]
    ) -> Answer | NotSent | NoReply:
        simulation, instance = self._simulation, self.instance
        call = simulation.checker.on_call(self, request)
        sent, fault = self._request("detect", call.pair_id)
        if simulation.kills(sent.name, call.pair_id):
            fault = fault._replace(kind=CRASH_BEFORE)
        if fault.kind == UNSENT:
            instance.travel(fault._replace(before=min(fault.before, seconds)), lambda: None)
            simulation.checker.on_reply(call)
            return NotSent("connection refused")
        if fault.kind == GATEWAY:
            self._hit_pairs.add(call.pair_id)
            instance.travel(fault, lambda: None)
            simulation.checker.on_reply_lost(call)
            return NoReply("the reply's status was not 200")
        began = simulation.kernel.now
        takes = simulation.workload.call_seconds * simulation.choices.draw(sent.name + "t")
        fault = fault._replace(before=fault.before + takes)
        arrives = seconds + fault.long if fault.kind == SLOW else fault.before
        if fault.kind == REFUSED:
            self._hit_pairs.add(call.pair_id)
        if fault.kind == DROPPED or arrives + fault.after > seconds:
            self._hit_pairs.add(call.pair_id)
            if fault.kind != DROPPED:
                self._answer_late(call, request, fault, arrives, on_late_answer)
            instance.wait(seconds)
            simulation.checker.on_reply_lost(call)
            return NoReply("no answer in time")
        answer: Answer = instance.travel(fault, lambda: self._judge(call, request, fault.kind))
        self.trace, self._fault = hash((self.trace, answer)), OK
        # After a pause the code notices either the answer first or its own timeout.
        overdue = simulation.kernel.now - began > seconds
        timed_out = overdue and simulation.choices.draw(sent.name + "m") < 0.5
        if timed_out or fault.kind == UNANSWERED:
            self._hit_pairs.add(call.pair_id)
            simulation.checker.on_reply_lost(call)
            if fault.kind != UNANSWERED:
                self._deliver_late(call, on_late_answer, answer)
            return NoReply("no answer in time")
        simulation.checker.on_reply(call)
        return answer

    def _answer_late(
        self,
        call: Call,
        request: DetectRequest,
        fault: Fault,
        arrives: float,
        on_late_answer: Callable[[Answer], None],
    ) -> None:
        """Let the call be judged after the deadline; its instance may still get to know."""
        simulation = self._simulation

        def judge() -> None:
            answer = self._judge(call, request, fault.kind)
            deliver = partial(self._deliver_late, call, on_late_answer, answer)
            simulation.kernel.call(deliver, fault.after, self.instance.name)

        simulation.hold(arrives + fault.after)
        simulation.kernel.call(judge, arrives)

    def _deliver_late(
        self, call: Call, on_late_answer: Callable[[Answer], None], answer: Answer
    ) -> None:
        checker, faults = self._simulation.checker, self.faults
        checker.on_late_answer(call)

        def on_end() -> None:
            checker.on_out_of_hand(call, self._denied or self.faults > faults)

        self.instance.run_late(on_late_answer, answer, on_end)

    def _judge(self, call: Call, request: DetectRequest, kind: str) -> Answer:
        judgement = self._simulation.service.respond(request, kind, self.label)
        self._simulation.checker.on_judgement(call, judgement)
        return judgement.answer

    def reserve_connection(self) -> None:
        return None

    def upload_target(self, seconds: float) -> UploadTarget | Answer | NotSent:
        request, fault = self._request("upload_target", "")
        if fault.kind in (FAIL, DENIED):
            return NotSent("connection refused")
        url = self.instance.travel(
            fault, lambda: self._simulation.service.upload_target(request.name.replace(" ", "-"))
        )
        return UploadTarget(url, url)

    # ---- FrameSource

    def fetch(self, url: str, max_bytes: int) -> bytes | NoFrame:
        _, fault = self._request("fetch", "frame")
        body = self.instance.travel(fault, lambda: self._simulation.service.frame(url))
        self._fault = OK
        if fault.kind == FAIL:
            raise StoreUnavailableError("503")
        self.trace = hash((self.trace, body, fault.kind))
        if body is None or fault.kind == GONE:
            return NoFrame("it is gone")
        return body + b"?" if fault.kind == BROKEN else body

    # ---- Chance

    def token(self) -> str:
        number = self._names["nonce"] = self._names.get("nonce", 0) + 1
        return md5(f"{self.label}/{number}".encode())[:24]

    def uniform(self, limit: float) -> float:
        number = self._names["chance"] = self._names.get("chance", 0) + 1
        return limit * self._simulation.choices.draw(f"{self.label} chance {number}")


@lru_cache(4096)
def _name_of(key: str) -> str:
    name = key.removeprefix("liveness/")
    if name.startswith("ledger/"):
        name = _MARKER.sub(r"pending/\1", name)
        name = _SLOT.sub("drain", name)
        name = _HASHES.sub(r"\1", name)
    return _FRAME.sub("best-frame", name)


def _distinguishable(reply: object) -> object:
    """Return a hashable value that is the same for replies the code cannot tell apart."""
    if isinstance(reply, StoredObject):
        return reply.body
    if isinstance(reply, ObjectHead):
        return reply.etag, reply.size, reply.last_modified
    if isinstance(reply, Page):
        return tuple(item.key for item in reply.items)
    if isinstance(reply, LivenessError):
        return type(reply)
    return reply if isinstance(reply, (bytes, CreateResult)) else None
