"""Reconcile against an oracle that sees everything at once, over small buckets of odd keys."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from liveness.cloud.system import SystemRandom
from liveness.context import SHUTDOWN_RESERVE_SECONDS, Context
from liveness.keys import (
    FINGERPRINT_META,
    STATUS_META,
    InputKey,
    best_frame_key,
    fingerprint_of,
    read_input_key,
    result_key,
)
from liveness.logs import Log
from liveness.pacing import Unpaced
from liveness.reconcile import LEDGER_KEPT_SECONDS, Reconciled, reconcile
from liveness.records import InvocationInfo
from liveness.settings import Settings, read_settings
from liveness.store import ListedObject, ObjectHead, Page, RetryingStore, StoredObject
from tests.clocks import ManualClock

NOW = 1_800_000_000.0
DAY = 24 * 3600.0
KEYS_PER_PAGE = 3
SECONDS_PER_LISTING = 1.0
OVERLAP_SECONDS = 3600
LISTING_SECONDS = 600
STATE_KEY = "liveness/ledger/reconcile.json"
LAYOUTS = {
    "folders": (("/live.bin",), ("/reference.jpg", "/reference.png")),
    "flat": ((".live",), (".jpg", ".png")),
    "bare": (("live", "-live"), ("jpg",)),  # no separator; one suffix is the end of the other
}


class Sequential:
    """Concurrency that runs one task after another."""

    def run_pool(self, tasks: Iterator[Callable[[], Any]], workers: int) -> None:
        for task in tasks:
            task()

    def gather(self, *tasks: Callable[[], Any]) -> list[Any]:
        return [task() for task in tasks]

    def with_timeout(
        self, task: Callable[[], Any], seconds: float, on_late: Callable[[Any], None] | None = None
    ) -> Any:
        return task()

    def lock(self) -> AbstractContextManager[Any]:
        return threading.Lock()


class Store:
    """Objects in memory with the times of their last change; every listing takes a second."""

    def __init__(self, clock: ManualClock, objects: Mapping[str, float]) -> None:
        self.clock = clock
        self.written = dict(objects)
        self.bodies: dict[str, bytes] = {}
        self.metadata: dict[str, Mapping[str, str]] = {}
        self.heads: list[str] = []
        self.listings = 0
        self.during_next_listing: Callable[[], None] | None = None

    def list(self, bucket: str, prefix: str, after: str) -> Page:
        if "/pending/" in prefix:  # once in every run
            return Page((), None)
        self.listings += 1
        self.clock.time += SECONDS_PER_LISTING
        if interruption := self.during_next_listing:
            self.during_next_listing = None
            interruption()
        keys = sorted(
            (key for key in self.written if key.startswith(prefix) and key > after),
            key=str.encode,
        )
        items = tuple(ListedObject(key, self.written[key], "e", 1) for key in keys[:KEYS_PER_PAGE])
        return Page(items, items[-1].key if len(keys) > KEYS_PER_PAGE else None)

    def get(self, bucket: str, key: str, max_bytes: int) -> StoredObject | None:
        if key not in self.bodies:
            return None
        body = self.bodies[key]
        return StoredObject(ObjectHead(key, len(body), "e", None, NOW, NOW, {}), body)

    def head(self, bucket: str, key: str) -> ObjectHead | None:
        self.heads.append(key)
        if key not in self.written:
            return None
        written, metadata = self.written[key], self.metadata.get(key, {})
        return ObjectHead(key, 1, "e", None, written, NOW, metadata)

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
    """Ages of a pair's objects in seconds; None: the object does not exist."""

    live: float | None
    image: float | None
    result: float | None
    frames: int
    stale: bool
    """Whether the pair needs work when it is checked."""


