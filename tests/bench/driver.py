"""Runs in a process of its own: import a handler, hand it one event, tell what came of it.

driver.py CODE_FOLDER MODULE   with {"event": ..., "context": ...} on stdin

The last line of stdout is the report. Only what every handler imports anyway is imported here.
"""

import json
import sys
from importlib import import_module


def peak_kb() -> int:
    """The most memory this process ever had resident.

    Not getrusage: that figure outlives exec, so it would be the parent's.
    """
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


sys.path[0], module = sys.argv[1:]
work = json.load(sys.stdin)
result = import_module(module).main_handler(work["event"], work["context"])
print(json.dumps({"peak_kb": peak_kb(), "result": result}))
