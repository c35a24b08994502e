"""The entry point that the platform knows: `index.main_handler`."""

from typing import Any

from liveness.handler import Function

_function = Function()


def main_handler(event: object, context: object) -> dict[str, Any]:
    """Handle one event; see liveness.handler.Function."""
    return _function(event, context)
