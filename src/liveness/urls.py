"""Checks URLs that come from outside: requests may go only to hosts of COS, in one region."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_COS_HOST = re.compile(
    r"[a-z0-9][a-z0-9-]*\.cos\.(?P<region>[a-z0-9-]+)\.(myqcloud\.com|tencentcos\.cn)"
)


def cos_url_problem(url: str, scheme: str, region: str) -> str | None:
    """Return why this URL must not be used; None if it is https, or `scheme`, on COS in `region`.

    The face API works with objects in the request's region only (document 1061/44246).
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "its URL cannot be read"
    if parts.scheme not in ("https", scheme):
        return f"its URL is not {scheme}"
    match = _COS_HOST.fullmatch(host)
    if match is None or port is not None or parts.username is not None:
        return "its URL is not on a COS host"
    if match["region"] != region:
        return f"its URL is in another region than {region}"
    return None
