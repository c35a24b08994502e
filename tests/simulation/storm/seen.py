"""Which states a search has met, and how much might still go wrong in each. Processes share it."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from typing import NamedTuple

_SLOTS = 1 << 27
_WORD = 8
# Of a word, the rest being a part of the state's hash.
_MASK_BITS = 12


class Bounds(NamedTuple):
    """How much goes wrong in one run, or may still."""

    preemptions: int
    faults: int


class Seen:
    """A hash table in shared memory, one word a state.

    Processes that write at once may lose a word: then a state is searched twice, and none is
    missed. Two states that share 52 bits would be taken for one.
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
        self._as_much = {left: self._all(left, every) for left in every}
        # Memory is taken as it is written to.
        self._words = memoryview(mmap.mmap(-1, _SLOTS * _WORD)).cast("Q")

    def _all(self, left: Bounds, every: Sequence[Bounds]) -> int:
        more = (
            other
            for other in every
            if other.preemptions >= left.preemptions and other.faults >= left.faults
        )
        return sum(self._bits[other] for other in more)

    def add(self, state: int, left: Bounds) -> bool | None:
        """None where it was met with as much left, True where it was never met."""
        words, place = self._words, (state ^ state >> 29) % _SLOTS
        print_ = (state << _MASK_BITS) & (1 << 64) - 1
        while (word := words[place]) and word >> _MASK_BITS != print_ >> _MASK_BITS:
            place = (place + 1) % _SLOTS
        if word & self._as_much[left]:
            return None
        words[place] = print_ | word | self._bits[left]
        return not word
