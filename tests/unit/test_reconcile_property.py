"""Reconcile against an oracle that looks at everything at once, over small buckets of odd keys."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from liveness.keys import InputKey, read_input_key, result_key
from liveness.logs import Log
from liveness.pacing import AtOnce
from liveness.reconcile import LEDGER_KEPT_SECONDS, reconcile
from liveness.result import Origin
from liveness.seams import SystemChance
from liveness.services import CLOSING_SECONDS, Services
from liveness.settings import read_settings
from liveness.store import Listed, ObjectHead, Page, PatientStore, StoredObject

NOW = 1_800_000_000.0
DAY = 24 * 3600.0
PAGE = 3
LAYOUTS = {
    "folders": (("/live.bin",), ("/reference.jpg", "/reference.png")),
    "flat": ((".live",), (".jpg", ".png")),
    "bare": (("live", "-live"), ("jpg",)),  # suffixes that begin with nothing, and end alike
}


class Clock:
    """Stands still, but every listing takes `seconds`."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return NOW

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None: ...


class InTurn:
    """One task after the other."""

    def crew(self, size: int, tasks: Iterator[Callable[[], Any]]) -> None:
        for task in tasks:
            task()

    def together(self, *tasks: Callable[[], Any]) -> list[Any]:
        return [task() for task in tasks]

    def within(self, seconds: float, task: Callable[[], Any]) -> Any:
        return task()


class Store:
    """What lies where and since when; a page holds three keys."""

    def __init__(self, clock: Clock, objects: Mapping[str, float]) -> None:
        self.clock = clock
        self.written = dict(objects)
        self.bodies: dict[str, bytes] = {}
        self.listings = 0
        self.seconds_a_listing = 0.0
        self.meanwhile: Callable[[], None] | None = None

    def list(self, bucket: str, prefix: str, after: str) -> Page:
        self.listings += 1
        self.clock.time += self.seconds_a_listing
        if meanwhile := self.meanwhile:
            self.meanwhile = None
            meanwhile()
        keys = sorted(
            (key for key in self.written if key.startswith(prefix) and key > after),
            key=str.encode,
        )
        items = tuple(Listed(key, self.written[key]) for key in keys[:PAGE])
        return Page(items, items[-1].key if len(keys) > PAGE else None)

    def get(self, bucket: str, key: str, max_bytes: int) -> StoredObject | None:
        if key not in self.bodies:
            return None
        body = self.bodies[key]
        return StoredObject(ObjectHead(key, len(body), "e", None, NOW, NOW, {}), body)

    def put(
        self, bucket: str, key: str, body: bytes, content_type: str, metadata: Mapping[str, str]
    ) -> None:
        self.bodies[key] = body

    @property
    def parked(self) -> set[str]:
        return {
            json.loads(body)["pair_id"] for key, body in self.bodies.items() if "/pending/" in key
        }


class Pair(NamedTuple):
    """How old inputs and result are, None where there is none; `stale`: it needs work."""

    live: float | None
    image: float | None
    result: float | None
    frames: int
    stale: bool


# On both sides of each boundary: the pass before began two hours ago and overlaps an hour; the
# ledger is kept 30 days.
AGES = st.sampled_from(
    [0.0, 3600.0, 2.9 * 3600, 3.1 * 3600, 29.9 * DAY, LEDGER_KEPT_SECONDS + 60, 400 * DAY]
)
# Ids that begin one another, that look like suffixes, that sort around "/", ".", "-", and beyond.
PIECES = st.sampled_from(
    ["a", "b", "/", ".", "-", "live", ".live", ".jpg", "/result.json", "!", "é", "\uffff", "😀"]
)
PAIR_IDS = st.lists(PIECES, min_size=1, max_size=4).map("".join) | st.lists(
    st.sampled_from(["a", ".live", "-live", "/live.bin", ".jpg"]), min_size=1, max_size=3
).map("".join)
PAIRS = st.builds(
    Pair,
    st.none() | AGES,
    st.none() | AGES,
    st.none() | AGES,
    st.integers(0, 4),
    st.booleans(),
)


def silent() -> Log:
    return Log(lambda line: None, {})


def services(store: Store, clock: Clock, layout: str) -> Services:
    live, image = LAYOUTS[layout]
    settings = read_settings(
        {
            "TENCENTCLOUD_REGION": "ap-singapore",
            "LIVENESS_BUCKET": "faces-1250000000",
            "LIVENESS_LIVE_SUFFIXES": ",".join(live),
            "LIVENESS_IMAGE_SUFFIXES": ",".join(image),
        }
    )
    chance = SystemChance()
    remote: Any = store
    nothing: Any = None
    return Services(
        settings=settings,
        store=PatientStore(remote, clock, chance),
        face=nothing,
        frames=nothing,
        clock=clock,
        chance=chance,
        concurrency=InTurn(),
        pace=AtOnce(clock, yields=False),
        origin=Origin("", "", ""),
        ends_at=1e9,
        trusted_buckets=set(),
    )


