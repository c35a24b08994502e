"""Damaged ledger objects: none causes a second billing, and none delays another pair.

A damaged claim still holds its lease. A damaged response stops all calls, with a named error. A
damaged marker, drain slot or reconcile state costs a few requests, but no pair.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from liveness.errors import LedgerDamagedError, PairsNotFinishedError
from tests.fuzz.examples import examples
from tests.fuzz.harness import LEDGER, MARKERS, MAX_ATTEMPTS, RESULTS, Harness
from tests.fuzz.values import (
    ABYSS,
    NUMBERS,
    TEXTS,
    bytes_like,
    mutations,
    odd_texts,
    odd_values,
)

CLAIM = {
    "schema": "liveness-claim/1",
    "pair_id": "a",
    "attempt": 1,
    "nonce": "0" * 24,
    "owner": {"request_id": "r"},
}
HISTORY = {"number": 1, "unanswered": [], "setbacks": 0, "since": 0.0, "not_before": 0.0}
RELEASED = {"schema": "liveness-release/2", "attempt": 1, "nonce": "0" * 24, "history": HISTORY}
GRANT = {
    "schema": "liveness-grant/1",
    "owner": {"name": "n", "version": "v", "request_id": "invocation-1"},
}
SLOT = {"schema": "liveness-drain-slot/1", "nonce": "a", "owner": {}}
MARKER = {
    "schema": "liveness-marker/3",
    "pair_id": "a",
    "reason": "throttled",
    "detail": "",
    "deliveries": 0,
    "fingerprint": "",
    "history": HISTORY | {"number": 0},
}
STATE = {
    "schema": "liveness-reconcile/1",
    "finished_pass_began": 1.0,
    "pass_began": 2.0,
    "cursor": "liveness/incoming/a",
}


def damaged(valid: dict[str, Any]) -> st.SearchStrategy[bytes]:
    """Build the bytes of an object that was edited, truncated, or replaced."""
    body = json.dumps(valid).encode()
    fields = st.builds(
        lambda name, value: {**valid, name: value},
        st.sampled_from(sorted(valid)),
        odd_texts | st.sampled_from(NUMBERS) | odd_values,
    )
    return st.one_of(
        mutations(valid).map(lambda value: json.dumps(value).encode()),
        fields.map(lambda value: json.dumps(value).encode()),
        bytes_like(body),
        st.sampled_from((ABYSS, b'{"a":' * 2000, b"", b"[]")),
    )


@examples(25)
@given(
    damaged(CLAIM),
    damaged(RELEASED),
    st.sampled_from((1, MAX_ATTEMPTS)),
    st.booleans(),
    st.booleans(),
)
def test_a_damaged_claim_still_holds_its_lease(
    harness: Harness, claim: bytes, released: bytes, claims: int, expired: bool, release: bool
) -> None:
    pair_id = harness.fresh()
    prefix = harness.claims(pair_id)
    for number in range(1, claims + 1):
        harness.put(f"{prefix}{number}.claim", claim)
        if release:
            harness.put(f"{prefix}{number}.released", released)
    if expired:
        harness.end_leases()

    ending = harness.invoke({"pairs": [pair_id]})

    is_released = release and _nonce(claim) is not None and _nonce(claim) == _nonce(released)
    if is_released:
        assert ending.states()[pair_id] == "published"
    elif expired:
        assert harness.calls() == (1 if claims < MAX_ATTEMPTS else 0)
        assert ending.states()[pair_id] in ("published", "parked")
    else:
        assert ending.states()[pair_id] == "parked"
        assert harness.calls() == 0


def _nonce(body: bytes) -> str | None:
    try:
        nonce = json.loads(body)["nonce"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return nonce if isinstance(nonce, str) else None


@st.composite
def edits(draw: st.DrawFn) -> tuple[str, Any]:
    """Draw a way to damage a response, and its arguments: see `edited`."""
    how = draw(st.sampled_from(("field", "bytes", "whole")))
    if how == "field":
        return how, (draw(st.integers(0, 30)), draw(odd_texts | st.sampled_from((None, 0, 99.9))))
    if how == "bytes":
        return how, (draw(st.integers(0, 400)), draw(st.binary(min_size=1, max_size=3)))
    return how, draw(damaged({"schema": "liveness-response/2", "answer": None}))


def edited(body: bytes, edit: tuple[str, Any]) -> bytes:
    """Return a response with a field replaced or bytes inserted, or something else entirely."""
    how, arguments = edit
    if how == "whole":
        return bytes(arguments)
    if how == "bytes":
        position, inserted = arguments
        position %= len(body)
        return body[:position] + bytes(inserted) + body[position:]
    index, value = arguments
    record = json.loads(body)
    fields = [(record, name) for name in record]
    fields += [(record["answer"], name) for name in record["answer"]]
    parent, name = fields[index % len(fields)]
    parent[name] = value
    return json.dumps(record).encode()


@examples(30)
@given(edits(), st.booleans())
def test_a_damaged_response_stops_all_calls(
    harness: Harness, edit: tuple[str, Any], published: bool
) -> None:
    pair_id = harness.fresh()
    harness.invoke({"pairs": [pair_id]})
    key = harness.claims(pair_id) + "response"
    original = harness.bucket.get(key)
    assert original is not None
    body = edited(original.body(), edit)
    is_unchanged = _is_equivalent(body, original.body())
    harness.put(key, body)
    if not published:
        harness.bucket.delete(f"{RESULTS}{pair_id}/result.json")
    harness.end_leases()

    for event in ({"pairs": [pair_id]}, {"retry": [pair_id]}):
        ending = harness.invoke(event)
        if is_unchanged or (published and "pairs" in event):
            assert ending.error is None
        else:
            assert isinstance(ending.error, PairsNotFinishedError)
            assert LedgerDamagedError.__name__ in ending.error.failures[pair_id]
    assert harness.calls() == 1


def _is_equivalent(one: bytes, other: bytes) -> bool:
    """Tell whether both are the same JSON value."""
    try:
        return bool(json.loads(one) == json.loads(other))
    except (ValueError, RecursionError):
        return False


@examples(12)
@given(damaged(GRANT), damaged({"schema": "liveness-response/2", "answer": None}))
def test_a_damaged_grant_grants_one_attempt(harness: Harness, grant: bytes, late: bytes) -> None:
    pair_id = harness.fresh()
    body = json.dumps({"sandbox": 1, "response": {"Sim": None}, "pair": pair_id}).encode()
    harness.put(f"liveness/incoming/{pair_id}/live.bin", body)
    harness.invoke({"pairs": [pair_id]})
    assert harness.calls() == 1
    harness.put(harness.claims(pair_id) + "grant-1", grant)
    harness.put(harness.claims(pair_id) + "late-1", late)
    harness.end_leases()

    for event in ({"pairs": [pair_id]}, {"retry": [pair_id]}):
        ending = harness.invoke(event)
        harness.end_leases()
        assert ending.error is None or isinstance(ending.error, PairsNotFinishedError)
    assert harness.calls() <= 3


@examples(20)
@given(marker=damaged(MARKER), slot=damaged(SLOT), occupied=st.booleans())
@example(marker=json.dumps(MARKER | {"pair_id": "\ud800"}).encode(), slot=b"", occupied=False)
@example(marker=json.dumps(MARKER | {"pair_id": "x" * 900}).encode(), slot=b"", occupied=False)
def test_a_damaged_marker_or_slot_delays_no_other_pair(
    harness: Harness, marker: bytes, slot: bytes, occupied: bool
) -> None:
    first = harness.fresh()
    second = harness.another()
    harness.put(harness.marker(first, "f" * 24), marker)
    harness.put_marker(second)
    if occupied:
        harness.put_slots(slot)
        assert harness.invoke({"drain": {}}).error is None
        assert len(harness.bucket.keys(MARKERS)) == 2
        return

    harness.drain()
    assert harness.result(second) is not None
    assert harness.invoke({"reconcile": {}}).error is None
    harness.drain()
    assert harness.result(first) is not None
    assert harness.calls() == 2


cursors = st.sampled_from(TEXTS).map(
    lambda text: json.dumps(STATE | {"cursor": "liveness/incoming/" + text}).encode()
)


@examples(20)
@given(state=damaged(STATE) | cursors, outdated=st.booleans())
@example(state=json.dumps(STATE | {"cursor": "liveness/incoming/\ud800"}).encode(), outdated=False)
@example(
    state=json.dumps(STATE | {"finished_pass_began": 1e300, "cursor": ""}).encode(), outdated=True
)
def test_a_damaged_reconcile_state_loses_no_pair(
    harness: Harness, state: bytes, outdated: bool
) -> None:
    pair_id = harness.fresh()
    if outdated:  # a result exists, but for other content
        harness.put(f"{RESULTS}{pair_id}/result.json", b"{}")
        for key in harness.bucket.keys(""):  # longer ago than a pass goes back
            harness.bucket.backdate(key, 7200)
    harness.put(LEDGER + "reconcile.json", state)
    # A valid state may hold a cursor; the pass after it starts from the beginning.
    for _ in range(2):
        assert harness.invoke({"reconcile": {}}).error is None
    assert harness.bucket.keys(MARKERS)

    harness.drain()

    assert harness.result(pair_id) is not None


METADATA = ("fingerprint", "status", "reason", "best-frame", "live-etag")


@examples(12)
@given(
    st.dictionaries(
        st.sampled_from(METADATA),
        st.sampled_from(("", "0" * 64, "failed", "passed", "none", "InputEmpty", "x" * 900)),
        max_size=3,
    ),
    st.booleans(),
)
def test_a_result_with_odd_metadata_is_billed_once(
    harness: Harness, metadata: dict[str, str], answered: bool
) -> None:
    pair_id = harness.fresh()
    if answered:
        harness.invoke({"pairs": [pair_id]})
    prefixed = {f"liveness-{name}": value for name, value in metadata.items()}
    harness.put(f"{RESULTS}{pair_id}/result.json", b"{}", metadata=prefixed)

    assert harness.invoke({"pairs": [pair_id]}).states()[pair_id] == "published"

    assert harness.result(pair_id) is not None
    assert harness.calls() == 1
