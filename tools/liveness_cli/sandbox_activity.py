"""What happens in a running sandbox: uploads, wake-ups, verdicts, refusals and faults.

Lines on standard error; if that is a terminal, a view with counts and the last lines.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .terminal import echo
from .text import pluralize, printable

if TYPE_CHECKING:
    from liveness_sandbox import Invocation, RequestRecord, Sandbox

_POLL_SECONDS = 0.2
_SHOWN_LINES = 12
_LABEL_WIDTH = 10
_REFUSED = (401, 403)
_UPLOADS = ("PUT", "POST")

Print = Callable[[str], None]


class Activity:
    """Collects what is new in a sandbox; `counts` says how often each kind happened."""

    def __init__(self, sandbox: Sandbox, input_prefix: str, *, log: bool) -> None:
        self._sandbox = sandbox
        self._input_prefix = input_prefix
        self._log = log
        self._requests = len(sandbox.requests)
        self._invocations: Counter[str] = Counter()
        self._hits: dict[str, int] = {}
        self.counts: Counter[str] = Counter()

    def news(self) -> Iterator[str]:
        """Yield a line for each thing that happened since the last time."""
        yield from self._of_requests()
        for function in self._sandbox.functions:
            invocations = function.invocations
            for invocation in invocations[self._invocations[function.name] :]:
                yield from self._of_invocation(invocation)
            self._invocations[function.name] = len(invocations)
        for fault in self._sandbox.faults.snapshot():
            struck = fault.hits - self._hits.get(fault.id, 0)
            self._hits[fault.id] = fault.hits
            if struck:
                self.counts["fault"] += struck
                yield _line(
                    "fault", f"number {fault.id} struck, {pluralize(fault.hits, 'time')} so far"
                )

    def _of_requests(self) -> Iterator[str]:
        requests = self._sandbox.requests
        for index in range(self._requests, len(requests)):
            request = requests[index]
            if request.ended is None:
                break  # look again once it has a status
            self._requests = index + 1
            kind, text = self._of_request(request)
            if kind:
                self.counts[kind] += 1
                yield _line(kind, text)

    def _of_request(self, request: RequestRecord) -> tuple[str, str]:
        """Return kind and text; both are empty if it is not shown."""
        what = request.action or f"{request.method} {request.key or request.bucket}"
        if request.status in _REFUSED:
            return "refused", f"{what}: {request.status} {request.error_code}".rstrip()
        is_input = request.service == "cos" and request.key.startswith(self._input_prefix)
        if is_input and request.method in _UPLOADS and request.status == 200:
            return "uploaded", f"{request.key}, {request.bytes_in:,} bytes"
        return "", ""

    def _of_invocation(self, invocation: Invocation) -> Iterator[str]:
        took = f"{invocation.duration_seconds:.2f} s{', cold start' if invocation.cold else ''}"
        outcomes = list(_outcomes(invocation))
        self.counts["woken"] += 1
        for status in _statuses(invocation):
            self.counts[status] += 1
        if outcomes:  # a timer that found nothing to do is only counted
            yield _line("woken", f"{_cause(invocation.event)}: {'; '.join(outcomes)} ({took})")
        if self._log:
            yield from (_line("log", line) for line in invocation.logs)


@contextmanager
def watching(
    sandbox: Sandbox, input_prefix: str, *, log: bool, print_line: Print | None = None
) -> Iterator[None]:
    """Show what happens until the `with` ends."""
    activity = Activity(sandbox, input_prefix, log=log)
    stop = threading.Event()
    thread = threading.Thread(
        target=_show, args=(activity, stop, print_line), name="sandbox-activity", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _show(activity: Activity, stop: threading.Event, print_line: Print | None) -> None:
    if print_line is None and sys.stderr.isatty():
        _show_live(activity, stop)
        return
    show = print_line or (lambda line: echo(line, err=True))
    is_last = False
    while not is_last:
        is_last = stop.wait(_POLL_SECONDS)
        for line in activity.news():
            show(f"{time.strftime('%H:%M:%S')} {line}")


def _show_live(activity: Activity, stop: threading.Event) -> None:
    """Keep counts and the last lines on the terminal."""
    from rich.console import Console
    from rich.live import Live

    lines: deque[str] = deque(maxlen=_SHOWN_LINES)
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    with Live(view_of(activity.counts, ()), console=console, refresh_per_second=4) as live:
        is_last = False
        while not is_last:
            is_last = stop.wait(_POLL_SECONDS)
            lines.extend(f"{time.strftime('%H:%M:%S')} {line}" for line in activity.news())
            live.update(view_of(activity.counts, lines))


def view_of(counts: Counter[str], lines: Sequence[str] | deque[str]) -> Any:
    """Make the view of a terminal: one line of counts, and the last lines."""
    from rich.console import Group
    from rich.text import Text

    summary = ", ".join(f"{kind} {count:,}" for kind, count in counts.items()) or "nothing yet"
    rows = [Text(printable(line), no_wrap=True, overflow="ellipsis") for line in lines]
    return Group(Text(f"Happened: {summary} (Ctrl-C ends the sandbox)", style="bold"), *rows)


def _line(kind: str, text: str) -> str:
    return f"{kind:<{_LABEL_WIDTH}}{text}"


def _cause(event: Any) -> str:
    """Say what woke the function."""
    try:
        keys = [record["cos"]["cosObject"]["key"] for record in event["Records"]]
        return "by " + ", ".join(key.split("/", 3)[3] for key in keys)
    except (KeyError, TypeError, IndexError, AttributeError):
        pass
    if not isinstance(event, dict):
        return "by an event"
    return f"by the timer {event['Message']}" if event.get("Type") == "Timer" else "by a call"


def _outcomes(invocation: Invocation) -> Iterator[str]:
    if invocation.error is not None:
        yield f"{invocation.error['errorType']}: {invocation.error['errorMessage']}"
        return
    result = invocation.result if isinstance(invocation.result, dict) else {}
    for pair in _list(result.get("pairs")):
        verdict = f" {pair['status']}" if pair.get("status") else ""
        detail = f" ({pair['detail']})" if pair.get("detail") else ""
        yield f"{pair.get('pair_id')} {pair.get('state')}{verdict}{detail}"
    for record in _list(result.get("skipped")):
        yield f"{record.get('kind')}: {record.get('reason')}"
    for name in ("drain", "reconcile"):
        done = result.get(name)
        if isinstance(done, dict) and (counted := _counted(done)):
            yield f"{name}: {counted}"


def _counted(summary: dict[str, Any]) -> str:
    """Return what a drain or a reconcile did; empty if it found nothing to do."""
    counts = {name: n for name, n in summary.items() if isinstance(n, int) and n is not True and n}
    counts.pop("keys", None)  # listed by every pass
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _statuses(invocation: Invocation) -> list[str]:
    result = invocation.result if isinstance(invocation.result, dict) else {}
    pairs = _list(result.get("pairs"))
    return [str(pair["status"]) for pair in pairs if pair.get("state") == "published"]


def _list(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
