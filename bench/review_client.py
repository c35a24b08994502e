"""One measurement of bench.review in a process of its own: `review_client.py TASK DIRECTORY`.

Its last line of output is a JSON object with seconds and the peak memory in KB.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import HTTPCookieProcessor, OpenerDirector, ProxyHandler, build_opener

from liveness_cli.console import ignore_progress
from liveness_cli.environment import Target, load_target
from liveness_review.export import export
from liveness_review.index import ResultIndex
from liveness_review.page import ReviewServer, running
from liveness_review.refresh import refresh
from liveness_review.search import ResultFilter
from liveness_review.session import local_index
from liveness_review.threshold import analyze

_REPEATS = 5
_DAY = 86400
_PAGES = {
    "list": "",
    "search": "?q=abc1",
    "similarity": "?least=69.9&most=70.1",
    "undecided": "?status=rejected&decided=no",
    "overview of 7 days": "overview",
    "threshold": "threshold",
}
EVERYTHING = ResultFilter()


def main() -> None:
    task, directory = sys.argv[1], Path(sys.argv[2])
    target = load_target()
    index = local_index(target)
    report = _refresh(target, index) if task == "refresh" else _queries(target, index, directory)
    report["peak_kb"] = _peak_kb()
    print(json.dumps(report))


def _refresh(target: Target, index: ResultIndex) -> dict[str, Any]:
    began, cpu_began = time.perf_counter(), time.process_time()
    summary = refresh(index, target.settings, target.read_only_store)
    return {
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - cpu_began,
        "read": summary.read,
    }


def _queries(target: Target, index: ResultIndex, directory: Path) -> dict[str, Any]:
    now = time.time()
    middle = index.page(EVERYTHING, limit=min(10_000, index.count(EVERYTHING) // 2)).next
    rejected = ResultFilter(statuses=("rejected",), is_decided=False)
    seconds = {
        "first page of 50": _median(lambda: index.page(EVERYTHING)),
        "a page far behind": _median(lambda: index.page(EVERYTHING, after=middle)),
        "a page of rejected and undecided": _median(lambda: index.page(rejected)),
        "a page by similarity": _median(
            lambda: index.page(ResultFilter(min_similarity=69.9, max_similarity=70.1))
        ),
        "search by part of a pair id": _median(lambda: index.page(ResultFilter(pair_id="abc1"))),
        "count of all": _median(lambda: index.count(EVERYTHING)),
        "overview of a day": _median(lambda: index.overview(now - _DAY, now)),
        "overview of 90 days": _median(lambda: index.overview(now - 90 * _DAY, now)),
        "threshold, all": _median(lambda: analyze(index.comparisons(EVERYTHING))),
    }
    for file_format in ("jsonl", "csv", "parquet"):
        began = time.process_time()
        export(
            index,
            target.settings,
            directory / file_format,
            file_format,
            EVERYTHING,
            now,
            ignore_progress,
        )
        seconds[f"export, {file_format}"] = time.process_time() - began
    return {"seconds": seconds | _pages(target, index)}


def _pages(target: Target, index: ResultIndex) -> dict[str, float]:
    """Time whole pages of `liveness review`, from the request to the last byte."""
    server = ReviewServer(target, index, 0, print)
    opener = build_opener(ProxyHandler({}), HTTPCookieProcessor())
    page = server.gate.origin + server.gate.folder
    with running(server):
        opener.open(server.gate.first_address).read()
        return {
            f"page: {name}": _median(partial(_load, opener, page + path))
            for name, path in _PAGES.items()
        }


def _load(opener: OpenerDirector, address: str) -> None:
    opener.open(address).read()


def _peak_kb() -> int:
    """Return this process's own peak; `ru_maxrss` would start with its parent's."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0])


def _median(task: Callable[[], object]) -> float:
    """Return the median processor time of some runs, after one that fills the caches."""
    task()
    seconds = []
    for _ in range(_REPEATS):
        began = time.process_time()
        task()
        seconds.append(time.process_time() - began)
    return statistics.median(seconds)


if __name__ == "__main__":
    main()
