"""The speed of work under the limit: with slow calls, little CPU, long backlogs, high rates.

    python -m bench.pacing --list
    python -m bench.pacing --quick --only goodput

cases.py     the measurements and their targets; the functions may be called alone
reference.py theoretical bounds: an ideal queue, a queue with fixed service times (M/D/1)
measuring.py runs cases, and makes the table
baseline.py  the same figures of an earlier commit's function, in the same world
"""
