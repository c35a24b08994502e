"""How fast work is done under the limit: with slow calls, little CPU, long backlogs, high rates.

    python -m bench.pacing --list
    python -m bench.pacing --quick --only goodput

cases.py     what is measured, and its targets: the functions may be called alone
reference.py what nothing can beat: an ideal queue, a queue of fixed service times (M/D/1)
measuring.py runs cases, and makes the table
baseline.py  the same figures of an earlier commit's function, in the same world
"""
