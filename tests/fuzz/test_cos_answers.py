"""Odd replies of COS over HTTP: no call without a claim, no leak, no foreign object touched.

A request always takes effect; only the replies to some kinds of requests, or to all, are changed.
Afterwards COS recovers, and the pair must get its result.
"""

from __future__ import annotations

import re
import socket
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.conftest import BUCKET, PACKAGE
from tests.fuzz import canaries
from tests.fuzz.examples import examples
from tests.fuzz.harness import FRAMES, LEDGER, MARKERS, MAX_ATTEMPTS, RESULTS, Harness
from tests.fuzz.tampering import Reply, Target
from tests.fuzz.values import bytes_like

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # see conftest.py

# Kinds of requests: method and end of the key.
REQUESTS = (
    ("HEAD", "live.bin"),
    ("HEAD", "reference.jpg"),
    ("HEAD", "result.json"),
    ("HEAD", ""),
    ("GET", "1.claim"),
    ("GET", "response"),
    ("GET", ".json"),
    ("GET", ""),
    ("PUT", "1.claim"),
    ("PUT", "response"),
    ("PUT", ".jpg"),
    ("PUT", "result.json"),
    ("PUT", ""),
    ("DELETE", ""),
)
REDIRECT = (("location", "http://evil.example/?" + canaries.SIGNED_QUERY),)
# The headers that the function reads are listed twice, so that they are drawn more often.
READ = ("date", "last-modified", "etag", "content-length")
NAMES = (
    *READ,
    *READ,
    "content-type",
    "content-encoding",
    "transfer-encoding",
    "location",
    "x-cos-version-id",
    "x-cos-server-side-encryption",
    "x-cos-meta-liveness-fingerprint",
    "x-cos-meta-liveness-status",
    "x-cos-meta-liveness-best-frame",
    "x-cos-error-code",
    "code",
)
VALUES = (
    None,
    "",
    "0",
    "-1",
    "9" * 5000,
    "yesterday",
    "Sun, 22 Nov 2026 12:00:00 -0000",
    "Sun, 22 Nov 9999 12:00:00 GMT",
    "Mon, 01 Jan 0001 00:00:00 GMT",
    "Mon, 01 Jan 0001 00:00:00 +2359",
    "Mon, 01 Jan 1970 00:00:00 GMT",
    "Sun, 99 Nov 2026 99:99:99 GMT",
    '"',
    '"\xff\x01"',
    '"' + "e" * 3000 + '"',
    "gzip",
    "chunked",
    "text/html; charset=nowhere",
    "http://evil.example/?" + canaries.SIGNED_QUERY,
    "passed",
    "failed",
    "none",
    "cos/kms",
)
CODES = (
    "NoSuchBucket",
    "NoSuchKey",
    "FileAlreadyExists",
    "AccessDenied",
    "RequestTimeTooSkewed",
    "OperationAborted",
    "",
    *canaries.QUOTED,
    "x" * 20_000,
    "\u4eba",
)
STATUSES = (200, 201, 204, 206, 301, 304, 307, 400, 401, 403, 404, 409, 412, 416, 429, 500, 503)


class Change(NamedTuple):
    """Changes to a reply; a field that is None changes nothing."""

    status: int | None = None
    headers: tuple[tuple[str, str | None], ...] = ()
    body: bytes | None = None
    cut: int = 0  # number of bytes of the body that never arrive
    raw: bytes | None = None

    def __call__(self, reply: Reply) -> Reply | bytes:
        if self.raw is not None:
            return self.raw
        if self.status is not None:
            reply = reply._replace(status=self.status)
        if self.body is not None:
            reply = reply.with_body(self.body)
        for name, value in self.headers:
            reply = reply.with_header(name, value)
        return reply._replace(body=reply.body[: len(reply.body) - self.cut])


def error_body(code: str, message: str) -> bytes:
    escaped = (code + "|" + message).replace("&", "&amp;").replace("<", "&lt;")
    code, _, message = escaped.partition("|")
    return (
        f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message>"
        f"<Resource>{message}</Resource><RequestId>{message}</RequestId>"
        f"<StringToSign>{message}</StringToSign></Error>"
    ).encode()


