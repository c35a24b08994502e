"""What stands in a user's environment or home folder, and must not change a request."""

from __future__ import annotations

import os
from collections.abc import MutableMapping


def ignore_surroundings(environ: MutableMapping[str, str]) -> None:
    """Keep ~/.netrc from replacing signatures, and no_proxy from leading out of the sandbox.

    The HTTP library of the SDKs sends a password from ~/.netrc, if one fits the host or is the
    default, instead of the signature that it was given. Where requests go by plain HTTP they must
    go to the sandbox (settings.py refuses everything else), which is a proxy for the cloud's hosts.
    """
    environ["NETRC"] = os.devnull
    if environ.get("LIVENESS_ENDPOINT_SCHEME") == "http":
        for name in ("no_proxy", "NO_PROXY"):
            environ.pop(name, None)
