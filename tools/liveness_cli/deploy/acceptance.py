"""`liveness accept`: the first real run, and answers to questions that no document settles."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import click

from liveness import __version__
from liveness.cloud.system import SystemClock
from liveness.errors import LivenessError
from liveness.keys import claims_prefix, marker_prefix, packages_prefix, result_key

from ..account.errors import AccountError
from ..account.function import TRAFFIC, DeployedFunction, Invoked
from ..console import Page, ignore_progress
from ..customer.upload import upload_to
from ..environment import Target, load_target
from ..errors import reason_of_error
from ..operator.explain import explanation_of
from ..operator.printing import print_explanation
from ..operator.reader import Reader
from ..operator.remote import reason_of
from ..permissions.policies import ACCEPT_PAIRS, accept_prefix
from ..terminal import echo
from ..uploader import NotAllowed
from .account import connect
from .denied import denied_permission
from .manifest import Manifest
from .open_questions import AWKWARD_TEXT, is_about_link, race
from .project import load_project

SCHEMA = "liveness-accepted/1"
YES, NO, UNKNOWN = "yes", "no", "unknown"
RACERS = 20
_POLICY = "give it the policy `tester` (`liveness policies --role tester`)"
_MAX_RESULT_BYTES = 1024 * 1024


class Options(NamedTuple):
    """The options of the command."""

    live: Path
    reference: Path
    wait_seconds: float
    report: Path
    ask: bool = True
    manifest: Path | None = None


class Answer(NamedTuple):
    """What the run showed about one question."""

    question: str
    answer: str
    """yes, no or unknown."""
    detail: str


class Observed(NamedTuple):
    """What happened; the answers follow from it."""

    first_check: Invoked
    second_check: Invoked
    pair_id: str
    came_by_event: bool
    result: Mapping[str, Any] | None
    repeated: Invoked
    """An invocation for the same pair, once it has a result: it costs nothing."""
    created: list[bool]
    """Whether each of several simultaneous attempts to create one object succeeded."""
    transfer: str


def answers_of(observed: Observed) -> Iterator[Answer]:
    """Derive the answers. Pure."""
    yield _links(observed)
    yield Answer(
        "are messages about keys with spaces, +, % and Chinese understood?",
        YES if observed.came_by_event else NO,
        "the pair's id has them, and its upload "
        + ("led to the result" if observed.came_by_event else "led to no result in time"),
    )
    winners = sum(observed.created)
    yield Answer(
        f"does exactly one of {RACERS} creations of one object at the same moment succeed?",
        YES if winners == 1 else NO,
        f"{winners} did",
    )
    yield _output(observed)
    share = observed.first_check.cpu_share
    yield Answer(
        "how much of a core does an instance have?",
        UNKNOWN if share is None else YES,
        "no new instance was started; `liveness deploy` says it of every new version"
        if share is None
        else f"{share:g}",
    )
    cold, warm = observed.first_check.milliseconds, observed.second_check.milliseconds
    yield Answer(
        "how long does a cold start take?",
        UNKNOWN if share is None else YES,
        f"the first check ran {cold:.0f} ms and the next {warm:.0f} ms"
        + ("; neither started an instance" if share is None else ""),
    )
    yield Answer(
        "does a warm instance see its role's keys refreshed?",
        UNKNOWN,
        "keys live up to 6 hours: `liveness doctor` and the alarms show it if it does not",
    )


def _links(observed: Observed) -> Answer:
    question = "does the face API accept links signed with the role's temporary keys?"
    if observed.transfer != "presign":
        return Answer(question, UNKNOWN, "LIVENESS_TRANSFER is upload, so none is used")
    if observed.result is None:
        return Answer(question, UNKNOWN, "there is no result; `liveness explain` shows why")
    code = str((observed.result.get("reason") or {}).get("code") or "")
    if not observed.result.get("api"):
        return Answer(question, UNKNOWN, f"the result is {code}, and no call was answered")
    if is_about_link(code):
        return Answer(question, NO, f"it answered {code}")
    return Answer(question, YES, "it fetched and judged the pair")


def _output(observed: Observed) -> Answer:
    question = "does the log keep characters that are not ASCII?"
    lines = "\n".join(observed.repeated.log)
    if observed.pair_id in lines:
        return Answer(question, YES, "a line has them as they were written")
    return Answer(
        question, NO if lines else UNKNOWN, "no line has them; nothing else depends on it"
    )


def accept(options: Options) -> dict[str, Any]:
    """Make the run, and write the report. Raises ClickException, and Abort if declined."""
    project = load_project(options.manifest)
    settings = project.manifest.settings
    target = load_target(project.environ)
    function = connect(project.manifest, project.credentials, SystemClock()).function
    pair_id = f"{ACCEPT_PAIRS}{AWKWARD_TEXT} {secrets.token_hex(8)}"
    try:
        if function.configuration() is None:
            raise click.ClickException("there is no function: `liveness deploy` first")
        if options.ask:
            echo(f"Uploads both files to {settings.bucket} as the pair {pair_id}.", err=True)
            echo("FaceID judges it once: one call is billed, if it gives a verdict.", err=True)
            click.confirm("Continue?", abort=True, err=True)
        observed = _run(function, target, pair_id, options)
        explanation = explanation_of(Reader(target, ignore_progress).read_pair(pair_id))
    except NotAllowed as error:
        raise click.ClickException(f"{error.message}: {_POLICY}") from None
    except (AccountError, LivenessError) as error:
        raise click.ClickException(_reason(error, project.manifest)) from None
    answers = [answer._asdict() for answer in answers_of(observed)]
    report = {
        "schema": SCHEMA,
        "version": __version__,
        "region": settings.region,
        "memory_mb": project.manifest.function.memory_mb,
        "live_bytes": options.live.stat().st_size,
        "reference_bytes": options.reference.stat().st_size,
        "has_result": observed.result is not None,
        "answers": answers,
    }
    options.report.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return {**report, "pair_id": pair_id, "explanation": explanation, "report": str(options.report)}


def _reason(error: AccountError | LivenessError, manifest: Manifest) -> str:
    """Return why it ended, and which permission was missing, if any."""
    if (permission := denied_permission(error, manifest)) is not None:
        return f"your key may not {permission}: {_POLICY}"
    return str(error) if isinstance(error, AccountError) else reason_of_error(error)


def _run(function: DeployedFunction, target: Target, pair_id: str, options: Options) -> Observed:
    _require_reading(target, pair_id)
    first, second = _check(function), _check(function)
    created = _create_at_once(target)
    value = upload_to(target, pair_id, options.live, options.reference, options.wait_seconds)
    came_by_event = value["result"] is not None
    repeated = function.invoke({"pairs": [pair_id]}, TRAFFIC)
    return Observed(
        first,
        second,
        pair_id,
        came_by_event,
        value["result"] or _read_result(target, pair_id),
        repeated,
        created,
        target.settings.transfer,
    )


def _require_reading(target: Target, pair_id: str) -> None:
    """Raise ConfigurationError if the key may not read the results of the run.

    Otherwise the run would cost money, and its results could not be read. None exists yet.
    """
    settings, store = target.settings, target.read_only_store
    Reader(target, ignore_progress).read_pair(pair_id)
    for bucket, prefix in (
        (settings.bucket, settings.input_prefix),
        (settings.result_bucket, settings.frame_prefix),
    ):
        store.head(bucket, f"{prefix}{pair_id}/")
    for part in (claims_prefix, packages_prefix, marker_prefix):
        store.get(settings.ledger_bucket, part(settings) + pair_id, 0)


def _check(function: DeployedFunction) -> Invoked:
    invoked = function.invoke({"check": {}}, TRAFFIC)
    if invoked.error is not None:
        raise click.ClickException(f"the function does not work: {reason_of(invoked)}")
    return invoked


def _create_at_once(target: Target) -> list[bool]:
    settings, store = target.settings, target.clients.store
    key = accept_prefix(settings) + secrets.token_hex(8)
    # Do not create it with a key that cannot delete it. Deleting a missing object succeeds.
    target.store.delete(settings.ledger_bucket, key)
    try:
        return race(
            lambda number: store.create(settings.ledger_bucket, key, b"%d" % number).created,
            RACERS,
        )
    finally:
        with suppress(LivenessError):
            target.store.delete(settings.ledger_bucket, key)


def _read_result(target: Target, pair_id: str) -> Mapping[str, Any] | None:
    key = result_key(target.settings, pair_id)
    stored = target.store.get(target.settings.result_bucket, key, _MAX_RESULT_BYTES)
    return None if stored is None else dict(json.loads(stored.body))


def print_accepted(value: Mapping[str, Any]) -> None:
    print_explanation(value["explanation"])
    page = Page()
    rows = [(each["answer"], each["question"], each["detail"]) for each in value["answers"]]
    page.table("Open questions", ("", "", ""), rows, all_rows=True)
    page.print()
    echo(f"\nThe report, which names no person, bucket or key, is {value['report']}.")
    echo(f"To erase the pair: liveness forget {value['pair_id']!r}")
