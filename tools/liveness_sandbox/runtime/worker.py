"""One instance of a function: a process that works on one event at a time."""

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

_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
_PIECE_BYTES = 65536
_TERMINATION_S = 2.0


@dataclass(frozen=True)
class Outcome:
    result: Any
    error: dict[str, Any] | None
    stdout: str
    stderr: str
    max_rss_kb: int


class Worker:
    """Not thread-safe, but for `stop`: whoever took it from the idle ones has it alone."""

    def __init__(
        self, python: str, code: Path, handler: str, environment: Mapping[str, str]
    ) -> None:
        request_out, self._requests = os.pipe()
        self._responses, response_in = os.pipe()
        command = [python, str(_BOOTSTRAP), str(code), handler, str(request_out), str(response_in)]
        try:
            self._process = subprocess.Popen(
                command,
                cwd=code,
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
        self.alive = True

    @property
    def pid(self) -> int:
        return self._process.pid

    def run(self, event: Any, context: Mapping[str, Any], timeout_s: float) -> Outcome:
        """Hand the event over, wait for the response, gather the logs."""
        exchange = _Exchange(json.dumps({"event": event, "context": context}).encode() + b"\n")
        finished = self._converse(exchange, time.monotonic() + timeout_s)
        if not finished:
            self.stop(kill=True)
        exchange.drain(self._stdout, self._stderr)
        response: dict[str, Any] = {}
        if exchange.response.endswith(b"\n"):
            response = json.loads(exchange.response)
        elif finished:
            # The response pipe ended without a response: the process is gone [platform status 439].
            response = {
                "error": _error("Process exited before completing request", "ProcessExit"),
                "fatal": True,
            }
        else:
            # [platform status 433]
            response = {
                "error": _error(
                    f"Invoking task timed out after {timeout_s:g} seconds", "TimeoutError"
                )
            }
        if response.get("fatal"):
            self.stop()
        return Outcome(
            response.get("result"),
            response.get("error"),
            exchange.logs[self._stdout].decode(errors="replace"),
            exchange.logs[self._stderr].decode(errors="replace"),
            response.get("maxRssKb", 0),
        )

    def stop(self, kill: bool = False) -> None:
        """Terminate, then kill, by pid."""
        self.alive = False
        if self._process.poll() is not None:
            return
        if not kill:
            self._process.terminate()
            try:
                self._process.wait(_TERMINATION_S)
                return
            except subprocess.TimeoutExpired:
                pass
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Give the pipes back; nobody uses the worker any more."""
        assert self._process.stdout is not None and self._process.stderr is not None
        self._process.stdout.close()
        self._process.stderr.close()
        os.close(self._requests)
        os.close(self._responses)

    def _converse(self, exchange: _Exchange, deadline: float) -> bool:
        """True when the response pipe said all it has to say, False when time was up."""
        exchange.logs = {self._stdout: bytearray(), self._stderr: bytearray()}
        with selectors.DefaultSelector() as selector:
            selector.register(self._requests, selectors.EVENT_WRITE)
            for descriptor in (self._responses, self._stdout, self._stderr):
                selector.register(descriptor, selectors.EVENT_READ)
            while True:
                ready = selector.select(max(0.0, deadline - time.monotonic()))
                if not ready and time.monotonic() >= deadline:
                    return False
                for key, _ in ready:
                    if key.fd == self._requests:
                        if exchange.write(self._requests):
                            selector.unregister(self._requests)
                    elif key.fd == self._responses:
                        if exchange.read_response(self._responses):
                            return True
                    elif not exchange.read_log(key.fd):
                        selector.unregister(key.fd)


class _Exchange:
    """The bytes of one invocation, both ways."""

    def __init__(self, request: bytes) -> None:
        self.response = bytearray()
        self.logs: dict[int, bytearray] = {}
        self._left = memoryview(request)

    def write(self, descriptor: int) -> bool:
        """True when there is no more to write."""
        try:
            self._left = self._left[os.write(descriptor, self._left) :]
        except BrokenPipeError:
            # It died; the response pipe will tell.
            return True
        return not self._left

    def read_response(self, descriptor: int) -> bool:
        """True when the response is complete, or will never be."""
        piece = os.read(descriptor, _PIECE_BYTES)
        self.response += piece
        return not piece or piece.endswith(b"\n")

    def read_log(self, descriptor: int) -> bool:
        """False at the end of the pipe."""
        piece = os.read(descriptor, _PIECE_BYTES)
        self.logs[descriptor] += piece
        return bool(piece)

    def drain(self, *descriptors: int) -> None:
        """What the process wrote before it responded is in the pipes already."""
        for descriptor in descriptors:
            try:
                while self.read_log(descriptor):
                    pass
            except BlockingIOError:
                pass


def _error(message: str, kind: str) -> dict[str, Any]:
    return {"errorMessage": message, "errorType": kind, "stackTrace": []}
