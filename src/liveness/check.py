"""The self-check of a new version, run before it gets traffic: it writes and pays for nothing.

That it runs at all shows that the code can be imported and that the settings are valid.
"""

from __future__ import annotations

from .context import Context
from .errors import ConfigurationError
from .face_api import Answer, DetectRequest
from .keys import control_key, marker_prefix, result_key
from .verdict_table import CONFIGURATION
from .verdicts import outcome_of

# Refusals of the parameters: they show that the action, the key and the region were accepted.
_EXPECTED = ("InvalidParameter", "InvalidParameterValue", "MissingParameter")
_PROBE = DetectRequest("", "", "", "")
_SECONDS = 15.0
_NO_PAIR = ".liveness-control"


def check(ctx: Context) -> dict[str, object]:
    """Read from every bucket and call the face API without inputs, which is free.

    Returns what was reached. Raises ConfigurationError, StoreUnavailableError.
    """
    settings, store = ctx.settings, ctx.store
    store.head(settings.bucket, control_key(settings))
    store.head(settings.result_bucket, result_key(settings, _NO_PAIR))
    # Unlike a HEAD, a listing tells a bucket that does not exist from a key that does not.
    for bucket in sorted({settings.bucket, settings.result_bucket, settings.ledger_bucket}):
        store.list(bucket, marker_prefix(settings), "")
    answer = ctx.face.detect(_PROBE, _SECONDS, lambda late: None)
    if not isinstance(answer, Answer):
        raise ConfigurationError(f"the face API cannot be reached: {answer.reason}")
    family = answer.code.partition(".")[0]
    if family not in _EXPECTED and outcome_of(answer.code).category == CONFIGURATION:
        raise ConfigurationError(f"the face API refuses: {answer.code} {answer.description}")
    return {"buckets": "readable", "face_api": answer.code}
