"""The entry point that the platform knows: `index.main_handler`."""

import gc
import sys
import time
import warnings

_began = time.process_time(), time.monotonic()
# What importing makes stays for good. Searching it for garbage, now and in every later collection,
# costs a cold start more than all code of this package (`make bench`).
gc.disable()

# The SDKs' HTTP library would import a guesser of character sets, a tenth of a cold start, and says
# that it is missing. What COS and the face API reply is UTF-8.
sys.modules["charset_normalizer"] = None  # type: ignore[assignment]  # so that importing it fails
warnings.filterwarnings("ignore", "Unable to find acceptable character detection dependency")

from typing import Any  # noqa: E402

from liveness.handler import Function  # noqa: E402

# All of the above is computing, so what it takes of the time is this instance's share of a core.
_share = (time.process_time() - _began[0]) / (time.monotonic() - _began[1])
_function = Function(cpu_share=_share)
gc.freeze()
gc.enable()


def main_handler(event: object, context: object) -> dict[str, Any]:
    """Handle one event; see liveness.handler.Function."""
    return _function(event, context)
