"""The real function in one cloud, invoked repeatedly; the invariants of every invocation.

An invocation ends in a summary or in a named error. Its output consists of log lines, each one JSON
object of at most 8 KB. Neither its output nor its summary nor its exception, as the platform prints
it, nor any object below the results prefix contains a secret. Each pair in its summary is
incomplete, published, or has a marker.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import time
import traceback
import warnings
from typing import Any, NamedTuple

from liveness import errors
from liveness.errors import LivenessError, PairsNotFinishedError
from liveness.handler import Function
from liveness_sandbox import StoredObject
from tests.clocks import FastForwardClock
from tests.conftest import CONTEXT, Cloud, Instance, marker_body
from tests.fuzz import canaries
from tests.fuzz.tampering import Proxy

NAMED = {
    kind.__name__
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, LivenessError) and kind is not LivenessError
}
MAX_LINE_BYTES = 8 * 1024
RESULTS = "liveness/results/"
FRAMES = "liveness/frames/"
LEDGER = "liveness/ledger/"
MARKERS = LEDGER + "pending/"
SLOT_SECONDS = 10
RATE_LIMIT = 100
SHARDS = 4  # of at most 25 calls per second each
PAUSE_SECONDS = 3600 * 1.2 + 5  # the longest pause between two attempts, with its jitter
MAX_ATTEMPTS = 3  # LIVENESS_MAX_ATTEMPTS by default
# Like the platform's context, which may hold the role's credentials.
SECRET_CONTEXT = CONTEXT | {
    "environ": f"TENCENTCLOUD_SECRETKEY={canaries.CONTEXT_KEY};A=b",
    "environment": json.dumps({"TENCENTCLOUD_SESSIONTOKEN": canaries.CONTEXT_KEY}),
}


class Ending(NamedTuple):
    """How an invocation ended: with a summary or with an error."""

    summary: dict[str, Any] | None
    error: LivenessError | None
    lines: list[dict[str, Any]]

    def states(self) -> dict[str, str]:
        """Return the state of each pair in the summary."""
        pairs = self.summary.get("pairs", ()) if self.summary else ()
        return {pair["pair_id"]: pair["state"] for pair in pairs}


class Harness:
    """One instance of the function per setting, and one bucket."""

    def __init__(self, cloud: Cloud, proxy: Proxy) -> None:
        self.cloud = cloud
        self.proxy = proxy
        self.bucket = cloud.bucket
        self._functions: dict[str, tuple[Function, Instance]] = {}
        self._pairs = 0
        self._calls_before = 0

    # ---- objects in the bucket

    def fresh(self, prefix: str = "pair-") -> str:
        """Empty the bucket and upload both inputs of a new pair; return its id."""
        for key in self.bucket.keys(""):
            self.bucket.delete(key)
        self.proxy.tamper = None
        self.proxy.sent.clear()
        self._calls_before = self.cloud.calls
        return self.another(prefix)

    def another(self, prefix: str = "pair-") -> str:
        """Upload both inputs of one more pair; return its id."""
        self._pairs += 1
        pair_id = f"{prefix}{self._pairs}"
        self.cloud.put_pair(pair_id, f"package of {pair_id}".encode())
        return pair_id

    def put(self, key: str, body: bytes, **options: Any) -> None:
        self.bucket.put(key, body, **options)

    def claims(self, pair_id: str) -> str:
        """Return the prefix of the ledger objects for the pair's current content."""
        hashed = hashlib.sha256(pair_id.encode()).hexdigest()
        return f"{LEDGER}claims/{hashed}/{self.fingerprint(pair_id)}/"

    def marker(self, pair_id: str, token: str = "0" * 24) -> str:
        """Return the key of a marker that is due."""
        due = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() - 60))
        return f"{MARKERS}{due}-{hashlib.sha256(pair_id.encode()).hexdigest()}-{token}"

    def put_marker(self, pair_id: str, token: str = "0" * 24) -> str:
        """Park a pair as the function would; return the key of the marker."""
        key = self.marker(pair_id, token)
        self.put(key, marker_body(pair_id))
        return key

    def put_slots(self, body: bytes) -> None:
        """Occupy the current drain slot of every shard, and those around it."""
        now = int((time.time() + self.cloud.advanced) // SLOT_SECONDS)
        for slot in range(now - 1, now + 3):
            for shard in range(SHARDS):
                self.put(f"{LEDGER}drain/{slot}-{shard}", body)

    def fingerprint(self, pair_id: str) -> str:
        """Compute the fingerprint of the current content from its definition in the design."""
        inputs = []
        for name in ("live.bin", "reference.jpg"):
            stored = self.bucket.get(f"liveness/incoming/{pair_id}/{name}")
            assert stored is not None
            inputs.append([stored.key, stored.etag.strip('"'), stored.size])
        canonical = json.dumps([pair_id, *sorted(inputs)], separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def end_leases(self) -> None:
        """Let so much time pass that every lease and every call begun so far has ended."""
        for key in self.bucket.keys(LEDGER + "claims/"):
            if key.endswith(".claim"):
                self.bucket.backdate(key, 120)

    def let_pauses_pass(self) -> None:
        """Let so much time pass that another attempt may be made, or the pair be given up."""
        self.cloud.advance(PAUSE_SECONDS)

    def result(self, pair_id: str) -> dict[str, Any] | None:
        """Return the pair's result if it belongs to the current inputs."""
        stored = self.bucket.get(f"{RESULTS}{pair_id}/result.json")
        if stored is None or _meta(stored, "liveness-fingerprint") != self.fingerprint(pair_id):
            return None
        return self.cloud.result(pair_id)

    def calls(self) -> int:
        """Count the calls that reached the face API since the bucket was emptied."""
        return self.cloud.calls - self._calls_before

    # ---- invocations

    def invoke(
        self, event: object, transfer: str = "presign", context: object = SECRET_CONTEXT
    ) -> Ending:
        """Invoke the function and check the invariants of every invocation."""
        function, instance = self._function(transfer)
        out, err = _Stream(), _Stream()
        summary, raised = None, None
        with (
            contextlib.redirect_stdout(out.text),
            contextlib.redirect_stderr(err.text),
            warnings.catch_warnings(record=True) as issued,
        ):
            try:
                summary = function(event, context)
            except Exception as error:
                raised = error
        printed = "".join(traceback.format_exception(raised)) if raised else ""
        ending = Ending(summary, self._named(raised, printed), _lines(out.written()))
        self._check_secrets(
            instance,
            {
                "stdout": out.written(),
                "stderr": err.written(),
                "warnings": "".join(f"{each.message}" for each in issued),
                "summary": repr(summary) + json.dumps(summary),
                "exception": printed + repr(raised) + repr(getattr(raised, "args", "")),
                "results": self._results(),
            },
            may_name_urls="://" in json.dumps(event),
        )
        assert not err.written() and not [each.message for each in issued]
        self._check_states(ending)
        return ending

    def drain(self) -> None:
        """Drain all markers; a drainer stops at a full minute, so several may be needed."""
        for _ in range(3):
            assert self.invoke({"drain": {}}).error is None
            if not self.bucket.keys(MARKERS):
                return

    def _function(self, transfer: str) -> tuple[Function, Instance]:
        if transfer not in self._functions:
            instance = self.cloud.instance(TRANSFER=transfer, RATE_LIMIT=str(RATE_LIMIT))
            clock = FastForwardClock()
            clock.wall_shift = instance.clock.wall_shift
            instance.clock = clock
            function = Function(clock=clock, environ=instance.environ)
            self._functions[transfer] = function, instance
        return self._functions[transfer]

    @staticmethod
    def _named(raised: Exception | None, printed: str) -> LivenessError | None:
        assert raised is None or type(raised).__name__ in NAMED, printed
        assert raised is None or isinstance(raised, LivenessError)
        if isinstance(raised, PairsNotFinishedError):
            for reason in raised.failures.values():
                assert reason.partition(":")[0] in NAMED, reason
        return raised

    def _check_secrets(
        self, instance: Instance, outputs: dict[str, str], may_name_urls: bool
    ) -> None:
        secrets = [
            *(instance.environ[f"TENCENTCLOUD_{name}"] for name in ("SECRETID", "SECRETKEY")),
            instance.environ["TENCENTCLOUD_SESSIONTOKEN"],
            *canaries.signatures_in(self.proxy.sent),
        ]
        for output, text in outputs.items():
            leaks = canaries.secrets_in(text, secrets)
            leaks += [] if may_name_urls else canaries.urls_in(text)
            assert not leaks, f"{output} contains {leaks[0]!r}: {text[:2000]}"

    def _results(self) -> str:
        """Return contents and metadata of all results; the frames are left out."""
        texts = []
        for key in self.bucket.keys(RESULTS):
            stored = self.bucket.get(key)
            if stored is not None and not key.endswith(".jpg"):
                texts.append(f"{stored.body().decode()} {dict(stored.metadata)} {stored.headers}")
        return "\n".join(texts)

    def _check_states(self, ending: Ending) -> None:
        """Check the state reported for each pair, as far as no reply was tampered with."""
        untampered = self.proxy.tamper is None
        for pair_id, state in ending.states().items():
            if state in ("published", "done"):
                assert self.bucket.get(f"{RESULTS}{pair_id}/result.json"), pair_id
                assert not untampered or self.result(pair_id) is not None
            elif state == "parked":
                hashed = hashlib.sha256(pair_id.encode()).hexdigest()
                assert any(hashed in key for key in self.bucket.keys(MARKERS)), pair_id
            else:
                assert state == "waiting", state
                inputs = self.bucket.keys(f"liveness/incoming/{pair_id}/")
                assert not untampered or len(inputs) < 2


class _Stream:
    """A text stream that keeps the bytes a platform would receive."""

    def __init__(self) -> None:
        self._raw = io.BytesIO()
        self.text = io.TextIOWrapper(self._raw, encoding="utf-8", write_through=True)

    def written(self) -> str:
        return self._raw.getvalue().decode()


def _lines(written: str) -> list[dict[str, Any]]:
    lines = []
    for line in written.split("\n")[:-1]:
        assert len(line.encode()) < MAX_LINE_BYTES, line  # the newline included
        fields = json.loads(line)
        assert isinstance(fields, dict)
        assert fields.get("error", "StoreUnavailableError") in NAMED, line
        lines.append(fields)
    assert written.endswith("\n") or not written
    return lines


def _meta(stored: StoredObject, name: str) -> str:
    return stored.metadata.get(f"x-cos-meta-{name}", "")
