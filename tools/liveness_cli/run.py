"""`liveness run`: the main job, end to end, on one pair."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from liveness.keys import pair_id_problem, result_key
from liveness.settings import Settings

from .checkout import sample
from .cloud import Cloud, own_cloud
from .report import Report, why_no_result

if TYPE_CHECKING:
    from .customer import Customer

_OUTPUT = Path("build", "run")
_LOOK_SECONDS = 0.1
_FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)


@click.command()
@click.option("--live", type=_FILE, help="Liveness package; default: the sample's.")
@click.option("--reference", type=_FILE, help="Reference image; default: the sample's.")
@click.option("--pair-id", default="sample", show_default=True, help="Names the pair.")
def run(live: Path | None, reference: Path | None, pair_id: str) -> None:
    """Run the main job on one pair, in a sandbox of its own.

    Uploads both files with the COS SDK; the notification wakes the function, the function asks
    the face API and leaves its result in the bucket; the result and the best frame are downloaded
    to build/run/<pair id>/. Whatever the verdict, exit status 0 says that there is one.

    `liveness sandbox --help` tells how a package chooses the answer. LIVENESS_* settings apply.
    """
    from .customer import Customer  # the COS SDK would slow every --help

    began = time.monotonic()
    files = sample()
    folder = _folder(pair_id)
    with own_cloud(notify=True) as cloud, Customer(cloud) as customer:
        if problem := pair_id_problem(cloud.settings, pair_id):
            raise click.ClickException(f"the pair {problem}")
        report = Report(pair_id)
        for path, key in _uploads(
            cloud.settings, pair_id, live or files.live, reference or files.reference
        ):
            report.uploaded(path, customer.upload(path, key), key)
        result = _wait_for_result(cloud, customer, pair_id)
        cloud.sandbox.wait_idle()
        report.woken(cloud.function.invocations)
        written = _download(customer, result, folder)
        faceid = cloud.sandbox.faceid
        report.verdict(json.loads(result))
        report.calls(len(faceid.calls), len(faceid.billed))
        report.written(written, json.loads(result)["best_frame"]["missing_because"])
    report.ended(time.monotonic() - began)


def _folder(pair_id: str) -> Path:
    """Where the downloads go, free of what an earlier run left there."""
    # A pair id may hold slashes, but must not lead out of the folder.
    if {"", ".", ".."} & set(pair_id.split("/")) or "\0" in pair_id or "\\" in pair_id:
        raise click.ClickException(f"--pair-id {pair_id!r} cannot name a folder")
    folder = _OUTPUT / pair_id
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for stale in (folder / "result.json", *folder.glob("best-frame-*.jpg")):
            stale.unlink(missing_ok=True)
    except OSError as error:
        raise click.ClickException(f"cannot write to {_OUTPUT}: {error.strerror}") from None
    return folder


def _uploads(
    settings: Settings, pair_id: str, live: Path, reference: Path
) -> list[tuple[Path, str]]:
    """Each file and its key; an image keeps its kind where the settings know a suffix for it."""
    same_kind = [s for s in settings.image_suffixes if s.endswith(reference.suffix.lower())]
    image_suffix = (same_kind or settings.image_suffixes)[0]
    front = settings.input_prefix + pair_id
    return [(live, front + settings.live_suffixes[0]), (reference, front + image_suffix)]


def _wait_for_result(cloud: Cloud, customer: Customer, pair_id: str) -> bytes:
    """`result.json`, as soon as it is there; an idle function that left none has failed."""
    key = result_key(cloud.settings, pair_id)
    while True:
        idle = _is_idle(cloud)
        result = customer.download(key)
        if result is not None:
            return result
        if idle:
            raise click.ClickException(why_no_result(pair_id, cloud.function.invocations))


def _is_idle(cloud: Cloud) -> bool:
    try:
        cloud.sandbox.wait_idle(_LOOK_SECONDS)
    except TimeoutError:
        return False
    return True


def _download(customer: Customer, result: bytes, folder: Path) -> list[Path]:
    """Write `result.json` and, where it names one, the best frame."""
    written = [folder / "result.json"]
    written[0].write_bytes(result)
    frame: dict[str, Any] = json.loads(result)["best_frame"]
    if frame["key"] is None:
        return written
    body = customer.download(frame["key"])
    if body is None or hashlib.md5(body).hexdigest() != frame["md5"]:
        raise click.ClickException("result.json names a best frame that is not in the bucket")
    written.append(folder / frame["key"].rpartition("/")[2])
    written[1].write_bytes(body)
    return written
