"""What the function's work costs, in seconds of a core: measured in real processes.

`python -m bench` measures a drained pair's CPU; these are its parts, of the machine on which
docs/benchmarks was written: a call and a listing by themselves, and what remains of the pair
divided by its requests, so that a request's part has all that is done around it.
"""

from __future__ import annotations

from tests.simulation.resources import Resources

# With the clients of the vendor's SDKs, and a new connection of TCP and TLS 1.3.
BASELINE = Resources(handshake_round_trips=2)
# With connections of our own.
OURS = BASELINE._replace(request=0.00036, listed_key=0.000009, call=0.0009, store_connections=128)
