"""The entry point that the platform knows: `index.main_handler`."""

import gc

# What importing makes stays for good. Searching it for garbage, now and in every later collection,
# costs a cold start more than all code of this package (`make bench`).
gc.disable()

from typing import Any  # noqa: E402

from liveness.handler import Function  # noqa: E402

_function = Function()
gc.freeze()
gc.enable()


def main_handler(event: object, context: object) -> dict[str, Any]:
    """Handle one event; see liveness.handler.Function."""
    return _function(event, context)
