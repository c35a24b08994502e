"""`liveness invoke`: the handler on one message."""

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
from .cloud import FUNCTION, own_cloud

# With these two the environment names a cloud: a running sandbox, or the real one.
_NAMING = ("LIVENESS_BUCKET", "TENCENTCLOUD_SECRETID")
_LIMIT_MILLISECONDS = 60_000


class Unreadable(click.ClickException):
    """There is no message to run on."""

    exit_code = 2


@click.command()
@click.argument("event_file", metavar="EVENT.json")
@click.option("--empty", is_flag=True, help="Leave the bucket of the own sandbox empty.")
def invoke(event_file: str, empty: bool) -> None:
    """Run the handler on one message.

    The message is in EVENT.json; `-` is standard input.
    Standard output gets what the handler returned, as JSON; standard error the function's log.
    Exit status: 0; 1 when the handler raised; 2 when there is no readable JSON.

    With LIVENESS_BUCKET and TENCENTCLOUD_SECRETID in the environment the handler runs in this
    process, against what the environment names: a running `liveness sandbox`, or a REAL bucket,
    where calls cost money. Otherwise it runs in a sandbox that is started for this invocation and
    holds the sample pair for every pair id that the event names. Other LIVENESS_* settings apply
    in both cases.
    """
    event = _read(event_file)
    named = all(os.environ.get(name) for name in _NAMING)
    result = _in_this_process(event) if named else _alone(event, empty)
    text = json.dumps(result, ensure_ascii=False, indent=2)
    click.echo(text.encode("utf-8", "replace"))  # a malformed event may hold lone surrogates


def _read(event_file: str) -> Any:
    from_stdin = event_file == "-"
    name = "standard input" if from_stdin else event_file
    try:
        return json.loads(sys.stdin.buffer.read() if from_stdin else Path(event_file).read_bytes())
    except OSError as error:
        raise Unreadable(f"cannot read {name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Unreadable(f"{name} holds no JSON: it is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Unreadable(f"{name} holds no JSON: {error.msg}, {where}") from None
    except (ValueError, RecursionError):  # a NUL in the name; brackets without end
        raise Unreadable(f"{name} holds no JSON that can be read") from None


def _in_this_process(event: Any) -> Any:
    from liveness.handler import Function

    context = {
        "request_id": str(uuid.uuid4()),
        "function_name": FUNCTION,
        "function_version": "local",
        "time_limit_in_ms": _LIMIT_MILLISECONDS,
    }
    try:
        return Function(write=_write_log)(event, context)
    except LivenessError as error:
        raise click.ClickException(f"{type(error).__name__}: {error}") from None
    except Exception as error:  # of others' errors only the kind is safe to show: they quote URLs
        raise click.ClickException(f"the handler raised {type(error).__name__}") from None


def _write_log(line: str) -> None:
    sys.stderr.write(line.encode("utf-8", "replace").decode())


def _alone(event: Any, empty: bool) -> Any:
    pair = sample()
    with own_cloud(notify=False) as cloud:
        if not empty:
            for key, path in _inputs(cloud.settings, event, pair).items():
                cloud.bucket.put(key, path.read_bytes())
        invocation = cloud.function.invoke(event)
    for line in invocation.logs:
        _write_log(line + "\n")
    if invocation.error is not None:
        kind, message = invocation.error["errorType"], invocation.error["errorMessage"]
        raise click.ClickException(f"{kind}: {message}")
    return invocation.result


def _inputs(settings: Settings, event: Any, pair: Sample) -> dict[str, Path]:
    """The sample pair under every pair id of the event."""
    try:
        pair_ids = read_event(settings, event).pair_ids
    except EventError:
        return {}  # the function is going to say it
    front = settings.input_prefix
    return {
        front + pair_id + suffix: path
        for pair_id in pair_ids
        for suffix, path in (
            (settings.live_suffixes[0], pair.live),
            (settings.image_suffixes[0], pair.reference),
        )
    }
