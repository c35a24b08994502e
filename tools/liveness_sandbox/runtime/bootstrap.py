"""The program of a worker process: load the handler, then process one event at a time.

    python -I -S -B bootstrap.py REQUEST_FD RESPONSE_FD HANDLER CODE_FOLDER [DEPENDENCIES ...]

Only the standard library and the given folders can be imported: with these flags the interpreter
ignores the environment, site-packages and .pth files.

Requests and responses are lines of JSON on pipes of their own, so that everything the handler
prints is log output. This file imports only the standard library, to run in any interpreter.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import resource
import site
import sys
import traceback
from collections.abc import Callable
from typing import Any

Handler = Callable[[Any, dict[str, Any]], Any]

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC
# Audit events of file-system changes, with how many of their first arguments are paths.
_CHANGES = {
    "os.chmod": 1,
    "os.chown": 1,
    "os.link": 2,
    "os.mkdir": 1,
    "os.remove": 1,
    "os.rename": 2,
    "os.rmdir": 1,
    "os.symlink": 2,
    "os.truncate": 1,
    "os.utime": 1,
}


def make_read_only(folder: str) -> None:
    """Reject changes to the folder as a read-only file system does, even for root.

    This covers changes by Python code, but not those by child processes or C extensions.
    """
    root = os.path.join(os.path.realpath(folder), "")

    def guard(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            paths = arguments[:1] if arguments[2] & _WRITING else ()
        elif event in _CHANGES:
            paths = arguments[: _CHANGES[event]]
        else:
            return
        for path in paths:
            if isinstance(path, (str, bytes, os.PathLike)):
                name = os.path.realpath(os.fsdecode(path))
                if os.path.join(name, "").startswith(root):
                    raise OSError(errno.EROFS, os.strerror(errno.EROFS), name)

    sys.addaudithook(guard)


def load(handler: str) -> Handler:
    module, _, name = handler.rpartition(".")
    function: Handler = getattr(importlib.import_module(module), name)
    return function


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
    """Return the peak of this program; `ru_maxrss` may include the peak of the forking process."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    request_fd, response_fd, handler_name, code, *dependencies = sys.argv[1:]
    sys.argv[1:] = []
    sys.path[:] = [code, *sys.path, *dependencies]
    site.setquit()  # `exit()` is the only part of site that code relies on
    make_read_only(code)
    # The last lines of a worker must not be lost if it is killed in the middle.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    with (
        os.fdopen(int(request_fd), encoding="utf-8") as requests,
        os.fdopen(int(response_fd), "w", encoding="utf-8") as responses,
    ):

        def respond(response: dict[str, Any]) -> None:
            # Flush the logs first: the parent reads their pipes when the response arrives.
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
