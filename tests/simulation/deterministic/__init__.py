"""Deterministic simulation testing of the function, fault injection included.

The code of src/liveness runs here unchanged, from `Function` on, as many instances in one thread.
Time is virtual: a clock, a scheduler, an object store, the face API and the platform are simulated,
and one seed draws everything that is left to chance. A seed therefore is a schedule: what
customers upload and when, which events are duplicated, delayed or lost, which requests meet a
fault, and in which order everything happens. An invariant checker watches every effect and stops
the run at the first violation of one of the invariants that docs/design.md defines. The same
seed makes the same run on any machine:

    python -m tests.simulation.deterministic seed 7

prints that run step by step, and reduces it to what it needs where it fails. `random` runs many
seeds, `exhaustive` runs every schedule within bounds, and `mutations` removes one safety of the
function after another (mutation testing): the checker must detect each.

    workload.py        what customers, the platform and operators do in one run
    faults.py          the faults that one request can meet
    conditions.py      what is wrong for longer: an outage, an account that is refused
    choices.py         who decides on faults: a seed or a script
    bucket.py          the object store; service.py: the face API
    instance.py        one instance: it can be killed and paused, and its clock may be wrong
    invocation.py      one invocation, as the store and the service see it
    platform.py        the event queue, its retries, the timers
    invariants.py      the invariant checker
    run.py             all of it together: one run
    seeds.py           many runs by seed
    shrink.py          reduces a failing run; timeline.py prints a run
    schedules.py       regressions: schedules that broke an invariant once; handovers.py: of drains
    exhaustive.py      every crash point, every single fault, every schedule within bounds
    choice_kernel.py   the scheduler of that search, in which every step is a choice
    visited.py         the states that the search has visited
"""
