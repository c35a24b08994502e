"""`make package`: what is deployed, from `src/` and the pinned files of its dependencies.

Never deployed itself. The same inputs and the same Python 3.10 make the same bytes.
"""