# On both sides of each boundary: the previous pass started two hours ago and overlaps by an hour;
# the ledger is kept for 30 days.
AGES = st.sampled_from(
    [0.0, 3600.0, 2.9 * 3600, 3.1 * 3600, 29.9 * DAY, LEDGER_KEPT_SECONDS + 60, 400 * DAY]
)
# Ids that are prefixes of one another, look like suffixes, and sort around "/", "." and "-".
FRAGMENTS = st.sampled_from(
    ["a", "b", "/", ".", "-", "live", ".live", ".jpg", "/result.json", "!", "é", "\uffff", "😀"]
)
PAIR_IDS = st.lists(FRAGMENTS, min_size=1, max_size=4).map("".join) | st.lists(
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


class World:
    """A bucket with these pairs, what reconcile needs to run on it, and the oracle."""

    def __init__(self, layout: str, pairs: dict[str, Pair]) -> None:
        self.pairs = pairs
        self.settings = settings_of(layout)
        self.changed: dict[str, float] = {}
        """When an input of each pair was last written, as its keys tell."""
        self.objects = self._inputs(*LAYOUTS[layout]) | self._results()
        self.clock = ManualClock(wall_time=NOW)
        self.store = Store(self.clock, self.objects)
        self.store.metadata = self._metadata()
        self._ctx = context_of(self.settings, self.store, self.clock)

    def reconcile(
        self, needs_work: Callable[[str], bool], pages: float = 1e6, prefix: str = ""
    ) -> Reconciled:
        """Run reconcile with time for about this many pages of results."""
        limit = self.clock.time + SHUTDOWN_RESERVE_SECONDS + 20 + pages - 0.5
        log = Log(lambda line: None, {})
        return reconcile(self._ctx._replace(deadline=limit), log, prefix, needs_work)

    def expected(self, previous_pass: float, full_pass: float) -> set[str]:
        """Apply the rule itself: changed since the previous pass.

        If the full pass is due, too, also without a result, or with one that was written late.
        """
        oldest = NOW - LEDGER_KEPT_SECONDS
        expected = set()
        for pair_id, changed in self.changed.items():
            written = self.objects.get(result_key(self.settings, pair_id))
            is_recent = changed >= max(oldest, previous_pass - OVERLAP_SECONDS)
            is_missing = written is None and changed >= oldest
            is_late = written is not None and (
                written >= changed + OVERLAP_SECONDS - LISTING_SECONDS
                and written >= max(oldest, full_pass - OVERLAP_SECONDS)
            )
            if is_recent or (NOW - full_pass >= DAY and (is_missing or is_late)):
                expected.add(pair_id)
        return expected

    @property
    def looked_at(self) -> list[str]:
        """The pairs whose results were asked for."""
        pairs = {result_key(self.settings, pair_id): pair_id for pair_id in self.changed}
        return [pairs[key] for key in self.store.heads]

    def _metadata(self) -> dict[str, Mapping[str, str]]:
        """Give every pair that needs no work the metadata of a result of its inputs."""
        metadata: dict[str, Mapping[str, str]] = {}
        inputs: dict[str, list[tuple[str, str, int]]] = {}
        for key in self.objects:
            input_key = read_input_key(self.settings, key)
            if isinstance(input_key, InputKey):
                inputs.setdefault(input_key.pair_id, []).append((key, "e", 1))
        for pair_id, found in inputs.items():
            if not self.is_stale(pair_id):
                fingerprint = fingerprint_of(pair_id, found)
                key = result_key(self.settings, pair_id)
                metadata[key] = {FINGERPRINT_META: fingerprint, STATUS_META: "passed"}
        return metadata

    def is_stale(self, pair_id: str) -> bool:
        return pair_id in self.pairs and self.pairs[pair_id].stale

    def _inputs(
        self, live_suffixes: tuple[str, ...], image_suffixes: tuple[str, ...]
    ) -> dict[str, float]:
        inputs: dict[str, float] = {}
        for pair_id, pair in self.pairs.items():
            for age, suffix in ((pair.live, live_suffixes[-1]), (pair.image, image_suffixes[-1])):
                if age is not None:
                    inputs[self.settings.input_prefix + pair_id + suffix] = NOW - age
        for key, written in inputs.items():
            input_key = read_input_key(self.settings, key)  # tested elsewhere, so it is used here
            if isinstance(input_key, InputKey):
                latest = max(self.changed.get(input_key.pair_id, 0.0), written)
                self.changed[input_key.pair_id] = latest
        return inputs

    def _results(self) -> dict[str, float]:
        results: dict[str, float] = {}
        for pair_id, pair in self.pairs.items():
            for frame in range(pair.frames):  # of earlier contents, too
                key = best_frame_key(self.settings, pair_id, f"{frame:032x}")
                results[key] = NOW - 1
            if pair.result is not None:
                results[result_key(self.settings, pair_id)] = NOW - pair.result
        return results


def settings_of(layout: str) -> Settings:
    live_suffixes, image_suffixes = LAYOUTS[layout]
    return read_settings(
        {
            "TENCENTCLOUD_REGION": "ap-singapore",
            "LIVENESS_BUCKET": "faces-1250000000",
            "LIVENESS_LIVE_SUFFIXES": ",".join(live_suffixes),
            "LIVENESS_IMAGE_SUFFIXES": ",".join(image_suffixes),
        }
    )


def context_of(settings: Settings, store: Store, clock: ManualClock) -> Context:
    rng = SystemRandom()
    object_store: Any = store  # only the verbs that reconcile uses
    unused: Any = None
    return Context(
        settings=settings,
        store=RetryingStore(object_store, clock, rng),
        face=unused,
        frames=unused,
        clock=clock,
        rng=rng,
        concurrency=Sequential(),
        pacer=Unpaced(clock, defers_to_drain=False),
        info=InvocationInfo("", "", ""),
        deadline=1e9,
        trusted_buckets=set(),
    )


WORLDS = st.builds(
    World, st.sampled_from(sorted(LAYOUTS)), st.dictionaries(PAIR_IDS, PAIRS, max_size=9)
)


@given(
    WORLDS,
    st.sampled_from([(0.0, 0.0), (NOW - 7200, NOW - 7200), (NOW - 7200, NOW - DAY)]),
    st.integers(1, 4),
)
def test_reconcile_checks_and_parks_exactly_the_pairs_it_must(
    world: World, previous_passes: tuple[float, float], pages_per_run: int
) -> None:
    previous_pass, full_pass = previous_passes
    state = {
        "finished_pass_began": previous_pass,
        "pass_began": 0.0,
        "cursor": "",
        "full_pass_began": full_pass,
    }
    world.store.bodies[STATE_KEY] = json.dumps(state).encode()
    checked: list[str] = []

    def needs_work(pair_id: str) -> bool:
        checked.append(pair_id)
        return world.is_stale(pair_id)

    runs, complete = 0, False
    while not complete:
        complete = world.reconcile(needs_work, pages_per_run).complete
        runs += 1
        assert runs <= len(world.objects) + 2, "the pass does not end"

    expected = world.expected(previous_pass, full_pass)
    assert {*checked, *world.looked_at} == expected
    # The keys of a pair, at most three, are spread over at most two pages.
    assert all(checked.count(pair_id) <= 2 for pair_id in expected)
    assert all(world.looked_at.count(pair_id) <= 2 for pair_id in expected)
    stale = {pair_id for pair_id, pair in world.pairs.items() if pair.stale}
    assert world.store.parked == expected & stale
    final_state = json.loads(world.store.bodies[STATE_KEY])
    assert (final_state["finished_pass_began"], final_state["cursor"]) == (NOW, "")
    is_full = NOW - full_pass >= DAY
    assert final_state["full_pass_began"] == (NOW if is_full else full_pass)
    # One listing per page of inputs; of results, at least three keys or one expected pair each.
    inputs = sum(key.startswith("liveness/incoming/") for key in world.objects)
    assert world.store.listings <= (inputs // KEYS_PER_PAGE + 1) + inputs + runs


@given(
    WORLDS,
    st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4) | st.none()), max_size=8),
)
def test_concurrent_runs_skip_no_pair(world: World, runs: list[tuple[int, int | None]]) -> None:
    """Each run stops after some pages; in the middle of it another run may start and finish."""
    expected = world.expected(0.0, 0.0)
    checked: set[str] = set()

    def needs_work(pair_id: str) -> bool:
        checked.add(pair_id)
        return False

    def run(pages: float) -> None:
        if world.reconcile(needs_work, pages).complete:
            seen = {*checked, *world.looked_at}
            assert expected <= seen, "a pass is reported as finished that skipped a pair"

    for pages, interrupting_pages in runs:
        if interrupting_pages is not None:
            world.store.during_next_listing = partial(run, interrupting_pages)
        run(pages)
    run(1e6)

    assert {*checked, *world.looked_at} == expected


@given(WORLDS, PAIR_IDS)
def test_no_pair_that_starts_with_the_prefix_is_skipped(world: World, prefix: str) -> None:
    checked: set[str] = set()

    def needs_work(pair_id: str) -> bool:
        checked.add(pair_id)
        return False

    run = world.reconcile(needs_work, prefix=prefix)

    assert run.complete
    candidates = world.expected(0.0, 0.0)
    matching = {pair_id for pair_id in candidates if pair_id.startswith(prefix)}
    assert matching <= {*checked, *world.looked_at} <= candidates


def test_a_pair_on_two_pages_takes_one_head() -> None:
    finished = Pair(live=0.0, image=0.0, result=0.0, frames=1, stale=False)
    world = World("folders", {"anna": finished, "bert": finished})  # four keys, three a page
    checked: list[str] = []

    def needs_work(pair_id: str) -> bool:
        checked.append(pair_id)
        return False

    assert world.reconcile(needs_work).complete

    assert (sorted(world.looked_at), checked) == (["anna", "bert"], [])
