"""The local file is what the bucket is, and nothing is read twice without need."""

from __future__ import annotations

import json
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

import liveness_review.refresh
from liveness.errors import ConfigurationError, StoreUnavailableError
from liveness.store import RetryingStore
from liveness_cli.operator.listed_inputs import WaitingPair
from liveness_review.database import Busy, path_of
from liveness_review.index import ResultIndex
from liveness_review.refresh import refresh
from liveness_review.rows import CONTRADICTORY, GENUINE, UNREADABLE
from liveness_review.search import ResultFilter
from liveness_sandbox import Reply
from tests.conftest import BUCKET, Cloud

from .conftest import SETTINGS, Refresh
from .stored import PUBLISHED, metadata_of, put_body, put_result, put_review, result

EVERYTHING = ResultFilter()


def gets(cloud: Cloud) -> int:
    """Return how many objects have been read so far."""
    return sum(request.method == "GET" and bool(request.key) for request in cloud.sandbox.requests)


def pair_ids(index: ResultIndex) -> set[str]:
    return {row.pair_id for row in index.page(EVERYTHING, limit=1000).rows}


def test_results_are_read_once_and_later_only_what_is_new_or_changed(
    cloud: Cloud, index: ResultIndex, read_results: Refresh
) -> None:
    for number in range(40):
        put_result(cloud, f"pair-{number}", published=PUBLISHED + number)
    cloud.put("pair-1", "live.bin", b"no result")
    cloud.bucket.put("liveness/results/pair-1/notes.txt", b"a foreign object")

    assert read_results() == (40, 40, 0, 0)
    assert gets(cloud) == 40
    assert read_results() == (40, 0, 0, 0)
    assert gets(cloud) == 40

    put_result(cloud, "pair-7", "retake", published=PUBLISHED + 100)
    put_result(cloud, "a new pair/会话")
    assert read_results() == (41, 2, 0, 0)
    assert gets(cloud) == 42
    row = index.result("pair-7")
    assert row is not None and row.status == "retake"
    assert index.result("a new pair/会话") is not None


def test_rows_of_deleted_results_are_removed(
    cloud: Cloud, index: ResultIndex, read_results: Refresh
) -> None:
    body = put_result(cloud, "anna")
    put_review(cloud, "anna", 1, "approve", "same-person", body)
    put_review(cloud, "anna", 2, "approve", "same-person", body)
    put_result(cloud, "berta")
    read_results()

    cloud.bucket.delete("liveness/results/berta/result.json")
    cloud.bucket.delete("liveness/results/anna/review-2.json")

    assert read_results().removed == 2
    assert pair_ids(index) == {"anna"}
    anna = index.result("anna")
    assert anna is not None and anna.decisions == 1


def test_large_listings_are_divided_and_nothing_is_missed(
    cloud: Cloud, index: ResultIndex, read_results: Refresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveness_review.refresh, "_MIN_KEYS_PER_LISTING", 10)
    expected = {f"pair-{number}/{'深' * (number % 3)}" for number in range(60)}
    for pair_id in expected:
        put_result(cloud, pair_id)
    read_results()
    for pair_id in ("!", "pair-30/a", "~", "\U0001f600"):
        put_result(cloud, pair_id)

    before = len(cloud.sandbox.requests)
    assert read_results() == (64, 4, 0, 0)

    listings = [request for request in cloud.sandbox.requests[before:] if not request.key]
    assert len(listings) == 4
    assert pair_ids(index) == expected | {"!", "pair-30/a", "~", "\U0001f600"}


def test_decisions_are_joined_to_the_content_they_are_about(
    cloud: Cloud, index: ResultIndex, read_results: Refresh
) -> None:
    body = put_result(cloud, "anna", "rejected")
    put_review(cloud, "anna", 1, "approve", "same-person", body)
    read_results()
    row = index.result("anna")
    assert row is not None
    assert (row.decision, row.decisions, row.is_disputed) == ("approve", 1, False)
    assert row.judged == GENUINE

    put_review(cloud, "anna", 2, "reject", "different-person", body)
    put_review(cloud, "anna", 3, "retake", "poor-picture", body, schema="damaged")
    assert read_results() == (4, 2, 0, 1)
    row = index.result("anna")
    assert row is not None
    assert (row.decision, row.decisions, row.is_disputed) == ("reject", 2, True)
    assert row.judged == CONTRADICTORY
    assert [each.is_current for each in index.decisions("anna")] == [True, True, False]

    put_result(cloud, "anna", fingerprint="f" * 64)
    read_results()
    row = index.result("anna")
    assert row is not None
    assert (row.decision, row.decisions, row.is_disputed, row.judged) == ("", 0, False, "")
    assert [each.is_current for each in index.decisions("anna")] == [False, False, False]


