"""The cost of the function's work in CPU seconds, measured in real processes.

`python -m bench` measures a drained pair's CPU; these are its parts, on the machine on which
docs/benchmarks was written. A call and a listing are measured by themselves; the rest of the pair
is divided by its requests, so that the cost of a request includes all the work around it.
"""

from __future__ import annotations

from tests.simulation.resources import Resources

# With the clients of the vendor's SDKs, and a new connection of TCP and TLS 1.3.
BASELINE = Resources(handshake_round_trips=2)
# With connections of our own.
OURS = BASELINE._replace(request=0.00036, listed_key=0.000009, call=0.0009, store_connections=128)
