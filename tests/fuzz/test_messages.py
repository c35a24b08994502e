"""Arbitrary events: each is processed or rejected by name, and one bad record spoils no other."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from liveness.errors import ConfigurationError, EventError
from tests.conftest import BUCKET, ROOT
from tests.fuzz import canaries
from tests.fuzz.examples import examples
from tests.fuzz.harness import SECRET_CONTEXT, Harness
from tests.fuzz.values import NUMBERS, TEXTS, changed, json_values, mutations, odd_texts, odd_values

SAMPLES = [json.loads(path.read_text()) for path in sorted((ROOT / "events").glob("*.json"))]
RECORDS = [record for sample in SAMPLES for record in sample.get("Records", ())]
KEY = ("cos", "cosObject", "key")
URL = ("cos", "cosObject", "url")
HEADERS = ("event", "requestParameters", "requestHeaders")


def signed(record: dict[str, Any]) -> dict[str, Any]:
    """Return the record with the uploader's signature in it."""
    authorized: dict[str, Any] = changed(
        record, HEADERS, {"Authorization": canaries.AUTHORIZATION, "x-cos-security-token": "t"}
    )
    return authorized


def about(key: str, url: str | None = None) -> dict[str, Any]:
    """Build a record about an object with that key; its URL may name another one."""
    record = changed(signed(RECORDS[0]), KEY, f"/1250000000/faces/{key}")
    located: dict[str, Any] = changed(record, URL, url if url is not None else f"http://x/{key}")
    return located


ANNA = "liveness/incoming/anna/live.bin"
odd_keys = st.builds(
    lambda prefix, middle, suffix: prefix + middle + suffix,
    st.sampled_from(("liveness/incoming/", "liveness/results/", "/", "")),
    odd_texts,
    st.sampled_from(("/live.bin", "/reference.jpg", "/", "", "/result.json")),
)
urls = st.one_of(
    st.none(),
    st.sampled_from(("://", "http://[", "http://x", "%")),
    st.sampled_from(
        (
            "http://x/liveness/incoming/a/live.bin?" + canaries.SIGNED_QUERY,
            "http://x/liveness/incoming/%E4%BA%BA%FF/live.bin",
            "http://x/liveness/incoming/a+b%2Bc/live.bin",
        )
    ),
    odd_texts.map("http://x/liveness/incoming/".__add__),
)
records = st.one_of(
    st.sampled_from(RECORDS).map(signed).flatmap(mutations),
    st.builds(about, odd_keys, urls),
    odd_values,
)
# People write these events; a pair id that they choose is not secret.
direct = st.one_of(
    mutations({"pairs": ["a", "b"]}),
    mutations({"retry": ["a", "b"]}),
    mutations({"reconcile": {"prefix": "a"}}),
    mutations({"drain": {}}),
    mutations({"Type": "Timer", "TriggerName": "t", "Time": "", "Message": "drain"}),
    st.sampled_from(TEXTS).map(lambda text: {"pairs": [text], "drain": {}}),
    st.sampled_from(TEXTS).map(lambda text: {"pairs": [text]}),
)
events = st.one_of(
    st.sampled_from(SAMPLES).flatmap(mutations),
    st.lists(records, max_size=3).map(lambda chosen: {"Records": chosen}),
    direct,
    json_values.map(lambda value: {"Type": "Timer", "Message": value}),
    json_values,
)


@examples(200)
@given(events)
def test_an_event_is_processed_or_rejected_by_name(harness: Harness, event: Any) -> None:
    harness.fresh()

    ending = harness.invoke(event)

    assert ending.error is None or isinstance(ending.error, EventError)
    assert harness.calls() == 0 or "pair-" in json.dumps(event)


@examples(30)
@given(
    before=st.lists(records, min_size=2, max_size=5),
    after=st.lists(records, max_size=3),
    input_name=st.sampled_from(("live.bin", "reference.jpg")),
)
@example(
    before=[about(ANNA, f"http://x/{ANNA}?{canaries.SIGNED_QUERY}")],
    after=[],
    input_name="live.bin",
)
def test_good_records_are_processed_among_bad_ones(
    harness: Harness, before: list[Any], after: list[Any], input_name: str
) -> None:
    pair_id = harness.fresh()
    key = f"liveness/incoming/{pair_id}/{input_name}"
    good = harness.cloud.sandbox.trigger_event(BUCKET, key)["Records"]

    ending = harness.invoke({"Records": [*before, *map(signed, good), *after]})

    assert ending.states()[pair_id] == "published"
    assert harness.result(pair_id) is not None
    assert harness.calls() == 1


odd_fields = odd_texts | odd_values
contexts = st.fixed_dictionaries(
    {},
    optional={
        "request_id": odd_fields,
        "function_name": odd_fields,
        "function_version": odd_fields,
        "time_limit_in_ms": st.sampled_from(NUMBERS) | odd_values,
    },
).map(SECRET_CONTEXT.__or__)


@examples(30)
@given(context=contexts)
@example(context=SECRET_CONTEXT | {"request_id": "\ud800"})
def test_any_context_is_accepted_or_rejected_by_name(harness: Harness, context: Any) -> None:
    pair_id = harness.fresh()

    ending = harness.invoke({"pairs": [pair_id]}, context=context)

    if ending.error is None:
        assert ending.states()[pair_id] in ("published", "parked")
    else:
        assert isinstance(ending.error, ConfigurationError)  # the time limit is too short
