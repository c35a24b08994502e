"""Reading what triggers the function: COS messages, timers and direct invocations."""

from __future__ import annotations

import contextlib
import copy
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liveness.errors import EventError
from liveness.events import Trigger, read_event
from liveness.settings import read_settings

SETTINGS = read_settings(
    {"TENCENTCLOUD_REGION": "ap-singapore", "LIVENESS_BUCKET": "faces-1250000000"}
)
EVENTS = Path(__file__).parents[2] / "events"
PUT = json.loads((EVENTS / "put.json").read_text())


def message(key: str, name: str = "cos:ObjectCreated:Put", url: str | None = None) -> Any:
    event = copy.deepcopy(PUT)
    record = event["Records"][0]
    record["event"]["eventName"] = name
    record["cos"]["cosObject"]["key"] = "/1250000000/faces/" + key
    host = "http://faces-1250000000.cos.ap-singapore.myqcloud.com/"
    record["cos"]["cosObject"]["url"] = host + quote(key, "/") if url is None else url
    return event


def pair_ids_of(event: Any) -> tuple[str, ...]:
    return read_event(SETTINGS, event).pair_ids


@pytest.mark.parametrize(
    "name",
    [
        f"cos:{space}ObjectCreated:{kind}"
        for space in ("", " ")
        for kind in ("Put", "Post", "Copy", "Append", "CompleteMultipartUpload", "Origin",
                     "Replication", "*")
    ],
)  # fmt: skip
def test_every_kind_of_object_creation_triggers_its_pair(name: str) -> None:
    assert pair_ids_of(message("liveness/incoming/anna/live.bin", name)) == ("anna",)


@pytest.mark.parametrize("name", ["cos: ObjectRemove:Delete", "cos:ObjectRestore:Post", "x", ""])
def test_other_kinds_of_events_are_ignored(name: str) -> None:
    trigger = read_event(SETTINGS, message("liveness/incoming/anna/live.bin", name))

    assert trigger.pair_ids == ()
    assert trigger.skipped[0].kind == "ignored"


AWKWARD = [
    "a b",
    "a+b",
    "a%41",
    "a%",
    "a#b",
    "a?b=c",
    "中文",
    "😀",
    ".hidden",
    "..",
    "a//b",
    "a.",
    "&",
]


@pytest.mark.parametrize("pair_id", AWKWARD)
def test_awkward_keys_yield_exactly_their_own_pair(pair_id: str) -> None:
    assert pair_ids_of(message(f"liveness/incoming/{pair_id}/live.bin")) == (pair_id,)


@pytest.mark.parametrize("pair_id", AWKWARD)
def test_percent_encoded_keys_yield_their_pair_too(pair_id: str) -> None:
    key = f"liveness/incoming/{pair_id}/live.bin"
    event = message(quote(key, "/"), url="http://h/" + quote(key, "/"))

    assert pair_id in pair_ids_of(event)


def test_a_plus_in_the_url_matches_a_space_in_the_key() -> None:
    key = "liveness/incoming/a b/live.bin"
    assert pair_ids_of(message(key, url="http://h/liveness/incoming/a+b/live.bin")) == ("a b",)


def test_the_url_and_the_regions_are_optional() -> None:
    event = message("liveness/incoming/anna/live.bin")
    record = event["Records"][0]["cos"]
    del record["cosObject"]["url"]
    record["cosBucket"].pop("cosRegion", None)
    record["cosBucket"].pop("s3Region", None)

    assert pair_ids_of(event) == ("anna",)


def test_both_inputs_in_one_message_yield_one_pair() -> None:
    assert pair_ids_of(json.loads((EVENTS / "both-inputs.json").read_text())) == ("session-0001",)


@pytest.mark.parametrize(
    ("path", "value", "kind"),
    [
        (("cosBucket", "name"), "others", "rejected"),
        (("cosBucket", "appid"), "1259999999", "rejected"),
        (("cosBucket",), None, "malformed"),
        (("cosObject", "key"), 7, "malformed"),
        (("cosObject", "key"), "liveness/incoming/anna/live.bin", "malformed"),
        (("cosObject", "key"), "/1250000000/faces/liveness/incoming/\ud800/live.bin", "malformed"),
        (("cosObject", "url"), ["x"], "malformed"),
        (("cosObject",), "text", "malformed"),
    ],
)
def test_one_bad_record_is_reported_and_the_others_are_read(
    path: tuple[str, ...], value: object, kind: str
) -> None:
    event = message("liveness/incoming/bad/live.bin")
    parent = event["Records"][0]["cos"]
    for name in path[:-1]:
        parent = parent[name]
    parent[path[-1]] = value
    event["Records"] += message("liveness/incoming/good/live.bin")["Records"]

    trigger = read_event(SETTINGS, event)

    assert trigger.pair_ids == ("good",)
    (record,) = trigger.skipped
    assert (record.kind, record.where) == (kind, "Records[0]")
    assert record.reason


