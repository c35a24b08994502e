"""The list of results: filters, search and pages."""

from __future__ import annotations

import pytest

from liveness_review.index import ResultIndex
from liveness_review.search import ResultFilter
from tests.conftest import Cloud

from .conftest import Refresh
from .stored import PUBLISHED, put_body, put_result, put_review

EVERYTHING = ResultFilter()


def found(index: ResultIndex, selection: ResultFilter) -> list[str]:
    """Return the pair ids that match, the newest first; the count must agree."""
    rows = index.page(selection, limit=1000).rows
    assert index.count(selection) == len(rows)
    assert [row.pair_id for row in index.results(selection)] == [
        row.pair_id for row in reversed(rows)
    ]
    return [row.pair_id for row in rows]


def pages(index: ResultIndex, limit: int) -> list[str]:
    pair_ids: list[str] = []
    after = None
    while True:
        page = index.page(EVERYTHING, limit=limit, after=after)
        pair_ids += [row.pair_id for row in page.rows]
        if page.next is None:
            return pair_ids
        after = page.next


@pytest.fixture
def results(cloud: Cloud, index: ResultIndex, read_results: Refresh) -> ResultIndex:
    """Four results, from the oldest to the newest: anna, 100%_a, berta and CARLA."""
    put_result(cloud, "anna", "passed", PUBLISHED, similarity=70.0)
    body = put_result(cloud, "100%_a", "rejected", PUBLISHED + 60)
    put_review(cloud, "100%_a", 1, "approve", "same-person", body)
    body = put_result(cloud, "berta", "passed", PUBLISHED + 120, similarity=99.0)
    put_review(cloud, "berta", 1, "approve", "same-person", body)
    put_review(cloud, "berta", 2, "reject", "different-person", body)
    put_result(cloud, "CARLA", "retake", PUBLISHED + 180)
    read_results()
    return index


@pytest.mark.parametrize(
    ("selection", "pair_ids"),
    [
        (EVERYTHING, ["CARLA", "berta", "100%_a", "anna"]),
        (ResultFilter(statuses=("passed",)), ["berta", "anna"]),
        (ResultFilter(statuses=("retake", "rejected")), ["CARLA", "100%_a"]),
        (ResultFilter(reasons=("FailedOperation.CompareLowSimilarity",)), ["100%_a"]),
        (ResultFilter(since=PUBLISHED + 60), ["CARLA", "berta", "100%_a"]),
        (ResultFilter(until=PUBLISHED + 60), ["anna"]),
        (ResultFilter(min_similarity=70.0), ["berta", "anna"]),
        (ResultFilter(max_similarity=70.0), ["100%_a", "anna"]),
        (ResultFilter(is_decided=True), ["berta", "100%_a"]),
        (ResultFilter(is_decided=False), ["CARLA", "anna"]),
        (ResultFilter(is_disputed=True), ["berta"]),
        (ResultFilter(is_disputed=False), ["CARLA", "100%_a", "anna"]),
        (ResultFilter(pair_id="carl"), ["CARLA"]),
        (ResultFilter(pair_id="%_"), ["100%_a"]),
        (ResultFilter(pair_id="a_"), []),
        (ResultFilter(pair_id="\\"), []),
        (ResultFilter(pair_id="' OR 1=1 --"), []),
        (ResultFilter(statuses=("passed",), pair_id="an", is_decided=False), ["anna"]),
    ],
)
def test_filters(results: ResultIndex, selection: ResultFilter, pair_ids: list[str]) -> None:
    assert found(results, selection) == pair_ids


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
def test_pages_have_every_result_once(results: ResultIndex, limit: int) -> None:
    assert pages(results, limit) == ["CARLA", "berta", "100%_a", "anna"]


def test_results_of_one_moment_are_not_lost_between_pages(
    cloud: Cloud, index: ResultIndex, read_results: Refresh
) -> None:
    for number in range(7):
        put_result(cloud, f"pair-{number}", published=PUBLISHED)
    read_results()

    assert pages(index, 2) == [f"pair-{number}" for number in reversed(range(7))]


def test_a_page_stays_where_it_is_while_results_arrive(
    cloud: Cloud, results: ResultIndex, read_results: Refresh
) -> None:
    first = results.page(EVERYTHING, limit=2)
    put_result(cloud, "newer", published=PUBLISHED + 1000)
    cloud.bucket.delete("liveness/results/berta/result.json")  # the last one of that page
    read_results()

    second = results.page(EVERYTHING, limit=2, after=first.next)

    assert [row.pair_id for row in second.rows] == ["100%_a", "anna"]


@pytest.mark.parametrize(
    "after", ["", "x", "W10", "WzEsIDJd", "bnVsbA", "WyJhIiwgImIiXQ", "\ud800"]
)
def test_what_is_no_position_is_rejected(results: ResultIndex, after: str) -> None:
    with pytest.raises(ValueError, match="not a position"):
        results.page(EVERYTHING, after=after)


def test_the_reasons_that_occur_are_listed(results: ResultIndex) -> None:
    assert results.reasons() == [
        ("Success", 2),
        ("FailedOperation.CompareLowSimilarity", 1),
        ("FailedOperation.LifePhotoDetectNoFaces", 1),
    ]


def test_the_figures_of_a_span(cloud: Cloud, index: ResultIndex, read_results: Refresh) -> None:
    hour = PUBLISHED - PUBLISHED % 3600
    for number in range(1, 101):
        put_result(cloud, f"pair-{number}", published=hour + number)  # 20 s after their inputs
    put_result(cloud, "slow", "retake", published=hour + 3600 + 5, inputs=[
        {"last_modified": None}, {"last_modified": None},
    ])  # fmt: skip
    body = put_result(cloud, "asked", "rejected", published=hour + 3600, possibly_billed_calls=3)
    put_review(cloud, "asked", 1, "reject", "not-live", body)
    put_result(cloud, "outside", published=hour + 7200)
    put_body(cloud, "edited", b"{}", {})
    read_results()

    overview = index.overview(hour, hour + 7200)

    assert [(each.begins, each.by_status) for each in overview.hours] == [
        (hour, {"passed": 100}),
        (hour + 3600, {"rejected": 1, "retake": 1}),
    ]
    assert overview.by_status == {"passed": 100, "rejected": 1, "retake": 1}
    assert overview.time_to_result.results == 101
    assert overview.time_to_result.median == pytest.approx(20)
    assert overview.time_to_result.p99 == pytest.approx(20)
    assert (overview.billed_calls, overview.possibly_billed_calls) == (101, 103)
    assert overview.retakes_by_reason == {"FailedOperation.LifePhotoDetectNoFaces": 1}
    assert overview.decisions == {"reject": 1}
    assert index.overview(0, 1).time_to_result.median is None
