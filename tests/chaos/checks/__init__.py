"""What must hold in a run. Every check returns problems, by the numbers of the invariants.

Most is judged from the sandbox's side alone: which objects the bucket holds, which calls the API
counted, in which order requests had their effects.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..billing import Bill
from ..run_record import RunRecord
from . import calls, results, traces


def check_end(run: RunRecord, bills: Sequence[Bill]) -> list[str]:
    """Check everything that must hold once the run has come to rest."""
    return [
        *results.check_i1_verdicts(run),
        *results.check_i4_frames(run),
        *calls.check_i2_bills(run, bills),
        *calls.check_i3_response_was_read_before_each_call(run),
        *calls.check_i2_attempts(run),
        *traces.check_i5_objects(run),
        *traces.check_i6_secrets(run),
    ]
