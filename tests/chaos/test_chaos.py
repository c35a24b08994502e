"""Fifty runs of the function in real processes, with kills, faults and irregular notifications."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..mutations import CHAOS, find_mutation
from .campaign import Summary, campaign, report
from .deployment import copy_for_chaos
from .plan import plan

RUNS = 50


@pytest.mark.campaign
@pytest.mark.timeout(1800)
def test_all_invariants_hold_in_real_processes(tmp_path: Path) -> None:
    summary = Summary()
    with campaign(range(1, RUNS + 1), copy_for_chaos(tmp_path / "src")) as results:
        for result in results:
            summary.add(result)
            if result.problems:
                pytest.fail(report(result), pytrace=False)
    assert summary.runs == RUNS
    # Faults were injected indeed.
    assert summary.kills >= RUNS / 4
    assert summary.faults >= RUNS
    assert summary.repeated >= 1


def test_the_seed_determines_the_plan() -> None:
    assert plan(7) == plan(7)
    assert plan(7) != plan(8)


@pytest.mark.campaign
@pytest.mark.timeout(1800)
def test_a_call_repeated_without_an_answer_is_detected(tmp_path: Path) -> None:
    # `python -m tests.chaos --mutation NAME` shows the same of the other mutations.
    mutation = find_mutation("repeated under the same attempt", CHAOS)
    with campaign(range(1, RUNS + 1), copy_for_chaos(tmp_path / "src", mutation)) as results:
        # Which run meets it, and beside which other finding, depends on the machine's timing.
        assert any("billed calls for" in problem for run in results for problem in run.problems)
