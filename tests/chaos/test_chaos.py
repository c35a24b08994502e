"""Fifty runs of the function in real processes, with kills, faults and unruly notifications."""

from __future__ import annotations

from pathlib import Path

import pytest

from .breakage import SAFETIES, copy_of_src
from .campaign import Summary, campaign, story
from .plan import plan

RUNS = 50


@pytest.mark.timeout(600)
def test_everybody_gets_their_own_verdict_and_no_call_is_paid_for_without_need(
    tmp_path: Path,
) -> None:
    summary = Summary()
    with campaign(range(1, RUNS + 1), copy_of_src(tmp_path / "src")) as runs:
        for finished in runs:
            summary.add(finished)
            if finished.wrong:
                pytest.fail(story(finished), pytrace=False)
    assert summary.runs == RUNS
    # It was chaos indeed.
    assert summary.kills >= RUNS / 4
    assert summary.faults >= RUNS
    assert summary.again >= 1


def test_the_seed_makes_all_choices() -> None:
    assert plan(7) == plan(7)
    assert plan(7) != plan(8)


@pytest.mark.parametrize("name", SAFETIES)
def test_every_safety_can_still_be_taken_out(tmp_path: Path, name: str) -> None:
    # `python -m tests.chaos --without NAME` shows that chaos then sees it.
    copy_of_src(tmp_path / "src", without=name)


def test_a_call_made_again_because_its_answer_was_lost_is_seen(tmp_path: Path) -> None:
    with campaign(range(1, RUNS + 1), copy_of_src(tmp_path / "src", without="ambiguity")) as runs:
        wrong = next(finished.wrong for finished in runs if finished.wrong)
    assert any("billed calls for" in each for each in wrong)