refusals = st.builds(
    lambda status, code, message: Change(status, REDIRECT, error_body(code, message)),
    st.sampled_from(STATUSES),
    st.sampled_from(CODES),
    st.sampled_from(canaries.QUOTED),
)
odd_headers = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), min_size=1, max_size=3
).map(lambda chosen: Change(headers=tuple(chosen)))
odd_bodies = bytes_like(b'{"nonce": "a", "attempt": 1}').map(lambda body: Change(body=body))
broken = st.sampled_from(
    (
        Change(cut=1),
        Change(cut=20),
        Change(raw=b""),
        Change(raw=b"HTTP/1.1 200 OK\r\n"),
        Change(raw=b"HTTP/1.1 99999 x\r\n\r\n"),
        Change(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n"),
        Change(raw=b"\x16\x03\x01" * 30),
        Change(raw=b"HTTP/1.1 302 x\r\nLocation: \xff\xff://[\r\nContent-Length: 0\r\n\r\n"),
        Change(301, REDIRECT),
        Change(307, REDIRECT),
    )
)
changes = st.one_of(refusals, odd_headers, odd_bodies, broken)
tampered_requests = st.lists(st.tuples(st.sampled_from(REQUESTS), changes), min_size=1, max_size=3)


class Store:
    """Changes every reply to some kinds of requests."""

    def __init__(self, changes: list[tuple[tuple[str, str], Change]]) -> None:
        self._changes = changes

    def __call__(self, target: Target, reply: Reply) -> Reply | bytes | None:
        if target.action or not target.key:
            return None
        for (method, end), change in self._changes:
            if target.method == method and target.key.endswith(end):
                return change(reply)
        return None


class Listings:
    """Changes listings by replacing text in their XML; counts them."""

    def __init__(self, old: bytes, new: bytes, change: Change | None) -> None:
        self._old, self._new, self._change = re.compile(old), new, change
        self.count = 0

    def __call__(self, target: Target, reply: Reply) -> Reply | bytes | None:
        if target.action or target.key or target.method != "GET":
            return None
        self.count += 1
        if self.count > 200:
            return b""  # the property is violated already, but the test has to end
        if self._change is not None:
            return self._change(reply)
        return reply.with_body(self._old.sub(lambda _: self._new, reply.body))


# Named like a marker, but an input.
OTHER = "liveness/incoming/other-1-2.live"


def foreign_requests(harness: Harness) -> list[str]:
    """Return the requests to hosts that are neither COS nor the face API."""
    return [sent.target for sent in harness.proxy.sent if "tencent" not in sent.target
            and ".myqcloud.com" not in sent.target.partition("?")[0]]  # fmt: skip


def claims_in(harness: Harness) -> int:
    keys = harness.bucket.keys(LEDGER + "claims/")
    return sum(key.endswith(".claim") for key in keys)


def check(harness: Harness, pair_id: str) -> None:
    """Check that the pair gets its result after the faults, with no more calls than claims."""
    harness.proxy.tamper = None
    for _ in range(2):
        harness.end_leases()
        harness.invoke({"pairs": [pair_id]})
    result = harness.result(pair_id)
    assert result is not None
    assert harness.calls() <= claims_in(harness)
    fingerprints = {key.rpartition("/")[0] for key in harness.bucket.keys(LEDGER + "claims/")}
    assert harness.calls() <= MAX_ATTEMPTS * len(fingerprints)
    assert foreign_requests(harness) == []
    prefixes = (RESULTS, FRAMES, LEDGER, f"liveness/incoming/{pair_id}/")
    assert [key for key in harness.bucket.keys("") if not key.startswith(prefixes)] == []
    assert harness.bucket.get(f"liveness/incoming/{pair_id}/live.bin") is not None


def events_about(harness: Harness, pair_id: str) -> dict[str, dict[str, Any]]:
    """Return the events that may trigger the function, by kind."""
    upload = harness.cloud.sandbox.trigger_event(BUCKET, f"liveness/incoming/{pair_id}/live.bin")
    return {
        "pairs": {"pairs": [pair_id]},
        "cos": upload,
        "drain": {"drain": {}},
        "reconcile": {"reconcile": {}},
    }


@examples(30)
@given(
    changes=tampered_requests,
    kind=st.sampled_from(("pairs", "cos", "drain", "reconcile")),
    multipart=st.booleans(),
)
@example(
    changes=[(("PUT", "1.claim"), Change(headers=(("date", "yesterday"),)))],
    kind="pairs",
    multipart=False,
)
@example(changes=[(("GET", ""), Change(307, REDIRECT))], kind="pairs", multipart=True)
def test_tampered_object_replies_lose_no_result(
    harness: Harness, changes: list[tuple[tuple[str, str], Change]], kind: str, multipart: bool
) -> None:
    pair_id = harness.fresh()
    key = f"liveness/incoming/{pair_id}/live.bin"
    if multipart:  # its ETag is not its MD5, so the object is read
        harness.put(key, PACKAGE, etag='"' + "0" * 32 + '-2"')
    event = events_about(harness, pair_id)[kind]
    if kind == "drain":
        harness.put_marker(pair_id)
    harness.proxy.tamper = Store(changes)
    for _ in range(2):
        harness.invoke(event)
        harness.end_leases()
    check(harness, pair_id)


@pytest.mark.parametrize("kind", ["pairs", "cos", "drain", "reconcile"])
def test_an_unreachable_network_loses_no_result(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    pair_id = harness.fresh()
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with monkeypatch.context() as patch:
        patch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        assert harness.invoke(events_about(harness, pair_id)[kind]).error is not None
    check(harness, pair_id)


@examples(20)
@given(
    replaced=st.sampled_from(
        (
            (b"<Key>", b"<Key>x"),
            (b"<Key>", b"<Key></Key><Key>"),
            (b"<Key>[^<]*", b"<Key>" + OTHER.encode()),
            (b"<Key>[^<]*", b"<Key>" + OTHER.encode()),
            (b"<Key>", b"<Kee>"),
            (b"<LastModified>", b"<LastModified>never"),
            (b"<LastModified>2", b"<LastModified>9"),
            (b"<LastModified>", b"<LastModified><x/>"),
            (b"<IsTruncated>false", b"<IsTruncated>true"),
            (b"<IsTruncated>false</IsTruncated>", b""),
            (b"<Contents>", b"<Contents/><Contents>"),
            (b"<Contents>", b"<Contents>text</Contents><Contents>"),
            (b"<Contents>", b"<a>" * 300 + b"</a>" * 300 + b"<Contents>"),
            (b"</ListBucketResult>", b"<Contents/></ListBucketResult>"),
            (b"ListBucketResult", b"Error"),
            (b"<Name>", b"<Name>'+open('x')+'"),
        )
    ),
    change=st.none() | refusals | odd_bodies | broken,
    kind=st.sampled_from(("drain", "reconcile")),
)
@example(replaced=(b"<Key>[^<]*", b"<Key>" + OTHER.encode()), change=None, kind="drain")
@example(replaced=(b"<IsTruncated>false", b"<IsTruncated>true"), change=None, kind="drain")
@example(replaced=(b"<Contents>", b"<Contents/><Contents>"), change=None, kind="drain")
def test_tampered_listings_lose_no_result_and_touch_no_other_object(
    harness: Harness, replaced: tuple[bytes, bytes], change: Change | None, kind: str
) -> None:
    pair_id = harness.fresh()
    harness.put_marker(pair_id)
    harness.put(OTHER, b"of another pair")
    listings = Listings(*replaced, change)
    harness.proxy.tamper = listings
    harness.invoke({kind: {}})
    assert harness.bucket.get(OTHER) is not None
    assert listings.count < 50
    harness.bucket.delete(OTHER)
    assert harness.result(pair_id) is not None or harness.bucket.keys(MARKERS)
    check(harness, pair_id)