@pytest.mark.parametrize(
    "event",
    [None, 7, "x", [], {}, {"Records": None}, {"Records": {}}, {"pairs": []}, {"pairs": "anna"},
     {"pairs": ["a"], "retry": ["b"]}, {"drain": 1}, {"reconcile": {"prefix": 7}},
     {"Type": "Timer", "Message": "dance"}, {"Type": "Timer"}, {"what": "ever"}],
)  # fmt: skip
def test_an_unknown_event_raises_an_event_error(event: object) -> None:
    with pytest.raises(EventError):
        read_event(SETTINGS, event)


def test_an_empty_record_list_triggers_nothing() -> None:
    trigger = read_event(SETTINGS, {"Records": []})

    assert trigger.pair_ids == ()
    assert trigger.skipped[0].reason == "is empty"


def test_direct_invocations_and_timers_are_read() -> None:
    assert read_event(SETTINGS, {"pairs": ["a", "b", "a"]}) == Trigger("pairs", ("a", "b"))
    assert read_event(SETTINGS, {"retry": ["a"]}) == Trigger("retry", ("a",))
    assert read_event(SETTINGS, {"reconcile": {"prefix": "x"}}) == Trigger("reconcile", prefix="x")
    assert read_event(SETTINGS, {"Type": "Timer", "Message": "drain"}) == Trigger("drain")

    trigger = read_event(SETTINGS, {"pairs": ["a", 7, "", "\ud800", "x" * 900]})

    assert trigger.pair_ids == ("a",)
    assert [record.where for record in trigger.skipped] == [f"pairs[{n}]" for n in (1, 2, 3, 4)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def paths(value: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path to every value inside a JSON value."""
    paths_inside = [prefix] if prefix else []
    children: Any = ()
    if isinstance(value, dict):
        children = value.items()
    elif isinstance(value, list):
        children = enumerate(value)
    for name, child in children:
        paths_inside += paths(child, (*prefix, name))
    return paths_inside


@settings(max_examples=500)
@given(st.data())
def test_a_wrong_type_anywhere_never_hides_the_other_records(data: st.DataObject) -> None:
    event = message("liveness/incoming/bad/live.bin")
    path = data.draw(st.sampled_from([path for path in paths(event) if len(path) > 1]))
    parent: Any = event
    for name in path[:-1]:
        parent = parent[name]
    parent[path[-1]] = data.draw(JSON)
    event["Records"] += message("liveness/incoming/good/live.bin")["Records"]

    assert "good" in pair_ids_of(event)


@given(JSON)
def test_any_json_is_read_or_rejected(event: object) -> None:
    with contextlib.suppress(EventError):
        read_event(SETTINGS, event)


def test_every_sample_event_is_json_without_a_signature() -> None:
    events = sorted(EVENTS.glob("*.json"))

    assert len(events) >= 10
    for path in events:
        assert "q-signature" not in json.dumps(json.loads(path.read_text()))


@pytest.mark.parametrize(
    ("key", "url", "pair_ids"),
    [
        ("a", "a", ("a",)),
        ("a b", "a%20b", ("a b",)),
        ("a b", "a+b", ("a b",)),
        ("a+b", "a%2Bb", ("a+b",)),
        ("a+b", "a+b", ("a+b", "a b")),  # raw in both, or form-encoded in both
        ("a%20b", "a%20b", ("a%20b", "a b")),
        ("a%2520b", "a%2520b", ("a%2520b", "a%20b")),
    ],
)
def test_every_spelling_that_a_key_may_have_is_inspected(
    key: str, url: str, pair_ids: tuple[str, ...]
) -> None:
    folder = "liveness/incoming/"
    event = message(f"{folder}{key}/live.bin", url=f"http://h/{folder}{url}/live.bin")

    assert pair_ids_of(event) == pair_ids
