"""Upload the inputs of a pair, create-only, and wait for its result."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click

from liveness.cloud.credentials import read_credentials
from liveness.keys import result_key
from liveness.runtime import Clock

from ..console import ProgressCallback, progress
from ..environment import Target, load_target
from ..errors import InvalidUsage
from ..interrupts import interruptible
from ..uploader import BucketClient, BucketUnavailable, KeyExists, md5_of
from .inputs import live_key, photo_key

_SCHEMA = "liveness-uploaded/1"
_POLL_SECONDS = 1.0


class _File(NamedTuple):
    label: str
    path: Path
    key: str


def upload_pair(
    pair_id: str, live: Path | None, reference: Path | None, wait_seconds: float | None
) -> dict[str, Any]:
    """Upload to the bucket that the environment names; see `upload_to`."""
    return upload_to(load_target(), pair_id, live, reference, wait_seconds)


def upload_to(
    target: Target,
    pair_id: str,
    live: Path | None,
    reference: Path | None,
    wait_seconds: float | None,
) -> dict[str, Any]:
    """Upload one or both inputs of a pair; with `wait_seconds`, wait that long for the result.

    `result` in the value is None if there was none in time, or if it was not waited for. An object
    that exists already is not changed; that is an error unless it has the file's content.
    """
    files = _files(target, pair_id, live, reference)
    credentials = read_credentials(target.environ)
    with (
        interruptible(),
        BucketClient(target.settings, credentials) as client,
        progress() as update,
    ):
        uploaded = [_upload(client, file, update) for file in files]
        result = None
        if wait_seconds is not None:
            key = result_key(target.settings, pair_id)
            etags = {item["key"]: item["etag"] for item in uploaded}
            result = _await_result(client, key, etags, wait_seconds, target.clock, update)
    return {"schema": _SCHEMA, "pair_id": pair_id, "uploaded": uploaded, "result": result}


def _files(target: Target, pair_id: str, live: Path | None, reference: Path | None) -> list[_File]:
    """Return the files in upload order: the photo first, as a backend uploads it."""
    if live is None and reference is None:
        raise InvalidUsage("nothing to upload: give --live, --reference or both")
    files = []
    if reference is not None:
        key = photo_key(target.settings, pair_id, reference)
        files.append(_File("reference photo", reference, key))
    if live is not None:
        files.append(_File("liveness package", live, live_key(target.settings, pair_id)))
    return files


def _upload(client: BucketClient, file: _File, update: ProgressCallback) -> dict[str, Any]:
    size, md5 = file.path.stat().st_size, md5_of(file.path)
    try:
        etag = client.create(file.path, file.key, md5, lambda read: update(file.label, read, size))
        existed = False
    except KeyExists:
        there, existed = client.etag(file.key), True
        if there is None:
            raise click.ClickException(
                f"{file.key} exists already, and this key may not read it: if an earlier try with "
                "keys for this pair only put it, the upload is done; otherwise use a new pair id"
            ) from None
        if there != md5.hex():
            raise click.ClickException(
                f"{file.key} exists already, with other content: nothing was overwritten; "
                "use a new pair id for a new try"
            ) from None
        etag = there
    update(file.label, size, size)
    return {"key": file.key, "bytes": size, "etag": etag, "existed": existed}


def _await_result(
    client: BucketClient,
    key: str,
    etags: Mapping[str, str],
    wait_seconds: float,
    clock: Clock,
    update: ProgressCallback,
) -> dict[str, Any] | None:
    """Return the result of exactly these inputs, by key and ETag; None if it takes longer."""
    until = clock.monotonic() + wait_seconds
    while True:
        left = until - clock.monotonic()
        body = None
        try:
            body = client.download(key)
        except BucketUnavailable:
            if left <= 0:
                raise
        if body is not None and _judges(result := _parse(body), etags):
            return result
        if left <= 0:
            return None
        update("waiting for result", int(wait_seconds - left), None)
        clock.sleep(min(_POLL_SECONDS, left))


def _parse(body: bytes) -> dict[str, Any]:
    try:
        return dict(json.loads(body))
    except (ValueError, TypeError, RecursionError):
        raise click.ClickException("result.json is not a JSON object") from None


def _judges(result: Mapping[str, Any], etags: Mapping[str, str]) -> bool:
    """Whether a result is about these inputs, and not about earlier ones under the same keys."""
    judged = {item["key"]: item["etag"] for item in result["inputs"]}
    return all(judged.get(key) == etag for key, etag in etags.items())
