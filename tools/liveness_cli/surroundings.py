"""Parts of a user's environment or home folder that must not change a request."""

from __future__ import annotations

import os
from collections.abc import MutableMapping


def ignore_surroundings(environ: MutableMapping[str, str]) -> None:
    """Keep ~/.netrc from replacing signatures, and no_proxy from leading out of the sandbox.

    If ~/.netrc has a password for the host or a default one, the HTTP library of the SDKs sends it
    instead of the signature that it was given. Requests over plain HTTP must go to the sandbox
    (settings.py refuses everything else), which is a proxy for the cloud's hosts.
    """
    environ["NETRC"] = os.devnull
    if environ.get("LIVENESS_ENDPOINT_SCHEME") == "http":
        for name in ("no_proxy", "NO_PROXY"):
            environ.pop(name, None)
