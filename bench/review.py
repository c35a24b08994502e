"""`python -m bench.review`: the local file of results, with 1,000 and 100,000 of them.

Queries are given in processor time, which other work on the machine changes less than seconds.

The sandbox runs in this process and serves the results over HTTP; each measurement is a process of
its own, review_client.py, as a command is. With a real bucket the requests take longer, and fewer
of them are limited by this machine.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from liveness_sandbox import Bucket, Sandbox

from .environment import BENCH, BUCKET, SETTINGS, run_process
from .table import aligned

_SIZES = (1_000, 100_000)
_CHANGED = 500
_CLIENT_SECONDS = 3600
_DAYS = 90
_FRAME = b"\xff\xd8\xff a best frame"
_REASONS = {
    "passed": ("Success", "success"),
    "rejected": ("FailedOperation.CompareLowSimilarity", "match"),
    "retake": ("FailedOperation.LifePhotoDetectNoFaces", "capture"),
    "invalid": ("InputEmpty", "input"),
    "failed": ("GivenUp", "unknown"),
}
_WEIGHTS = {"passed": 80, "rejected": 6, "retake": 10, "invalid": 3, "failed": 1}


def main() -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.review", description=__doc__)
    parser.add_argument("--results", type=int, action="append", help="how many; again for more")
    options = parser.parse_args()
    sizes = options.results or list(_SIZES)
    print(
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.1f} before\n",
        flush=True,
    )
    figures = [measure(size) for size in sizes]
    names = dict.fromkeys(name for each in figures for name in each)
    lines = [("", *(f"{size:,} results" for size in sizes))]
    lines += [(name, *(each.get(name, "") for each in figures)) for name in names]
    print(aligned(lines))
    return 0


def measure(size: int) -> dict[str, str]:
    """Return the figures by name, as text."""
    figures: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as cache, Sandbox() as sandbox:
        bucket = sandbox.create_bucket(BUCKET)
        dice = random.Random(1)
        for number in range(size):
            put_result(bucket, number, dice)
        environment = {
            **os.environ,
            **sandbox.client_environment(),
            **SETTINGS,
            "XDG_CACHE_HOME": cache,
        }

        def run(task: str) -> dict[str, Any]:
            command = [sys.executable, str(BENCH / "review_client.py"), task, cache]
            return run_process(command, "", environment, _CLIENT_SECONDS).report

        def read(name: str) -> None:
            report = run("refresh")
            figures[f"{name}: seconds"] = f"{report['seconds']:.1f}"
            figures[f"{name}: of these, the client's CPU"] = f"{report['cpu_seconds']:.1f}"
            figures[f"{name}: objects read"] = f"{report['read']:,}"
            figures[f"{name}: peak memory, MB"] = f"{report['peak_kb'] / 1024:.0f}"

        read("first read")
        read("refresh, nothing new")
        changed = min(_CHANGED, size // 10)
        for number in range(size, size + changed):
            put_result(bucket, number, dice)
        read("refresh, some new")
        size_mb = sum(path.stat().st_size for path in Path(cache).rglob("*.sqlite3")) / 2**20
        figures["local file, MB"] = f"{size_mb:.0f}"
        report = run("queries")
        for name, seconds in report["seconds"].items():
            figures[f"{name}: ms of CPU"] = f"{seconds * 1000:,.1f}"
        figures["queries and exports: peak memory, MB"] = f"{report['peak_kb'] / 1024:.0f}"
    return figures


def put_result(bucket: Bucket, number: int, dice: random.Random) -> None:
    """Store a result of a plausible kind, and its best frame."""
    status = dice.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
    code, category = _REASONS[status]
    pair_id = f"session-{hashlib.sha256(str(number).encode()).hexdigest()[:12]}"
    published = time.time() - dice.uniform(0, _DAYS * 86400)
    similarity = {"passed": dice.uniform(70, 100), "rejected": dice.uniform(0, 70)}.get(status)
    answered = status in ("passed", "rejected", "retake")
    fingerprint = hashlib.sha256(pair_id.encode()).hexdigest()
    frame_md5 = hashlib.md5(_FRAME, usedforsecurity=False).hexdigest()
    frame_key = f"liveness/frames/{pair_id}/best-frame-{frame_md5}.jpg"
    document = {
        "schema": "liveness-result/1",
        "pair_id": pair_id,
        "fingerprint": fingerprint,
        "status": status,
        "reason": {
            "code": code,
            "category": category,
            "detail": "",
            "hint": {"en": "A hint of a usual length for the person.", "zh": "给用户的提示。"},
        },
        "similarity": similarity,
        "threshold": 70.0,
        "api": {"channel": "result", "result": code, "description": code, "request_id": "r" * 36}
        if answered
        else None,
        "region": "ap-singapore",
        "inputs": [
            {
                "role": role,
                "key": f"liveness/incoming/{pair_id}/{name}",
                "md5": fingerprint[:32],
                "size": 1_000_000,
                "etag": fingerprint[:32],
                "last_modified": _rfc3339(published - dice.uniform(1, 30)),
            }
            for role, name in (("live", "live.bin"), ("image", "reference.jpg"))
        ],
        "best_frame": {
            "key": frame_key if answered else None,
            "md5": frame_md5 if answered else None,
            "size": len(_FRAME) if answered else None,
            "missing_because": None if answered else "no call was made",
        },
        "attempts": int(answered),
        "possibly_billed_calls": int(status in ("passed", "rejected")),
        "times": {
            "claimed": _rfc3339(published - 1),
            "answered": _rfc3339(published - 0.1) if answered else None,
            "published": _rfc3339(published),
        },
        "function": {"name": "liveness", "version": "1", "request_id": "f" * 36},
        "version": "0",
    }
    bucket.put(
        f"liveness/results/{pair_id}/result.json",
        json.dumps(document, ensure_ascii=False, indent=2),
        metadata={"liveness-fingerprint": fingerprint, "liveness-status": status},
        content_type="application/json",
    )
    if answered:
        bucket.put(frame_key, _FRAME, content_type="image/jpeg")


def _rfc3339(seconds: float) -> str:
    whole, millis = divmod(int(seconds * 1000), 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{millis:03d}Z"


if __name__ == "__main__":
    sys.exit(main())