def test_hostile_results_are_marked_and_never_stop_the_others(
    cloud: Cloud, index: ResultIndex, read_results: Refresh
) -> None:
    put_body(cloud, "html", b"<script>alert(1)</script>", {})
    put_body(cloud, "large", b'{"a": "' + b"x" * 5_000_000 + b'"}', {})
    put_body(cloud, "deep", b"[" * 200_000, {})
    put_body(cloud, "nan", b'{"similarity": NaN}', {})
    put_body(cloud, "empty", b"", {})
    document = result("anna")
    put_body(cloud, "another's", json.dumps(document).encode(), metadata_of(document))
    put_result(cloud, "<b>x</b>\u202e\x01'; DROP TABLE results; --")
    put_result(cloud, "anna")
    cloud.bucket.put("liveness/results/anna/review-1.json", b"\xff")
    cloud.bucket.put("liveness/results/anna/review-99999999999999999999.json", b"no number")

    summary = read_results()

    assert (summary.listed, summary.unreadable) == (9, 7)
    unreadable = index.page(EVERYTHING._replace(statuses=(UNREADABLE,))).rows
    assert {row.pair_id for row in unreadable} == {
        "html", "large", "deep", "nan", "empty", "another's",
    }  # fmt: skip
    assert all(row.problem and not row.reason for row in unreadable)
    assert pair_ids(index) >= {"anna", "<b>x</b>\u202e\x01'; DROP TABLE results; --"}
    assert read_results().read == 0  # they are not read again each time


def test_an_archived_result_is_marked(
    cloud: Cloud, index: ResultIndex, read_results: Refresh
) -> None:
    put_result(cloud, "anna")
    key = "liveness/results/anna/result.json"
    cloud.bucket.update_attributes(cloud.stored(key), storage_class="ARCHIVE")

    assert read_results().unreadable == 1
    row = index.result("anna")
    assert row is not None and "InputArchived" in row.problem


def test_a_decision_whose_metadata_cannot_be_read_is_marked_and_stops_nothing(
    cloud: Cloud, index: ResultIndex, read_results: Refresh
) -> None:
    """No condition of a policy limits metadata, and HTTP clients read 100 headers."""
    body = put_result(cloud, "anna")
    many = {f"x-cos-meta-{number}": "1" for number in range(101)}
    key = "liveness/results/anna/review-1.json"
    cloud.client.put_object(BUCKET, b"{}", key, Metadata=many)
    put_review(cloud, "anna", 2, "reject", "different-person", body)

    assert read_results().unreadable == 1

    assert [bool(row.problem) for row in index.decisions("anna")] == [True, False]
    row = index.result("anna")
    assert row is not None and row.decision == "reject"


# ---- interruptions


def test_an_interrupted_reading_keeps_what_it_has_and_goes_on(
    cloud: Cloud, index: ResultIndex, store: RetryingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveness_review.refresh, "_BATCH", 10)
    for number in range(30):
        put_result(cloud, f"pair-{number:02}")

    def interrupt(activity: str, done: int, total: int | None) -> None:
        if activity == "reading results" and done == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        refresh(index, SETTINGS, store, interrupt)

    assert index.count(EVERYTHING) == 20
    assert index.results_read_at() is None
    assert refresh(index, SETTINGS, store) == (30, 10, 0, 0)
    assert index.results_read_at() is not None


