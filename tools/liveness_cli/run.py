"""`liveness run`: the main job, end to end, for one pair."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from liveness.cloud.credentials import Credentials
from liveness.keys import pair_id_problem, result_key

from .checkout import sample
from .customer.inputs import live_key, photo_key
from .local_cloud import LocalCloud, local_cloud

if TYPE_CHECKING:
    from .uploader import BucketClient

_OUTPUT = Path("build", "run")
_POLL_SECONDS = 0.1
_FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)


@click.command()
@click.option("--live", type=_FILE, help="Liveness package; default: the sample's.")
@click.option("--reference", type=_FILE, help="Reference image; default: the sample's.")
@click.option("--pair-id", default="sample", show_default=True, help="ID of the pair.")
def run(live: Path | None, reference: Path | None, pair_id: str) -> None:
    """Run the main job for one pair, in a temporary sandbox.

    Uploads both files with the COS SDK. The notification triggers the function, which calls the
    face API and writes its result to the bucket. The result and the best frame are then downloaded
    to build/run/<pair id>/. Exit status: 0 if there is a result, whatever its verdict.

    `liveness sandbox --help` explains how a package chooses the answer. LIVENESS_* settings apply.
    """
    # The COS SDK and the table library would slow every --help.
    from .report import Report

    started = time.monotonic()
    files = sample()
    if live is not None and _is_scenario(live):
        _require_valid_scenario(live)
    folder = _prepare_folder(pair_id)
    with local_cloud(notify=True) as cloud, _client(cloud) as client:
        if problem := pair_id_problem(cloud.settings, pair_id):
            raise click.ClickException(f"the pair {problem}")
        report = Report(pair_id)
        live, reference = live or files.live, reference or files.reference
        for path, key in (
            (live, live_key(cloud.settings, pair_id)),
            (reference, photo_key(cloud.settings, pair_id, reference)),
        ):
            report.uploaded(path, client.upload(path, key), key)
        result = _wait_for_result(cloud, client, pair_id)
        cloud.sandbox.wait_idle()
        report.triggered(cloud.function.invocations)
        paths = _download(client, result, folder)
        faceid = cloud.sandbox.faceid
        report.verdict(json.loads(result))
        report.scripted(_is_scenario(live))
        report.calls(len(faceid.calls), len(faceid.billed))
        report.downloaded(paths, json.loads(result)["best_frame"]["missing_because"])
    report.finished(time.monotonic() - started)


def _is_scenario(package: Path) -> bool:
    """Whether the package scripts the sandbox's answer, see `liveness sandbox --help`."""
    try:
        return bool(json.loads(package.read_bytes())["sandbox"])
    except (ValueError, RecursionError, LookupError, TypeError):
        return False


def _require_valid_scenario(package: Path) -> None:
    """Explain what is wrong with a script: the sandbox would refuse it without a reason."""
    from liveness_sandbox.faceid.scenario import InvalidScenario, parse_face_scenario

    try:
        parse_face_scenario(package.read_bytes())
    except InvalidScenario as error:
        raise click.ClickException(
            f"{package.name} scripts no answer that the sandbox can give: {error}; see `liveness "
            "sandbox --help`"
        ) from None


def _client(cloud: LocalCloud) -> BucketClient:
    from .uploader import BucketClient

    keys = cloud.sandbox.credentials
    credentials = Credentials(keys.secret_id, keys.secret_key, keys.token)
    return BucketClient(cloud.settings, credentials, cloud.sandbox.url)


def _prepare_folder(pair_id: str) -> Path:
    """Create the folder for the downloads, and remove what an earlier run left in it."""
    # A pair id may contain slashes, but must not lead out of the folder.
    if {"", ".", ".."} & set(pair_id.split("/")) or "\0" in pair_id or "\\" in pair_id:
        raise click.ClickException(f"--pair-id {pair_id!r} cannot name a folder")
    folder = _OUTPUT / pair_id
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)  # the best frame is a face
        for stale in (folder / "result.json", *folder.glob("best-frame-*.jpg")):
            stale.unlink(missing_ok=True)
    except OSError as error:
        raise click.ClickException(f"cannot write to {_OUTPUT}: {error.strerror}") from None
    return folder


def _wait_for_result(cloud: LocalCloud, client: BucketClient, pair_id: str) -> bytes:
    """Return `result.json` as soon as it exists; if the function is idle without it, it failed."""
    from .report import explain_missing_result

    key = result_key(cloud.settings, pair_id)
    while True:
        idle = _is_idle(cloud)
        result = client.download(key)
        if result is not None:
            return result
        if idle:
            raise click.ClickException(explain_missing_result(pair_id, cloud.function.invocations))


def _is_idle(cloud: LocalCloud) -> bool:
    try:
        cloud.sandbox.wait_idle(_POLL_SECONDS)
    except TimeoutError:
        return False
    return True


def _download(client: BucketClient, result: bytes, folder: Path) -> list[Path]:
    """Write `result.json` and the best frame, if it names one; returns their paths."""
    paths = [folder / "result.json"]
    paths[0].write_bytes(result)
    frame: dict[str, Any] = json.loads(result)["best_frame"]
    if frame["key"] is None:
        return paths
    body = client.download(frame["key"])
    if body is None or hashlib.md5(body).hexdigest() != frame["md5"]:
        raise click.ClickException("result.json names a best frame that is not in the bucket")
    paths.append(folder / frame["key"].rpartition("/")[2])
    paths[1].write_bytes(body)
    return paths
