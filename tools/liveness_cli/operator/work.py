"""What the operator's commands do, up to the value that is printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click

from liveness.errors import LivenessError, PairsNotFinished
from liveness.handler import Function
from liveness.keys import pair_id_problem
from liveness.logs import Log
from liveness.pair import Walk
from liveness.reconcile import reconcile

from ..interrupts import interruptible
from .attempts import ledger_of
from .explain import explanation_of
from .future import Next, next_of
from .printing import progress
from .reach import NotReady, Reach, context, reach
from .reading import Reader, Tell
from .status import status_of
from .wording import harmless, number, visible

_RETRIED = "liveness-retried/1"
_RECONCILED = "liveness-reconciled/1"


def look_at_all(limit: int | None) -> dict[str, Any]:
    at = reach()
    with at_work() as tell:
        return status_of(Reader(at, tell).bucketful(limit))


def look_at_one(pair_id: str) -> dict[str, Any]:
    at = reach()
    check(at, [pair_id])
    with at_work() as tell:
        return explanation_of(Reader(at, tell).pair(pair_id))


def retry_all(pair_ids: Sequence[str], *, ask: bool, log: bool) -> dict[str, Any]:
    """Raises click.Abort where the answer is no."""
    at, wanted = reach(), list(dict.fromkeys(pair_ids))
    check(at, wanted)
    plans: dict[str, Next] = {}
    with at_work() as tell:
        for pair_id in wanted:
            read = Reader(at, lambda what, done, total: None).pair(pair_id)
            plans[pair_id] = next_of(read, ledger_of(read))
            tell("looking at pairs", len(plans), len(wanted))
    if ask and any(plan.most_calls for plan in plans.values()):
        _confirm(plans)
    pairs: list[dict[str, Any]] = []
    with at_work() as tell:
        for pair_id, plan in plans.items():
            pairs.append({"pair_id": pair_id, "before": plan.state, **_walk(at, pair_id, log)})
            tell("retrying", len(pairs), len(plans))
    return {"schema": _RETRIED, "pairs": pairs}


def reconcile_all(prefix: str, *, dry_run: bool) -> dict[str, Any]:
    """As the function does it, but with as much time as it takes."""
    at = reach()
    services, log = at.services(dry_run=dry_run), Log(lambda line: None, {})
    looked_at: list[str] = []
    stale: set[str] = set()
    with at_work() as tell:

        def needs_work(pair_id: str) -> bool:
            needs = Walk(services, pair_id, log).needs_work()
            looked_at.append(pair_id)
            if needs:
                stale.add(pair_id)
            tell("looking at pairs", len(looked_at), None)
            return needs

        tell("looking at pairs", 0, None)
        done = reconcile(services, log, prefix, needs_work)
    return {
        "schema": _RECONCILED,
        "dry_run": dry_run,
        "prefix": prefix,
        **done._asdict(),
        "pairs": sorted(stale),
    }


@contextmanager
def at_work() -> Iterator[Tell]:
    """Progress; and our own errors, which speak for themselves, as the command line's."""
    with interruptible(), progress() as tell:
        try:
            yield tell
        except LivenessError as error:
            raise click.ClickException(f"{type(error).__name__}: {error}") from None


def check(at: Reach, pair_ids: Sequence[str]) -> None:
    """Raises NotReady for what is no pair id."""
    for pair_id in pair_ids:
        if problem := pair_id_problem(at.settings, pair_id):
            raise NotReady(f"{pair_id!a} {problem}")


def _confirm(plans: Mapping[str, Next]) -> None:
    for pair_id, plan in plans.items():
        calls = number(plan.most_calls, "call")
        click.echo(visible(f"{pair_id} ({plan.state}): at most {calls}"), err=True)
    calls = number(sum(plan.most_calls for plan in plans.values()), "call")
    click.confirm(f"Up to {calls} may be billed. Go on?", abort=True, err=True)


def _walk(at: Reach, pair_id: str, log: bool) -> dict[str, Any]:
    """One invocation for each pair: it has all the time that a call may need."""

    def write(line: str) -> None:
        if log:
            click.echo(line.encode("utf-8", "replace").decode(), err=True, nl=False)

    try:
        (pair,) = Function(environ=at.environ, write=write)({"retry": [pair_id]}, context())[
            "pairs"
        ]
    except PairsNotFinished as error:
        return _ended("error", why=harmless(error.failures.get(pair_id)))
    except LivenessError as error:
        return _ended("error", why=f"{type(error).__name__}: {error}")
    return _ended(pair["state"], pair.get("status"), pair.get("detail"))


def _ended(state: str, status: str | None = None, why: str | None = None) -> dict[str, Any]:
    return {"state": state, "status": status, "why": why}
