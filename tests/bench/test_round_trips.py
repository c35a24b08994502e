"""The benchmark's longest sequence of requests that do not overlap."""

from bench.round_trips import Span, longest_sequence


def names(*spans: tuple[str, float, float], slack: float = 0.0) -> list[str]:
    return [span.name for span in longest_sequence((Span(*span) for span in spans), slack)]


def test_concurrent_requests_count_once() -> None:
    assert len(names(("a", 0, 1), ("b", 0.01, 1.01), ("c", 0.02, 1.02))) == 1


def test_successive_requests_all_count() -> None:
    assert names(("b", 1, 2), ("a", 0, 1), ("c", 2.5, 3)) == ["a", "b", "c"]


def test_the_longest_of_several_sequences_counts() -> None:
    assert names(("long", 0, 3), ("a", 0, 1), ("b", 1, 2), ("c", 2, 3)) == ["a", "b", "c"]


def test_a_request_may_arrive_before_the_previous_reply_is_logged() -> None:
    assert names(("a", 0, 1), ("b", 0.99, 2), slack=0.5) == ["a", "b"]
