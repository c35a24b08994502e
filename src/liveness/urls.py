"""URLs that come from outside: no request goes to any host but those of COS."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_COS_HOST = re.compile(r"[a-z0-9][a-z0-9-]*\.cos\.[a-z0-9-]+\.(myqcloud\.com|tencentcos\.cn)")


def cos_url_problem(url: str, scheme: str) -> str | None:
    """Return why this URL must not be used; None if it is https, or `scheme`, on a COS host."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "its URL cannot be read"
    if parts.scheme not in ("https", scheme):
        return f"its URL is not {scheme}"
    if not _COS_HOST.fullmatch(host) or port is not None or parts.username is not None:
        return "its URL is not on a COS host"
    return None
