"""The real function in virtual time.

kernel.py        the clock and the scheduler
deterministic/   deterministic simulation testing: faults, and the invariants at every step
burst_world.py   bursts of uploads under the API's rate limit; baselines.py: what to compare with
resources.py     what an instance has: a share of a core, connections; how long things take
month_store.py   a bucket too large to be held; markers.py: a backlog from before
lasting_world.py what lasts: outages, refusals, inputs that never work
"""
