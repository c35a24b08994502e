"""The real function in virtual time.

kernel.py        the clock and the scheduler
deterministic/   deterministic simulation testing: faults, and the invariants at every step
burst_world.py   bursts of uploads under the API's rate limit; baselines.py: what to compare with
"""
