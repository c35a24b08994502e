"""Handle pairs in this process, and print the CPU milliseconds that each of them took.

The command line names the folder of the code, and `event` or `drain`; stdin holds the events of the
pairs. The first one is not measured: it opens connections and makes late imports.
"""

from __future__ import annotations

import json
import sys
import time

sys.path.insert(0, sys.argv[1])

from liveness.handler import Function

CONTEXT = {"time_limit_in_ms": 890_000}


def main() -> None:
    function = Function(write=lambda line: None)
    first, *events = json.load(sys.stdin)
    function(first, CONTEXT)
    if sys.argv[2] == "event":
        began = time.process_time()
        for event in events:
            function(event, CONTEXT)
        done = len(events)
    else:
        function({"reconcile": {}}, CONTEXT)  # parks them
        began = time.process_time()
        drained = function({"drain": {}}, CONTEXT)["drain"]["ended"]
        done = drained["published"]
    print((time.process_time() - began) / done * 1000)


main()
