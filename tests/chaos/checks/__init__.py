"""What must hold. Every check tells what is wrong, under the names of the invariants.

Most is judged from the sandbox's side alone: what lies in the bucket, what the API counted, in
which order requests had their effects.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..bill import Bill
from ..scene import Scene
from . import calls, results, traces


def of_the_whole(scene: Scene, bills: Sequence[Bill]) -> list[str]:
    """Everything that must hold once all has come to rest."""
    return [
        *results.verdicts(scene),
        *results.frames(scene),
        *calls.bills(scene, bills),
        *calls.looked_before(scene),
        *calls.attempts(scene),
        *traces.places(scene),
        *traces.secrets(scene),
    ]
