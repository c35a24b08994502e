"""Check that an instance has enough CPU for the rate. Pure."""

from __future__ import annotations

import math

from liveness.keys import drain_shards

from .facts import Facts, Unavailable
from .findings import Finding, failed, passed, skipped

# SCF documents that CPU grows with memory (583/9207), but not how. This is the figure that other
# platforms publish; `cpu_share` in the function's log is what an instance really has.
_MB_PER_CORE = 1769
# On a slower core than the one measured, on which a drained pair took 13 ms (make bench).
_CPU_SECONDS_PER_PAIR = 0.02
# memorySize must be a multiple of this (583/11637).
_MEMORY_STEP_MB = 128


def check_cpu(facts: Facts) -> Finding:
    deployed, settings = facts.deployed, facts.settings
    # Above the rate that one drainer can keep up, several share it.
    rate = settings.rate_limit / drain_shards(settings)
    if isinstance(deployed, Unavailable):
        return skipped("cpu", deployed)
    if deployed is None:
        return skipped("cpu", "the function does not exist")
    share = deployed.memory_mb / _MB_PER_CORE
    kept = share / _CPU_SECONDS_PER_PAIR
    finding = (
        f"{deployed.memory_mb} MB are about {share:.2f} of a core, enough for {kept:.1f} pairs/s"
    )
    if kept >= rate:
        return passed("cpu", finding)
    steps = math.ceil(rate * _CPU_SECONDS_PER_PAIR * _MB_PER_CORE / _MEMORY_STEP_MB)
    needed = steps * _MEMORY_STEP_MB
    return failed(
        "cpu",
        f"{finding} in one instance, and LIVENESS_RATE_LIMIT={settings.rate_limit:g} needs "
        f"{rate:g}",
        f"set memorySize in serverless.yml to {needed} or more, unless cpu_share in the event "
        "instance.started of the function's log shows that its share is larger",
    )
