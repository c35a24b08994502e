"""A world in which everything goes wrong, and the invariants of the design hold.

The real code of src/liveness runs in it unchanged, from `Function` on, in many instances, under
one clock and one seed. `python -m tests.simulation.storm --help` tells how to run it.

    fate.py         what can go wrong with one request
    decisions.py    who decides it: a seed, a script, an exhaustive search
    plan.py         what customers, the platform and operators do in one run
    bucket.py       the object store; service.py the face API
    instance.py     one instance: it can be killed, paused, and its clock may be wrong
    platform.py     the queue, its retries, the timers
    judge.py        the invariants, held against every step
    world.py        all of it together: one run
    shrink.py       a failing run made short; timeline.py makes it readable
    schedules.py    what was found so, and must not come back
    exhaustive.py   every crash point, every single fault, up to three preemptions
    stepped.py      a kernel for it, in which all is a choice; seen.py which states were met
    mutations.py    the code broken on purpose: each must be found
"""