def test_a_bucket_that_cannot_be_read_removes_nothing(
    cloud: Cloud, index: ResultIndex, read_results: Refresh
) -> None:
    put_result(cloud, "anna")
    put_result(cloud, "berta")
    read_results()
    put_result(cloud, "carla")

    cloud.on("GET", "carla/result.json", Reply(503, b"", {}), times=100)
    with pytest.raises(StoreUnavailableError):
        read_results()
    cloud.bucket.delete("liveness/results/berta/result.json")
    cloud.on("GET", "", Reply(403, b"", {}), times=100)
    with pytest.raises(ConfigurationError):
        read_results()

    assert pair_ids(index) == {"anna", "berta"}


def test_a_result_that_is_gone_before_it_is_read_is_left_out(
    cloud: Cloud, index: ResultIndex, read_results: Refresh
) -> None:
    put_result(cloud, "anna")
    read_results()
    put_result(cloud, "anna", "retake")
    key = "liveness/results/anna/result.json"
    cloud.on("GET", key, lambda: cloud.bucket.delete(key))

    read_results()

    assert pair_ids(index) == set()


def test_one_process_reads_at_a_time(
    cloud: Cloud, index: ResultIndex, store: RetryingStore, read_results: Refresh
) -> None:
    put_result(cloud, "anna")
    other = ResultIndex(index.path)
    refused: list[str] = []

    def second(activity: str, done: int, total: int | None) -> None:
        with pytest.raises(Busy) as caught:
            refresh(other, SETTINGS, store)
        refused.append(str(caught.value))
        assert other.count(EVERYTHING) in (0, 1)  # questions are answered meanwhile

    refresh(index, SETTINGS, store, second)

    assert refused
    assert read_results() == (1, 0, 0, 0)


# ---- the file


def test_only_its_owner_can_read_the_file(
    cloud: Cloud, index: ResultIndex, read_results: Refresh
) -> None:
    put_result(cloud, "anna")
    index.path.parent.mkdir(mode=0o755)
    index.path.touch(mode=0o644)

    with index.database.connect() as connection:  # while it is open, its log is there, too
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO facts VALUES ('x', 1)")
        connection.execute("COMMIT")
        read_results()
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in files(index)}

    assert stat.S_IMODE(index.path.parent.stat().st_mode) == 0o700
    assert len(modes) == 4
    assert set(modes.values()) == {0o600}


def test_the_file_may_be_deleted_or_damaged_at_any_time(
    cloud: Cloud, index: ResultIndex, read_results: Refresh
) -> None:
    put_result(cloud, "anna")
    read_results()

    for path in files(index):
        path.unlink()
    assert index.count(EVERYTHING) == 0
    assert read_results().read == 1

    index.database.delete()
    index.path.write_bytes(b"this is no SQLite file" * 1000)
    assert read_results().read == 1

    with sqlite3.connect(index.path) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    assert read_results().read == 1


def test_each_installation_has_its_own_file(tmp_path: Path) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    settings = [
        SETTINGS,
        SETTINGS._replace(result_bucket="others-1250000000"),
        SETTINGS._replace(result_prefix="staging/results/"),
        SETTINGS._replace(region="ap-bangkok"),
    ]

    paths = [path_of(each, environ) for each in settings]

    assert len(set(paths)) == 4
    assert {path.parent for path in paths} == {tmp_path / "liveness"}
    assert path_of(SETTINGS, {"XDG_CACHE_HOME": "relative"}).is_relative_to(Path.home() / ".cache")


# ---- forget


def test_no_byte_of_a_forgotten_pair_is_left(
    cloud: Cloud, index: ResultIndex, read_results: Refresh, read_inputs: Callable[[], None]
) -> None:
    body = put_result(cloud, "anna-4711")
    put_review(cloud, "anna-4711", 1, "approve", "same-person", body)
    put_result(cloud, "anna-4712")
    cloud.put("waits-4711", "live.bin", b"x")
    read_results()
    read_inputs()
    assert occurrences(index, b"anna-4711") and occurrences(index, b"waits-4711")

    assert index.forget("anna-4711")
    assert index.forget("waits-4711")

    assert not index.forget("anna-4711")
    assert not occurrences(index, b"4711")
    assert pair_ids(index) == {"anna-4712"}


