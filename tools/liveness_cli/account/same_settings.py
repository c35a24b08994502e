"""Whether the deployed function and a command work on the same objects. Pure."""

from __future__ import annotations

from liveness.settings import Settings, read_settings

from .function import Configuration

_SANDBOX = "http://127.0.0.1"
# The settings in which both must agree.
_LOCATIONS = (
    "bucket",
    "result_bucket",
    "ledger_bucket",
    "input_prefix",
    "result_prefix",
    "frame_prefix",
    "ledger_prefix",
    "live_suffixes",
    "image_suffixes",
    "transfer",
)


def different_settings(deployed: Configuration, settings: Settings) -> list[str]:
    """Return the variables in which the function's settings differ from a command's.

    Raises SettingsError if the function's are invalid.
    """
    environ = {
        name: value for name, value in deployed.environment.items() if name.startswith("LIVENESS_")
    }
    environ["TENCENTCLOUD_REGION"] = settings.region
    if settings.endpoint_scheme == "http":
        environ["http_proxy"] = _SANDBOX  # as the sandbox that we talk to gives the function
    theirs = read_settings(environ)
    return [
        f"LIVENESS_{name.upper()}"
        for name in _LOCATIONS
        if getattr(theirs, name) != getattr(settings, name)
    ]
