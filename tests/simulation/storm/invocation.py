"""One invocation, and how its requests reach store and service: each with its own fate."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from liveness.errors import (
    ConfigurationError,
    LivenessError,
    ObjectChanged,
    ObjectGone,
    StoreUnavailable,
)
from liveness.face import Answer, DetectRequest, NoAnswer, NotSent, UploadTarget
from liveness.frames import NoFrame
from liveness.retry import STORE
from liveness.store import Created, Listed, ObjectHead, Page, StoredObject

from .bucket import Stored, md5
from .fate import (
    BROKEN,
    DENIED,
    DROPPED,
    FAIL,
    GONE,
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
    Fate,
    Request,
)
from .instance import Instance

if TYPE_CHECKING:
    from .judge import Call
    from .world import World

# What our COS adapter waits for a reply.
_TIMEOUT_SECONDS = 10.0
_MARKER = re.compile(r"pending/[^-]*-(\w{8})\w*-.*")
_SLOT = re.compile(r"drain/\d+")
_FRAME = re.compile(r"best-frame-\w+")
_HASHES = re.compile(r"(\w{8})\w{56}")


class Invocation:
    """One delivery of one event to one instance. It is the store and the service, as its code
    sees them."""

    def __init__(self, world: World, label: str, event: Mapping[str, Any]) -> None:
        self.label = label
        self.event = event
        self.instance: Instance = None  # type: ignore[assignment]  # set when one is free
        self._hit = False  # by a fault that may end it
        self._failed = 0  # requests
        self._late = False  # by pauses and slow requests
        self.trace = 0  # the same for who has seen the same
        self._fate = OK  # of the request under way
        self.slowed = False  # by anything
        self.drains = "drain" in event or event.get("Message") == "drain"
        self.began = world.kernel.now
        self._world = world
        self._denied = False
        self._names: dict[str, int] = {}

    @property
    def hit(self) -> bool:
        """Whether faults explain that it did not end well: nothing else may.

        A few failures are survived, but not by who spends its retries' time otherwise.
        """
        return self._hit or self._failed >= STORE.attempts or bool(self._failed and self._late)

    def strike(self) -> None:
        """It is killed."""
        self._hit = True

    def state(self) -> tuple[object, ...]:
        """The same for two that go on alike; what only excuses faults is left out."""
        return self.label, self.trace, self._fate, self._denied

    # ---- requests

    def _request(self, verb: str, key: str) -> tuple[Request, Fate]:
        """Name a request as every run names it that comes this way, and learn its fate."""
        name = f"{self.label} {verb} {_name_of(key)}"
        number = self._names[name] = self._names.get(name, 0) + 1
        request = Request(f"{name} {number}", verb, key)
        self.instance.before(request)
        self.instance.check_alive()
        fate = self._world.fate(self, request)
        late = fate.kind in PAUSES or fate.before + fate.after > 0.3
        self._late = self._late or late
        self.slowed = self.slowed or late or fate.kind != OK
        self._fate = fate.kind
        return request, fate

    def _at_store(self, verb: str, key: str, effect: Callable[[Fate], Any]) -> Any:
        """One request to the store. Raises StoreUnavailable, ConfigurationError."""
        _, fate = self._request(verb, key)
        world = self._world
        if fate.kind == DENIED or self._denied:
            self._denied = self._hit = True
            self.instance.travel(fate, lambda: None)
            raise ConfigurationError("COS refuses the credentials")

        def land() -> Any:
            if fate.kind == FAIL:
                return None
            return effect(fate)

        if fate.kind == LATE:
            self._hit = True
            late = _TIMEOUT_SECONDS + fate.long
            world.hold(late)
            world.kernel.call(land, late)
            self.instance.wait(_TIMEOUT_SECONDS)
            raise StoreUnavailable("no reply")
        reply = self.instance.travel(fate, land)
        self._fate = OK
        if fate.kind in (FAIL, LOST):
            self._failed += 1
            raise StoreUnavailable(fate.kind)
        self.trace = hash((self.trace, verb, key, _seen(reply)))
        return reply

    def _head(self, key: str, stored: Stored) -> ObjectHead:
        return ObjectHead(
            key,
            len(stored.body),
            stored.etag,
            stored.etag if stored.is_md5 else None,
            float(int(stored.written)),
            float(int(self._world.kernel.now)),
            stored.metadata,
        )

    # ---- ObjectStore

    def head(self, bucket: str, key: str) -> ObjectHead | None:
        sent = self._world.kernel.now

        def look(fate: Fate) -> ObjectHead | None:
            world = self._world
            stored = world.bucket.objects.get(key)
            if fate.kind == STALE_HEAD:
                stored = world.bucket.as_it_was(key, world.kernel.now - fate.long)
            world.judge.looked(self, key, sent)
            return self._head(key, stored) if stored else None

        return self._at_store("head", key, look)

    def get(self, bucket: str, key: str, max_bytes: int) -> StoredObject | None:
        sent = self._world.kernel.now

        def read(fate: Fate) -> StoredObject | None:
            stored = self._world.bucket.objects.get(key)
            self._world.judge.read(self, key, stored, sent)
            if stored is None:
                return None
            return StoredObject(self._head(key, stored), stored.body[:max_bytes])

        return self._at_store("get", key, read)

    def put(
        self, bucket: str, key: str, body: bytes, content_type: str, metadata: Mapping[str, str]
    ) -> None:
        def write(fate: Fate) -> None:
            world = self._world
            if fate.kind == LATE:
                world.step(self.label, "put, late", key)
            world.judge.writing(key, metadata)
            world.bucket.write(key, body, metadata, self.label)
            world.judge.wrote(self, key, body, metadata)

        self._at_store("put", key, write)

    def create(self, bucket: str, key: str, body: bytes) -> Created:
        world = self._world
        sent = world.kernel.now

        def create(fate: Fate) -> Created:
            there = world.bucket.objects.get(key)
            if there is not None:
                # Two requests under way at once, each from somebody else.
                at_once = there.written >= sent and there.creator != self.label
                if fate.kind != RACE or not at_once:
                    return Created(False, versioned=False, date=None)
                self._hit = True  # it may have been the proof that create-only works
                world.judge.raced(key)
            world.bucket.write(key, body, {}, self.label)
            world.judge.created(self, key, body)
            return Created(True, versioned=False, date=float(int(world.kernel.now)))

        created: Created = self._at_store("create", key, create)
        world.judge.create_replied(self, key)
        return created

    def delete(self, bucket: str, key: str) -> None:
        def remove(fate: Fate) -> None:
            stored = self._world.bucket.objects.get(key)
            self._world.bucket.remove(key)
            self._world.judge.deleted(self, key, stored)

        self._at_store("delete", key, remove)

    def list(self, bucket: str, prefix: str, after: str) -> Page:
        def page(fate: Fate) -> Page:
            world = self._world
            if fate.kind == STALE_LIST:
                moment = world.kernel.now - fate.long
                keys = list(world.bucket.keys_as_they_were(prefix, moment))
            else:
                moment = world.kernel.now
                keys = world.bucket.keys(prefix)
            found = [key for key in keys if key > after][:1001]
            items = []
            for key in found[:1000]:
                stored = world.bucket.as_it_was(key, moment)
                assert stored is not None
                items.append(Listed(key, float(int(stored.written))))
            return Page(tuple(items), items[-1].key if len(found) > 1000 else None)

        page_: Page = self._at_store("list", prefix, page)
        return page_

    def _stream(self, verb: str, key: str, etag: str) -> bytes:
        def read(fate: Fate) -> bytes | LivenessError:
            stored = self._world.bucket.objects.get(key)
            if stored is None:
                return ObjectGone(key)
            return stored.body if stored.etag == etag else ObjectChanged(key)

        body: bytes | LivenessError = self._at_store(verb, key, read)
        if isinstance(body, LivenessError):
            raise body
        return body

    def md5(self, bucket: str, key: str, etag: str) -> str:
        return md5(self._stream("md5", key, etag))

    def presign(self, bucket: str, key: str, seconds: int) -> str:
        return self._world.service.presign(key, seconds)

    def send(self, bucket: str, key: str, etag: str, url: str) -> str:
        body = self._stream("send", key, etag)
        self._world.service.upload(url, body)
        self._world.judge.uploaded(url, key)
        return md5(body)

    # ---- FaceApi

    def detect(self, request: DetectRequest, seconds: float) -> Answer | NotSent | NoAnswer:
        world, instance = self._world, self.instance
        call = world.judge.call(self, request)
        sent, fate = self._request("detect", call.pair_id)
        if world.kills(sent.name, call.pair_id):
            fate = fate._replace(kind="crash before the effect")
        if fate.kind == UNSENT:
            instance.travel(fate, lambda: None)
            return NotSent("connection refused")
        began = world.kernel.now
        fate = fate._replace(before=fate.before + 1.5 * world.decisions.draw(sent.name + "t"))
        arrives = seconds + fate.long if fate.kind == SLOW else fate.before
        self._hit = self._hit or fate.kind == REFUSED
        if fate.kind == DROPPED or arrives + fate.after > seconds:
            self._hit = True
            if fate.kind != DROPPED:
                world.hold(arrives)
                world.kernel.call(lambda: self._judged(call, request, fate.kind), arrives)
            instance.wait(seconds)
            world.judge.unanswered(call)
            return NoAnswer("no answer in time")
        answer: Answer = instance.travel(fate, lambda: self._judged(call, request, fate.kind))
        self.trace, self._fate = hash((self.trace, answer)), OK
        # Who was paused finds the answer, or its own clock first.
        missed = world.kernel.now - began > seconds and world.decisions.draw(sent.name + "m") < 0.5
        if missed or fate.kind == UNANSWERED:
            self._hit = True
            world.judge.unanswered(call)
            return NoAnswer("no answer in time")
        return answer

    def _judged(self, call: Call, request: DetectRequest, kind: str) -> Answer:
        judged = self._world.service.judge(request, kind, self.label)
        self._world.judge.judged(call, judged)
        return judged.answer

    def upload_target(self, seconds: float) -> UploadTarget | Answer | NotSent:
        request, fate = self._request("upload_target", "")
        if fate.kind in (FAIL, DENIED):
            return NotSent("connection refused")
        url = self.instance.travel(
            fate, lambda: self._world.service.upload_target(request.name.replace(" ", "-"))
        )
        return UploadTarget(url, url)

    # ---- FrameSource

    def fetch(self, url: str, max_bytes: int) -> bytes | NoFrame:
        _, fate = self._request("fetch", "frame")
        body = self.instance.travel(fate, lambda: self._world.service.frame(url))
        self._fate = OK
        if fate.kind == FAIL:
            raise StoreUnavailable("503")
        self.trace = hash((self.trace, body, fate.kind))
        if body is None or fate.kind == GONE:
            return NoFrame("it is gone")
        return body + b"?" if fate.kind == BROKEN else body

    # ---- Chance

    def nonce(self) -> str:
        number = self._names["nonce"] = self._names.get("nonce", 0) + 1
        return md5(f"{self.label}/{number}".encode())[:24]

    def up_to(self, limit: float) -> float:
        number = self._names["chance"] = self._names.get("chance", 0) + 1
        return limit * self._world.decisions.draw(f"{self.label} chance {number}")


@lru_cache(4096)
def _name_of(key: str) -> str:
    name = key.removeprefix("liveness/")
    if name.startswith("ledger/"):
        name = _MARKER.sub(r"pending/\1", name)
        name = _SLOT.sub("drain", name)
        name = _HASHES.sub(r"\1", name)
    return _FRAME.sub("best-frame", name)


def _seen(reply: object) -> object:
    """What of a reply the code can tell from another, as something to be hashed."""
    if isinstance(reply, StoredObject):
        return reply.body
    if isinstance(reply, ObjectHead):
        return reply.etag, reply.size, reply.last_modified
    if isinstance(reply, Page):
        return tuple(item.key for item in reply.items)
    if isinstance(reply, LivenessError):
        return type(reply)
    return reply if isinstance(reply, (bytes, Created)) else None
