"""Input keys, pair ids, fingerprints and the names of the function's own objects."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from liveness.keys import (
    InputKey,
    NotAnInput,
    best_frame_key,
    candidate_keys,
    fingerprint_of,
    inputs_prefix,
    is_spelled_as_configured,
    marker_key,
    pair_id_problem,
    read_input_key,
    result_key,
)
from liveness.settings import MAX_KEY_BYTES, Settings, read_settings

GOOD = {"TENCENTCLOUD_REGION": "ap-singapore", "LIVENESS_BUCKET": "faces-1250000000"}
FOLDERS = read_settings(GOOD)
FLAT = read_settings(
    GOOD | {"LIVENESS_LIVE_SUFFIXES": ".live", "LIVENESS_IMAGE_SUFFIXES": ".jpg,.jpeg,.png"}
)
TANGLED = read_settings(
    GOOD | {"LIVENESS_LIVE_SUFFIXES": ".live,/x.live", "LIVENESS_IMAGE_SUFFIXES": "/r.jpg,.jpg"}
)
LAYOUTS = st.sampled_from([FOLDERS, FLAT, TANGLED])
PAIR_IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40) | (
    st.text("ar/x.jpgliv", min_size=1, max_size=12)
)


@given(LAYOUTS, PAIR_IDS)
def test_a_pair_finds_exactly_the_keys_that_lead_back_to_it(
    settings: Settings, pair_id: str
) -> None:
    for candidate in candidate_keys(settings, pair_id):
        assert read_input_key(settings, candidate.key) == candidate
        assert candidate.pair_id == pair_id


@given(LAYOUTS, PAIR_IDS, st.sampled_from(["/live.bin", ".jpg", "/r.jpg", ".live", "/x.live"]))
def test_no_key_belongs_to_two_pairs(settings: Settings, rest: str, suffix: str) -> None:
    input_key = read_input_key(settings, settings.input_prefix + rest + suffix)
    assume(isinstance(input_key, InputKey))

    assert isinstance(input_key, InputKey)
    assert input_key in candidate_keys(settings, input_key.pair_id)


@given(PAIR_IDS, PAIR_IDS)
def test_no_two_pairs_share_a_result(one: str, other: str) -> None:
    assume(one != other)

    assert result_key(FOLDERS, one) != result_key(FOLDERS, other)
    assert best_frame_key(FOLDERS, one, "0" * 32) != best_frame_key(FOLDERS, other, "0" * 32)


def test_the_suffix_decides_the_role_and_other_keys_are_rejected() -> None:
    def role_or_reason(key: str) -> str:
        input_key = read_input_key(FOLDERS, key)
        return input_key.role if isinstance(input_key, InputKey) else input_key.reason

    assert role_or_reason("liveness/incoming/anna/live.bin") == "live"
    assert role_or_reason("liveness/incoming/anna/reference.jpeg") == "image"
    assert role_or_reason("liveness/incoming/2026/anna/reference.png") == "image"
    assert "outside the input prefix" in role_or_reason("liveness/results/anna/result.json")
    assert "folder placeholder" in role_or_reason("liveness/incoming/anna/")
    assert "ends in none of" in role_or_reason("liveness/incoming/anna/live.mp4")
    assert role_or_reason("liveness/incoming/anna/LIVE.BIN") == "live"
    assert role_or_reason("liveness/incoming/anna/reference.Jpg") == "image"
    assert "empty pair id" in role_or_reason("liveness/incoming//live.bin")


def test_a_pair_id_too_long_for_its_results_is_rejected() -> None:
    """It is not shortened: the rest could be the id of another pair."""
    room = MAX_KEY_BYTES - len(best_frame_key(FOLDERS, "", "0" * 32))

    assert pair_id_problem(FOLDERS, "x" * room) is None
    assert len(best_frame_key(FOLDERS, "x" * room, "0" * 32)) == MAX_KEY_BYTES
    assert "would fit only up to" in (pair_id_problem(FOLDERS, "x" * (room + 1)) or "")
    assert "would fit" in (pair_id_problem(FOLDERS, "人" * (room // 3 + 1)) or "")
    assert isinstance(
        read_input_key(FOLDERS, f"liveness/incoming/{'x' * (room + 1)}/live.bin"), NotAnInput
    )


@given(LAYOUTS, PAIR_IDS, st.data())
def test_a_key_in_another_case_belongs_to_one_pair_and_never_takes_one_that_is_configured(
    settings: Settings, pair_id: str, data: st.DataObject
) -> None:
    suffix = data.draw(st.sampled_from(settings.live_suffixes + settings.image_suffixes))
    cases = data.draw(st.lists(st.booleans(), min_size=len(suffix), max_size=len(suffix)))
    changed = "".join(c.upper() if up else c for c, up in zip(suffix, cases, strict=True))

    found = read_input_key(settings, settings.input_prefix + pair_id + changed)

    assert isinstance(found, InputKey)
    exact = read_input_key(settings, settings.input_prefix + pair_id + suffix)
    assert isinstance(exact, InputKey)
    if changed == suffix:
        assert found == exact
    # A computed key is spelled as configured, and no other key is.
    assert found.key.startswith(inputs_prefix(settings, found.pair_id))
    assert is_spelled_as_configured(settings, found) == (
        found in candidate_keys(settings, found.pair_id)
    )


@pytest.mark.parametrize("prefix", ["RESULT_PREFIX", "FRAME_PREFIX"])
def test_a_pair_id_leaves_room_under_the_longest_prefix(prefix: str) -> None:
    settings = read_settings(GOOD | {f"LIVENESS_{prefix}": "p" * 300 + "/"})
    longest = next(n for n in range(850, 0, -1) if pair_id_problem(settings, "x" * n) is None)

    keys = result_key(settings, "x" * longest), best_frame_key(settings, "x" * longest, "0" * 32)
    assert max(map(len, keys)) == MAX_KEY_BYTES


def test_the_fingerprint_depends_on_content_but_not_on_order() -> None:
    live, image = ("a/live.bin", "e1", 1), ("a/reference.jpg", "e2", 2)
    assert fingerprint_of("a", [live, image]) == fingerprint_of("a", [image, live])

    changed = {
        fingerprint_of("b", [live, image]),
        fingerprint_of("a", [("a/live.bin", "e3", 1), image]),
        fingerprint_of("a", [("a/live.bin", "e1", 9), image]),
        fingerprint_of("a", [("b/live.bin", "e1", 1), image]),
    }

    assert len(changed | {fingerprint_of("a", [live, image])}) == 5


@given(st.floats(0, 4e9), st.floats(0, 4e9))
def test_markers_sort_by_due_time(one: float, other: float) -> None:
    keys = [marker_key(FOLDERS, "a", due, "n") for due in (one, other)]

    assert (int(one) < int(other)) == (keys[0] < keys[1])
    assert all(key.startswith("liveness/ledger/pending/") for key in keys)
