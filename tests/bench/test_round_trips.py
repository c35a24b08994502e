"""The one piece of the bench that decides something by itself."""

from .round_trips import Span, longest_sequence


def names(*spans: tuple[str, float, float], slack: float = 0.0) -> list[str]:
    return [span.name for span in longest_sequence((Span(*span) for span in spans), slack)]


def test_requests_made_at_once_count_once() -> None:
    assert len(names(("a", 0, 1), ("b", 0.01, 1.01), ("c", 0.02, 1.02))) == 1


def test_requests_one_after_the_other_all_count() -> None:
    assert names(("b", 1, 2), ("a", 0, 1), ("c", 2.5, 3)) == ["a", "b", "c"]


def test_the_longest_of_several_sequences_counts() -> None:
    assert names(("long", 0, 3), ("a", 0, 1), ("b", 1, 2), ("c", 2, 3)) == ["a", "b", "c"]


def test_a_request_that_arrives_while_the_last_one_is_being_logged_follows_it() -> None:
    assert names(("a", 0, 1), ("b", 0.99, 2), slack=0.5) == ["a", "b"]
