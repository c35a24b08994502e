"""A separate process that imports a handler, gives it one event, and reports the outcome.

driver.py CODE_FOLDER MODULE   with {"event": ..., "context": ...} on stdin

The last line of stdout is the report. This file imports only what every handler imports anyway.
"""

import json
import sys
from importlib import import_module


def peak_kb() -> int:
    """Return the peak of this process's resident memory.

    getrusage would not do: its figure survives exec, so it would be the parent's.
    """
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


sys.path[0], module = sys.argv[1:]
work = json.load(sys.stdin)
result = import_module(module).main_handler(work["event"], work["context"])
print(json.dumps({"peak_kb": peak_kb(), "result": result}))
