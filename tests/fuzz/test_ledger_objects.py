"""Whatever lies in the ledger: nothing is paid for twice by it, and no other pair waits for it.

A damaged claim stays somebody's claim. A damaged response ends all calls, by name. A damaged
marker, drain slot or state of reconcile costs a look, and no pair.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from liveness.errors import LedgerDamaged, PairsNotFinished
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

CLAIM = {"pair_id": "a", "attempt": 1, "nonce": "0" * 24, "owner": {"request_id": "r"}}
RELEASED = {"nonce": "0" * 24, "attempt": 1}
GRANT = {"owner": {"name": "n", "version": "v", "request_id": "invocation-1"}}
MARKER = {"schema": "liveness-marker/1", "pair_id": "a", "reason": "r", "visits": 0}
STATE = {"finished_pass_began": 1.0, "pass_began": 2.0, "cursor": "liveness/incoming/a"}


def damaged(sound: dict[str, Any]) -> st.SearchStrategy[bytes]:
    """The bytes of an object that somebody edited, cut, or replaced."""
    written = json.dumps(sound).encode()
    fields = st.builds(
        lambda name, value: {**sound, name: value},
        st.sampled_from(sorted(sound)),
        odd_texts | st.sampled_from(NUMBERS) | odd_values,
    )
    return st.one_of(
        mutations(sound).map(lambda value: json.dumps(value).encode()),
        fields.map(lambda value: json.dumps(value).encode()),
        bytes_like(written),
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
    harness: Harness, claim: bytes, released: bytes, claims: int, over: bool, given_back: bool
) -> None:
    pair_id = harness.fresh()
    prefix = harness.claims(pair_id)
    for number in range(1, claims + 1):
        harness.put(f"{prefix}{number}.claim", claim)
        if given_back:
            harness.put(f"{prefix}{number}.released", released)
    if over:
        harness.end_leases()

    ending = harness.invoke({"pairs": [pair_id]})

    named = _nonce(claim) is not None and _nonce(claim) == _nonce(released)
    if given_back and named:
        assert ending.states()[pair_id] == "published"
    elif over:
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
    """Where to damage a response, and how: see `edited`."""
    how = draw(st.sampled_from(("field", "bytes", "whole")))
    if how == "field":
        return how, (draw(st.integers(0, 30)), draw(odd_texts | st.sampled_from((None, 0, 99.9))))
    if how == "bytes":
        return how, (draw(st.integers(0, 400)), draw(st.binary(min_size=1, max_size=3)))
    return how, draw(damaged({"schema": "liveness-response/1", "answer": None}))


def edited(body: bytes, edit: tuple[str, Any]) -> bytes:
    """A response with one of its fields replaced, some bytes inserted, or something else."""
    how, what = edit
    if how == "whole":
        return bytes(what)
    if how == "bytes":
        at, inserted = what
        return body[: at % len(body)] + bytes(inserted) + body[at % len(body) :]
    at, value = what
    record = json.loads(body)
    fields = [(record, name) for name in record]
    fields += [(record["answer"], name) for name in record["answer"]]
    inside, name = fields[at % len(fields)]
    inside[name] = value
    return json.dumps(record).encode()


@examples(30)
@given(edits(), st.booleans())
def test_a_damaged_response_stops_all_calls(
    harness: Harness, edit: tuple[str, Any], published: bool
) -> None:
    pair_id = harness.fresh()
    harness.invoke({"pairs": [pair_id]})
    key = harness.claims(pair_id) + "response"
    sound = harness.bucket.get(key)
    assert sound is not None
    body = edited(sound.body(), edit)
    same = _same(body, sound.body())
    harness.put(key, body)
    if not published:
        harness.bucket.delete(f"{RESULTS}{pair_id}/result.json")
    harness.end_leases()

    for event in ({"pairs": [pair_id]}, {"retry": [pair_id]}):
        ending = harness.invoke(event)
        if same or (published and "pairs" in event):
            assert ending.error is None
        else:
            assert isinstance(ending.error, PairsNotFinished)
            assert LedgerDamaged.__name__ in ending.error.failures[pair_id]
    assert harness.calls() == 1


def _same(one: bytes, other: bytes) -> bool:
    """Whether both mean the same."""
    try:
        return bool(json.loads(one) == json.loads(other))
    except (ValueError, RecursionError):
        return False


@examples(12)
@given(damaged(GRANT), damaged({"schema": "liveness-response/1", "answer": None}))
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
        assert ending.error is None or isinstance(ending.error, PairsNotFinished)
    assert harness.calls() <= 3


@examples(20)
@given(marker=damaged(MARKER), slot=damaged({"nonce": "a", "owner": {}}), held=st.booleans())
@example(marker=json.dumps(MARKER | {"pair_id": "\ud800"}).encode(), slot=b"", held=False)
@example(marker=json.dumps(MARKER | {"pair_id": "x" * 900}).encode(), slot=b"", held=False)
def test_a_damaged_marker_or_slot_delays_no_other_pair(
    harness: Harness, marker: bytes, slot: bytes, held: bool
) -> None:
    first = harness.fresh()
    second = harness.another()
    harness.put(harness.marker(first, "f" * 24), marker)
    harness.put_marker(second)
    if held:
        harness.put_slots(slot)

    if held:
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
    if outdated:  # a result is there, but for other content
        harness.put(f"{RESULTS}{pair_id}/result.json", b"{}")
        for key in harness.bucket.keys(""):  # longer ago than a pass looks back
            harness.bucket.backdate(key, 7200)
    harness.put(LEDGER + "reconcile.json", state)
    # A state of ours may say where to go on; the pass after it begins anew.
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
    named = {f"liveness-{name}": value for name, value in metadata.items()}
    harness.put(f"{RESULTS}{pair_id}/result.json", b"{}", metadata=named)

    assert harness.invoke({"pairs": [pair_id]}).states()[pair_id] == "published"

    assert harness.result(pair_id) is not None
    assert harness.calls() == 1