def test_a_pair_is_forgotten_while_others_use_the_file(
    cloud: Cloud, index: ResultIndex, read_results: Refresh
) -> None:
    put_result(cloud, "anna-4711")
    read_results()
    impatient = ResultIndex(index.path, busy_seconds=0.01)

    with index.database.connect() as idle:
        assert impatient.forget("anna-4711")
        assert not occurrences(index, b"4711")
        assert idle.execute("SELECT count(*) FROM results").fetchone()[0] == 0

    put_result(cloud, "anna-4711")
    read_results()
    with index.database.connect() as reading:
        reading.execute("BEGIN")
        reading.execute("SELECT * FROM results").fetchone()
        with pytest.raises(Busy):
            impatient.forget("anna-4711")
        reading.execute("ROLLBACK")
        impatient.forget("anna-4711")
        assert not occurrences(index, b"4711")

    with index.database.connect() as writing:
        writing.execute("BEGIN IMMEDIATE")
        with pytest.raises(Busy):
            impatient.forget("anna-4711")


def test_a_pair_that_was_never_read_can_be_forgotten(index: ResultIndex) -> None:
    assert not index.forget("anna")
    assert not index.path.exists()


def test_a_reading_under_way_does_not_bring_a_forgotten_pair_back(
    cloud: Cloud, index: ResultIndex, read_results: Refresh
) -> None:
    put_result(cloud, "anna-4711")
    put_result(cloud, "berta")
    other = ResultIndex(index.path)

    def forget() -> None:
        """Erase the pair after its result was read, and before it is written to the file."""
        cloud.bucket.delete("liveness/results/anna-4711/result.json")
        other.forget("anna-4711")

    cloud.on("GET", "anna-4711/result.json", forget, phase="after")

    read_results()

    assert pair_ids(index) == {"berta"}
    assert index.forget("nobody") is False
    assert not occurrences(index, b"4711")


# ---- inputs


def test_pairs_that_wait_and_keys_of_no_pair(
    cloud: Cloud, index: ResultIndex, read_results: Refresh, read_inputs: Callable[[], None]
) -> None:
    cloud.put("no reference", "live.bin", b"x")
    cloud.put("no recording", "reference.png", b"x")
    cloud.put_pair("complete/会话")
    cloud.put_pair("finished")
    put_result(cloud, "finished")
    cloud.put("misspelled", "life.bin", b"x")
    cloud.bucket.put("liveness/incoming/folder/", b"")
    cloud.bucket.backdate("liveness/incoming/no recording/reference.png", 3600)
    read_results()
    assert index.inputs_read_at() is None

    read_inputs()

    waiting = index.waiting()
    assert [(pair.pair_id, pair.missing) for pair in waiting[:1]] == [("no recording", ("live",))]
    assert {pair.pair_id: pair.missing for pair in waiting} == {
        "no recording": ("live",),
        "no reference": ("image",),
        "complete/会话": (),
    }
    written = cloud.stored("liveness/incoming/no recording/reference.png").last_modified
    assert waiting[0].since == int(written.timestamp())
    assert [stray.key for stray in index.strays()] == ["liveness/incoming/misspelled/life.bin"]
    assert index.stray_count() == 1
    assert index.inputs_read_at() is not None

    cloud.put("no reference", "reference.jpg", b"x")
    put_result(cloud, "no reference")
    read_results()
    read_inputs()
    assert WaitingPair("no reference", (), 0) not in index.waiting()
    assert len(index.waiting()) == 2


def files(index: ResultIndex) -> list[Path]:
    return sorted(index.path.parent.iterdir())


def occurrences(index: ResultIndex, text: bytes) -> list[str]:
    """Return the files that contain a text."""
    return [path.name for path in files(index) if text in path.read_bytes()]


def test_the_result_of_a_real_walk_is_read(
    cloud: Cloud, index: ResultIndex, read_results: Refresh
) -> None:
    cloud.put_pair("anna")
    cloud.instance().walk("anna")

    read_results()

    published = cloud.result("anna")
    row = index.result("anna")
    assert row is not None and published is not None
    assert (row.status, row.similarity) == ("passed", published["similarity"])
    assert row.fingerprint == published["fingerprint"]
    assert row.has_frame
    assert result("anna").keys() <= published.keys()
