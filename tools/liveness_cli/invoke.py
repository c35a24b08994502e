"""`liveness invoke`: run the handler with one event."""

from __future__ import annotations

import json
import os
import sys
import uuid
from pathlib import Path
from typing import Any

import click

from liveness.errors import EventError, LivenessError
from liveness.events import read_event
from liveness.settings import Settings

from .checkout import Sample, sample
from .errors import InvalidUsage, reason_of_error
from .local_cloud import FUNCTION, local_cloud
from .terminal import echo

# Any of these means that the environment names a target: a running sandbox, or the real cloud.
_TARGET_VARIABLES = (
    "LIVENESS_BUCKET",
    "LIVENESS_RESULT_BUCKET",
    "LIVENESS_LEDGER_BUCKET",
    "TENCENTCLOUD_SECRETID",
    "TENCENTCLOUD_SECRETKEY",
    "TENCENTCLOUD_SECRET_ID",
    "TENCENTCLOUD_SECRET_KEY",
)
_TIME_LIMIT_MILLISECONDS = 60_000


class InvalidEventFile(InvalidUsage):
    """The event cannot be read."""


@click.command()
@click.argument("event_file", metavar="EVENT.json")
@click.option("--sandbox", is_flag=True, help="Use a temporary sandbox, whatever is set.")
@click.option("--no-sample", is_flag=True, help="Leave the bucket of a temporary sandbox empty.")
@click.option("--yes", is_flag=True, help="Do not ask before it runs against a real bucket.")
def invoke(event_file: str, sandbox: bool, no_sample: bool, yes: bool) -> None:
    """Run the handler with one event.

    Reads the event from EVENT.json, or from standard input if the name is `-`.
    Prints the handler's return value as JSON, and the function's log on standard error.
    Exit status: 0; 1 if the handler raised an error; 2 if the event is not valid JSON.

    If the environment names a bucket or a key, the handler runs in this process against that
    bucket: of a running `liveness sandbox`, or a REAL one, where calls cost money, so it asks
    first. What is missing of bucket, region and key is an error. Otherwise, and with --sandbox, it
    runs in a temporary sandbox, which contains the sample pair for every pair id in the event.
    Other LIVENESS_* settings apply in all cases. The first line on standard error says where it
    runs.
    """
    event = _read_event_file(event_file)
    if sandbox or not any(os.environ.get(name) for name in _TARGET_VARIABLES):
        result = _invoke_in_sandbox(event, not no_sample)
    else:
        result = _invoke_in_process(event, ask=not yes)
    echo(json.dumps(result, ensure_ascii=False, indent=2))


def _read_event_file(event_file: str) -> Any:
    from_stdin = event_file == "-"
    name = "standard input" if from_stdin else event_file
    try:
        return json.loads(sys.stdin.buffer.read() if from_stdin else Path(event_file).read_bytes())
    except OSError as error:
        raise InvalidEventFile(f"cannot read {name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidEventFile(f"{name} is not JSON: it is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidEventFile(f"{name} is not JSON: {error.msg}, {where}") from None
    except (ValueError, RecursionError):  # a NUL in the name; too deeply nested
        raise InvalidEventFile(f"{name} is not JSON that can be read") from None


def _invoke_in_process(event: Any, *, ask: bool) -> Any:
    from liveness.handler import Function

    from .environment import load_target

    try:
        target = load_target()
    except InvalidUsage as error:
        raise InvalidUsage(
            f"{error.message}\nCorrect that, or give --sandbox for a temporary sandbox"
        ) from None
    if ask and target.settings.endpoint_scheme == "https":
        click.confirm(
            "This is a real bucket: what the event starts there may be billed. Continue?",
            abort=True,
            err=True,
        )
    context = {
        "request_id": str(uuid.uuid4()),
        "function_name": FUNCTION,
        "function_version": "local",
        "time_limit_in_ms": _TIME_LIMIT_MILLISECONDS,
    }
    try:
        return Function(write=_write_log, environ=target.environ)(event, context)
    except LivenessError as error:
        raise click.ClickException(f"{type(error).__name__}: {reason_of_error(error)}") from None
    except Exception as error:  # only its type is safe to show: its text may quote a URL
        raise click.ClickException(f"the handler raised {type(error).__name__}") from None


def _write_log(line: str) -> None:
    echo(line.rstrip("\n"), err=True)


def _invoke_in_sandbox(event: Any, with_sample: bool) -> Any:
    pair = sample()
    with local_cloud(notify=False) as cloud:
        echo(f"Bucket {cloud.bucket.name} in a temporary sandbox", err=True)
        if with_sample:
            for key, body in _inputs(cloud.settings, event, pair).items():
                cloud.bucket.put(key, body)
        invocation = cloud.function.invoke(event)
    for line in invocation.logs:
        _write_log(line)
    if invocation.error is not None:
        kind, message = invocation.error["errorType"], invocation.error["errorMessage"]
        raise click.ClickException(f"{kind}: {message}")
    return invocation.result


def _inputs(settings: Settings, event: Any, pair: Sample) -> dict[str, bytes]:
    """Return the sample files by key, for every pair id in the event.

    Each pair gets a package of its own, because a package is judged for one pair only.
    """
    try:
        pair_ids = read_event(settings, event).pair_ids
    except EventError:
        return {}  # the function reports it
    prefix = settings.input_prefix
    live, reference = pair.live.read_bytes(), pair.reference.read_bytes()
    return {
        prefix + pair_id + suffix: body
        for pair_id in pair_ids
        for suffix, body in (
            (settings.live_suffixes[0], live + pair_id.encode()),
            (settings.image_suffixes[0], reference),
        )
    }
