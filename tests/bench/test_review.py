"""The benchmark of the local file reads what it says it reads, and measures every query."""

from bench.review import measure


def test_results_are_read_once_and_every_query_is_measured() -> None:
    figures = measure(20)

    assert figures["first read: objects read"] == "20"
    assert figures["refresh, nothing new: objects read"] == "0"
    assert figures["refresh, some new: objects read"] == "2"
    assert {"first page of 50: ms of CPU", "export, parquet: ms of CPU"} <= set(figures)
