"""One instance of a function: a process that handles one event at a time."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .deployment import Deployment
from .logs import RequestLogs, Stream
from .package import site_packages
from .status import Status, error

RESPONSE_BYTES = 6 * 1024 * 1024
_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
_CHUNK_BYTES = 65536
_TERMINATION_SECONDS = 2.0
_MEMORY_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Outcome:
    result: Any
    error: dict[str, Any] | None
    status: Status
    logs: RequestLogs
    max_rss_kb: int


class Worker:
    """A worker process, owned by the thread that took it from the idle list.

    Only `stop` and `kill` are thread-safe.
    """

    def __init__(
        self, deployment: Deployment, environment: Mapping[str, str], started: float
    ) -> None:
        self.started = started
        self.secret_id = environment.get("TENCENTCLOUD_SECRETID", "")
        options = deployment.options
        self._timeout_seconds = options.timeout_seconds
        self._memory_kb = options.memory_mb * 1024
        dependencies = options.dependencies
        if dependencies is None:
            dependencies = site_packages(options.python)
        request_out, self._requests = os.pipe()
        self._responses, response_in = os.pipe()
        command = [
            *(options.python, "-I", "-S", "-B", str(_BOOTSTRAP)),
            *(str(request_out), str(response_in), options.handler, str(deployment.code)),
            *map(str, dependencies),
        ]
        try:
            self._process = subprocess.Popen(
                command,
                cwd=deployment.code,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(request_out, response_in),
            )
        except OSError:
            os.close(self._requests)
            os.close(self._responses)
            raise
        finally:
            os.close(request_out)
            os.close(response_in)
        assert self._process.stdout is not None and self._process.stderr is not None
        self._stdout = self._process.stdout.fileno()
        self._stderr = self._process.stderr.fileno()
        for descriptor in (self._requests, self._responses, self._stdout, self._stderr):
            os.set_blocking(descriptor, False)
        self._stopping = False

    @property
    def alive(self) -> bool:
        """Whether the process runs and was not asked to stop."""
        return not self._stopping and self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def run(self, event: Any, context: Mapping[str, Any]) -> Outcome:
        """Send the event, wait for the response, and collect the logs."""
        exchange = _Exchange(json.dumps({"event": event, "context": context}).encode() + b"\n")
        limit_reached = self._exchange_until_done(
            exchange, time.monotonic() + self._timeout_seconds
        )
        if limit_reached is not None:
            self.stop(kill=True)
        exchange.drain(self._stdout, exchange.logs.stdout)
        exchange.drain(self._stderr, exchange.logs.stderr)
        response = exchange.response_document()
        peak_kb = response.get("maxRssKb", 0)
        if peak_kb > self._memory_kb:
            limit_reached = Status.MEMORY_LIMIT
        status, failure = self._status_of(response, limit_reached, len(exchange.response))
        if status in (Status.MEMORY_LIMIT, Status.PROCESS_EXIT, Status.LOAD_FAILURE):
            self.stop()
        result = response.get("result") if failure is None else None
        return Outcome(result, failure, status, exchange.logs, peak_kb)

    def _status_of(
        self, response: Mapping[str, Any], limit_reached: Status | None, size: int
    ) -> tuple[Status, dict[str, Any] | None]:
        if limit_reached is Status.TIME_LIMIT:
            message = f"Invoking task timed out after {self._timeout_seconds:g} seconds"
            return limit_reached, error(message, "TimeoutError")
        if limit_reached is Status.MEMORY_LIMIT:
            limit = self._memory_kb // 1024
            return limit_reached, error(f"Memory limit of {limit} MB reached", "MemoryLimitReached")
        if not response:
            # The response pipe ended without a response: the process has exited.
            message = "Process exited before completing request"
            return Status.PROCESS_EXIT, error(message, "ProcessExit")
        if "error" in response:
            loaded = not response.get("fatal")
            return Status.CODE_EXCEPTION if loaded else Status.LOAD_FAILURE, response["error"]
        if size > RESPONSE_BYTES:
            message = "The size of response exceeds the upper limit (6MB)"
            return Status.RESPONSE_TOO_LARGE, error(message, "ResponseTooLarge")
        return Status.SUCCESS, None

    def stop(self, kill: bool = False) -> None:
        """Terminate the process, and kill it if it does not exit in time."""
        self._stopping = True
        if self._process.poll() is not None:
            return
        if not kill:
            self._process.terminate()
            try:
                self._process.wait(_TERMINATION_SECONDS)
                return
            except subprocess.TimeoutExpired:
                pass
        self._process.kill()
        self._process.wait()

    def kill(self) -> None:
        """Send SIGKILL at any moment; to the thread that uses the worker it looks like a crash.

        A response that was already sent remains valid, but the worker gets no further events.
        """
        self._stopping = True
        self._process.kill()

    def close(self) -> None:
        """Close the pipes. The worker must not be used any more."""
        assert self._process.stdout is not None and self._process.stderr is not None
        self._process.stdout.close()
        self._process.stderr.close()
        os.close(self._requests)
        os.close(self._responses)

    def _exchange_until_done(self, exchange: _Exchange, deadline: float) -> Status | None:
        """Return None when the response is complete or the pipe ended, else the limit reached."""
        logs = {self._stdout: exchange.logs.stdout, self._stderr: exchange.logs.stderr}
        with selectors.DefaultSelector() as selector:
            selector.register(self._requests, selectors.EVENT_WRITE)
            for descriptor in (self._responses, *logs):
                selector.register(descriptor, selectors.EVENT_READ)
            while True:
                remaining = max(0.0, deadline - time.monotonic())
                ready = selector.select(min(remaining, _MEMORY_POLL_SECONDS))
                for key, _ in ready:
                    if key.fd == self._requests:
                        if exchange.write(self._requests):
                            selector.unregister(self._requests)
                    elif key.fd == self._responses:
                        if exchange.read_response(self._responses):
                            return None
                    elif not exchange.read_log(key.fd, logs[key.fd]):
                        selector.unregister(key.fd)
                if self._peak_kb() > self._memory_kb:
                    return Status.MEMORY_LIMIT
                if time.monotonic() >= deadline:
                    return Status.TIME_LIMIT

    def _peak_kb(self) -> int:
        """Return the peak memory, or 0 without /proc: then only the response reports it."""
        try:
            with open(f"/proc/{self.pid}/status", encoding="ascii", errors="replace") as status:
                return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
        except (OSError, StopIteration):
            return 0


class _Exchange:
    """The bytes of one invocation, in both directions."""

    def __init__(self, request: bytes) -> None:
        self.response = bytearray()
        self.logs = RequestLogs()
        self._unwritten = memoryview(request)

    def response_document(self) -> dict[str, Any]:
        """Return the response, which is empty if it is missing or incomplete."""
        if not self.response.endswith(b"\n"):
            return {}
        document: dict[str, Any] = json.loads(self.response)
        return document

    def write(self, descriptor: int) -> bool:
        """Write as much as possible, and return whether everything is written."""
        try:
            self._unwritten = self._unwritten[os.write(descriptor, self._unwritten) :]
        except BrokenPipeError:
            # The process has exited, which the response pipe will show.
            return True
        return not self._unwritten

    def read_response(self, descriptor: int) -> bool:
        """Read a chunk, and return whether the response is complete or the pipe ended."""
        chunk = os.read(descriptor, _CHUNK_BYTES)
        self.response += chunk
        return not chunk or chunk.endswith(b"\n")

    def read_log(self, descriptor: int, stream: Stream) -> bool:
        """Read a chunk, and return False at the end of the pipe."""
        chunk = os.read(descriptor, _CHUNK_BYTES)
        stream.feed(chunk)
        return bool(chunk)

    def drain(self, descriptor: int, stream: Stream) -> None:
        """Read what is in the pipe: everything that the process wrote before it responded."""
        try:
            while self.read_log(descriptor, stream):
                pass
        except BlockingIOError:
            pass
