"""Runs inside a worker process: load the handler, then work on one event at a time.

    bootstrap.py CODE_FOLDER HANDLER REQUEST_FD RESPONSE_FD

Requests and responses are lines of JSON over pipes of their own, so that whatever the handler
prints is log and nothing else. Only the standard library is imported: any interpreter must do.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import traceback
from collections.abc import Callable
from typing import Any

Handler = Callable[[Any, dict[str, Any]], Any]


def load(handler: str) -> Handler:
    module, _, name = handler.rpartition(".")
    found: Handler = getattr(importlib.import_module(module), name)
    return found


def failure(error: BaseException) -> dict[str, Any]:
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "stackTrace": [
            [f.filename, f.lineno, f.name, f.line]
            for f in traceback.extract_tb(error.__traceback__)
        ],
    }


def invoke(handler: Handler, event: Any, context: dict[str, Any]) -> dict[str, Any]:
    try:
        result = handler(event, context)
        json.dumps(result)
    except Exception as error:
        traceback.print_exc()
        return {"error": failure(error)}
    return {"result": result}


def peak_memory_kb() -> int:
    """Of this program alone: `ru_maxrss` would begin at the peak of the process that forked it."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    code, handler_name, request_fd, response_fd = sys.argv[1:]
    sys.argv[1:] = []
    sys.path[0] = code
    # A worker that is killed in the middle must not take its last lines with it.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    with (
        os.fdopen(int(request_fd), encoding="utf-8") as requests,
        os.fdopen(int(response_fd), "w", encoding="utf-8") as responses,
    ):

        def respond(response: dict[str, Any]) -> None:
            # The logs first: the parent takes what is in their pipes once the response is there.
            sys.stdout.flush()
            sys.stderr.flush()
            response["maxRssKb"] = peak_memory_kb()
            responses.write(json.dumps(response) + "\n")
            responses.flush()

        try:
            handler = load(handler_name)
        except Exception as error:
            traceback.print_exc()
            respond({"error": failure(error), "fatal": True})
            return
        for line in requests:
            request = json.loads(line)
            respond(invoke(handler, request["event"], request["context"]))


if __name__ == "__main__":
    main()