def laid_out(pairs: Mapping[str, Pair], layout: str) -> tuple[dict[str, float], dict[str, float]]:
    """All objects with their times, and when each pair was last written to, as keys tell it."""
    live, image = LAYOUTS[layout]
    on = services(Store(Clock(), {}), Clock(), layout).settings
    inputs: dict[str, float] = {}
    for pair_id, pair in pairs.items():
        for age, suffix in ((pair.live, live[-1]), (pair.image, image[-1])):
            if age is not None:
                inputs[on.input_prefix + pair_id + suffix] = NOW - age
    changed: dict[str, float] = {}
    for key, written in inputs.items():
        read = read_input_key(on, key)  # whose a key is, is not what is tested here
        if isinstance(read, InputKey):
            changed[read.pair_id] = max(changed.get(read.pair_id, 0.0), written)
    results: dict[str, float] = {}
    for pair_id, pair in pairs.items():
        for frame in range(pair.frames):  # of contents before, too
            results[f"{on.result_prefix}{pair_id}/best-frame-{frame:032x}.jpg"] = NOW - 1
        if pair.result is not None:
            results[result_key(on, pair_id)] = NOW - pair.result
    return {**inputs, **results}, changed


def to_be_looked_at(
    objects: Mapping[str, float], changed: Mapping[str, float], layout: str, since: float
) -> set[str]:
    """The rule itself: young enough and without a result, or changed since the last pass."""
    settings = services(Store(Clock(), {}), Clock(), layout).settings
    oldest = NOW - LEDGER_KEPT_SECONDS
    wanted = set()
    for pair_id, written in changed.items():
        result = objects.get(result_key(settings, pair_id))
        latest = max(written, result or 0.0)
        if (result is None and written >= oldest) or latest >= max(since, oldest):
            wanted.add(pair_id)
    return wanted


@given(
    st.sampled_from(sorted(LAYOUTS)),
    st.dictionaries(PAIR_IDS, PAIRS, max_size=9),
    st.sampled_from([None, NOW - 7200]),
    st.integers(1, 4),
)
def test_reconcile_looks_at_whom_it_must_and_parks_who_needs_it(
    layout: str, pairs: dict[str, Pair], last_pass: float | None, pages_a_run: int
) -> None:
    objects, changed = laid_out(pairs, layout)
    clock = Clock()
    store = Store(clock, objects)
    # A page of inputs and at least one of results: a run ends after about so many of them.
    store.seconds_a_listing = 1.0
    on = services(store, clock, layout)
    state = {"finished_pass_began": last_pass or 0.0, "pass_began": 0.0, "cursor": ""}
    store.bodies["liveness/ledger/reconcile.json"] = json.dumps(state).encode()
    looked_at: list[str] = []

    def needs_work(pair_id: str) -> bool:
        looked_at.append(pair_id)
        return pair_id in pairs and pairs[pair_id].stale

    runs, finished = 0, False
    while not finished:
        limit = clock.time + CLOSING_SECONDS + 20 + pages_a_run - 0.5
        done = reconcile(on._replace(ends_at=limit), silent(), "", needs_work)
        finished, runs = done.finished, runs + 1
        assert runs <= len(objects) + 2, "no run comes to an end"

    wanted = to_be_looked_at(objects, changed, layout, (last_pass or 0.0) - 3600)
    assert set(looked_at) == wanted
    # A pair of at most three keys lies on two pages at the most.
    assert all(looked_at.count(pair_id) <= 2 for pair_id in wanted)
    assert store.parked == {pair for pair in wanted if pair in pairs and pairs[pair].stale}
    left = json.loads(store.bodies["liveness/ledger/reconcile.json"])
    assert (left["finished_pass_began"], left["cursor"]) == (NOW, "")
    # One listing a page of inputs; of results, one for each three keys or a wanted one at least.
    inputs = sum(key.startswith("liveness/incoming/") for key in objects)
    assert store.listings <= (inputs // PAGE + 1) + inputs + runs


@given(
    st.sampled_from(sorted(LAYOUTS)),
    st.dictionaries(PAIR_IDS, PAIRS, max_size=9),
    st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4) | st.none()), max_size=8),
)
def test_runs_at_the_same_time_lose_nobody(
    layout: str, pairs: dict[str, Pair], runs: list[tuple[int, int | None]]
) -> None:
    # Each run stops after so many pages; in the midst of it another may begin and end.
    objects, changed = laid_out(pairs, layout)
    clock = Clock()
    store = Store(clock, objects)
    store.seconds_a_listing = 1.0
    on = services(store, clock, layout)
    wanted = to_be_looked_at(objects, changed, layout, -3600)
    looked_at: set[str] = set()

    def needs_work(pair_id: str) -> bool:
        looked_at.add(pair_id)
        return False

    def run(pages: float) -> None:
        limit = clock.time + CLOSING_SECONDS + 20 + pages - 0.5
        if reconcile(on._replace(ends_at=limit), silent(), "", needs_work).finished:
            assert wanted <= looked_at, "a pass is said to be finished that left somebody out"

    for pages, beside in runs:
        if beside is not None:
            store.meanwhile = partial(run, beside)
        run(pages)
    run(1e6)
    assert looked_at == wanted


@given(st.sampled_from(sorted(LAYOUTS)), st.dictionaries(PAIR_IDS, PAIRS, max_size=9), PAIR_IDS)
def test_a_prefix_chooses_by_the_key(layout: str, pairs: dict[str, Pair], prefix: str) -> None:
    objects, changed = laid_out(pairs, layout)
    clock = Clock()
    on = services(Store(clock, objects), clock, layout)
    looked_at: set[str] = set()

    def needs_work(pair_id: str) -> bool:
        looked_at.add(pair_id)
        return False

    done = reconcile(on, silent(), prefix, needs_work)

    assert done.finished
    wanted = to_be_looked_at(objects, changed, layout, -1e12)
    begins = {pair_id for pair_id in wanted if pair_id.startswith(prefix)}
    assert begins <= looked_at <= wanted
