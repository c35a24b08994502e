"""`make demo`: the review page, open on sixty fictional people, in a sandbox.

faces        draws the people
people       who they are, and the outcome for each
world        the sandbox with their uploads, results and a first few decisions
command      opens the page on it
screenshots  the page's pictures in the documents: `make screenshots`
"""
