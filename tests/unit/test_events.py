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
from liveness.events import Wakeup, read_event
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


def woken(event: Any) -> tuple[str, ...]:
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
def test_every_kind_of_creation_wakes(name: str) -> None:
    assert woken(message("liveness/incoming/anna/live.bin", name)) == ("anna",)


@pytest.mark.parametrize("name", ["cos: ObjectRemove:Delete", "cos:ObjectRestore:Post", "x", ""])
def test_other_kinds_are_ignored(name: str) -> None:
    wakeup = read_event(SETTINGS, message("liveness/incoming/anna/live.bin", name))
    assert wakeup.pair_ids == ()
    assert wakeup.remarks[0].kind == "ignored"


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
def test_awkward_keys_name_their_pair_and_no_other(pair_id: str) -> None:
    assert woken(message(f"liveness/incoming/{pair_id}/live.bin")) == (pair_id,)


@pytest.mark.parametrize("pair_id", AWKWARD)
def test_keys_that_come_percent_encoded_are_found_too(pair_id: str) -> None:
    key = f"liveness/incoming/{pair_id}/live.bin"
    event = message(quote(key, "/"), url="http://h/" + quote(key, "/"))
    assert pair_id in woken(event)


def test_a_url_with_plus_for_space_agrees() -> None:
    key = "liveness/incoming/a b/live.bin"
    assert woken(message(key, url="http://h/liveness/incoming/a+b/live.bin")) == ("a b",)


def test_a_missing_url_and_missing_regions_do_not_matter() -> None:
    event = message("liveness/incoming/anna/live.bin")
    record = event["Records"][0]["cos"]
    del record["cosObject"]["url"]
    record["cosBucket"].pop("cosRegion", None)
    record["cosBucket"].pop("s3Region", None)
    assert woken(event) == ("anna",)


def test_both_inputs_at_once_are_one_pair() -> None:
    assert woken(json.loads((EVENTS / "both-inputs.json").read_text())) == ("session-0001",)


@pytest.mark.parametrize(
    ("path", "value", "kind"),
    [
        (("cosBucket", "name"), "others", "refused"),
        (("cosBucket", "appid"), "1259999999", "refused"),
        (("cosBucket",), None, "malformed"),
        (("cosObject", "key"), 7, "malformed"),
        (("cosObject", "key"), "liveness/incoming/anna/live.bin", "malformed"),
        (("cosObject", "key"), "/1250000000/faces/liveness/incoming/\ud800/live.bin", "malformed"),
        (("cosObject", "url"), ["x"], "malformed"),
        (("cosObject",), "text", "malformed"),
    ],
)
def test_one_bad_record_is_named_and_the_others_are_read(
    path: tuple[str, ...], value: object, kind: str
) -> None:
    event = message("liveness/incoming/bad/live.bin")
    place = event["Records"][0]["cos"]
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    event["Records"] += message("liveness/incoming/good/live.bin")["Records"]

    wakeup = read_event(SETTINGS, event)

    assert wakeup.pair_ids == ("good",)
    (remark,) = wakeup.remarks
    assert (remark.kind, remark.where) == (kind, "Records[0]")
    assert remark.why


@pytest.mark.parametrize(
    "event",
    [None, 7, "x", [], {}, {"Records": None}, {"Records": {}}, {"pairs": []}, {"pairs": "anna"},
     {"pairs": ["a"], "retry": ["b"]}, {"drain": 1}, {"reconcile": {"prefix": 7}},
     {"Type": "Timer", "Message": "dance"}, {"Type": "Timer"}, {"what": "ever"}],
)  # fmt: skip
def test_what_is_no_event_says_so(event: object) -> None:
    with pytest.raises(EventError):
        read_event(SETTINGS, event)


def test_no_records_wake_nobody() -> None:
    wakeup = read_event(SETTINGS, {"Records": []})
    assert wakeup.pair_ids == () and wakeup.remarks[0].why == "is empty"


def test_direct_invocations() -> None:
    assert read_event(SETTINGS, {"pairs": ["a", "b", "a"]}) == Wakeup("pairs", ("a", "b"))
    assert read_event(SETTINGS, {"retry": ["a"]}) == Wakeup("retry", ("a",))
    assert read_event(SETTINGS, {"reconcile": {"prefix": "x"}}) == Wakeup("reconcile", prefix="x")
    assert read_event(SETTINGS, {"Type": "Timer", "Message": "drain"}) == Wakeup("drain")
    wakeup = read_event(SETTINGS, {"pairs": ["a", 7, "", "\ud800", "x" * 900]})
    assert wakeup.pair_ids == ("a",)
    assert [remark.where for remark in wakeup.remarks] == [f"pairs[{n}]" for n in (1, 2, 3, 4)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place inside a JSON value."""
    found = [at] if at else []
    children: Any = ()
    if isinstance(value, dict):
        children = value.items()
    elif isinstance(value, list):
        children = enumerate(value)
    for name, child in children:
        found += paths(child, (*at, name))
    return found


@settings(max_examples=500)
@given(st.data())
def test_any_type_anywhere_in_a_message_never_hides_the_other_records(data: st.DataObject) -> None:
    event = message("liveness/incoming/bad/live.bin")
    at = data.draw(st.sampled_from([path for path in paths(event) if len(path) > 1]))
    place: Any = event
    for name in at[:-1]:
        place = place[name]
    place[at[-1]] = data.draw(JSON)
    event["Records"] += message("liveness/incoming/good/live.bin")["Records"]
    assert "good" in woken(event)


@given(JSON)
def test_any_json_is_read_or_refused(event: object) -> None:
    with contextlib.suppress(EventError):
        read_event(SETTINGS, event)
