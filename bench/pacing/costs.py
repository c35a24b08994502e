"""What the function's work costs, in seconds of a core: measured in real processes.

`python -m bench` measures a pair's CPU; these are its parts, of the machine on which
docs/benchmarks was written.
"""

from __future__ import annotations

from tests.simulation.resources import Resources

# With the vendor's SDK for COS, and a new connection of TCP and TLS 1.3.
BASELINE = Resources(handshake_round_trips=2)
# With connections of our own for COS.
OURS = BASELINE._replace(request=0.00036, listed_key=0.000012)
