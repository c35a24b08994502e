"""The states that a search has visited, and what was left of its bounds in each.

All processes of a search share the table.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from typing import NamedTuple

_SLOTS = 1 << 27
_WORD = 8
# Bits of a word that hold the bounds; the others hold a part of the state's hash.
_MASK_BITS = 12


class Bounds(NamedTuple):
    """How many preemptions and faults one run has, or may still have."""

    preemptions: int
    faults: int


class VisitedStates:
    """A hash table in shared memory with one word per state.

    Processes that write concurrently may lose a word: then a state is searched twice, and none is
    left out. Two states that share 52 bits of their hashes would count as one.
    """

    def __init__(self, bounds: Bounds) -> None:
        """Raises ValueError for bounds too wide for a word."""
        every = [
            Bounds(preemptions, faults)
            for preemptions in range(bounds.preemptions + 1)
            for faults in range(bounds.faults + 1)
        ]
        if len(every) > _MASK_BITS:
            raise ValueError(f"{len(every)} pairs of bounds, at most {_MASK_BITS} are possible")
        self._bits = {left: 1 << number for number, left in enumerate(every)}
        self._at_least = {left: self._mask_of_at_least(left, every) for left in every}
        # The system allocates a page of this memory when it is written for the first time.
        self._words = memoryview(mmap.mmap(-1, _SLOTS * _WORD)).cast("Q")

    def _mask_of_at_least(self, left: Bounds, every: Sequence[Bounds]) -> int:
        wider = (
            other
            for other in every
            if other.preemptions >= left.preemptions and other.faults >= left.faults
        )
        return sum(self._bits[other] for other in wider)

    def add(self, state: int, left: Bounds) -> bool | None:
        """Record a visit with these bounds left.

        Return None if the state was visited with at least as much left, True if it is new.
        """
        words, slot = self._words, (state ^ state >> 29) % _SLOTS
        tag = (state << _MASK_BITS) & (1 << 64) - 1
        while (word := words[slot]) and word >> _MASK_BITS != tag >> _MASK_BITS:
            slot = (slot + 1) % _SLOTS
        if word & self._at_least[left]:
            return None
        words[slot] = tag | word | self._bits[left]
        return not word
