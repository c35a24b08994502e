"""Everything that touches an SDK, a clock, a thread or the network; the core imports none of it.

Only handler.py, which wires the function together, imports this package.
"""
