"""Which liveness packages a pair had, by the MD5s in its objects. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from liveness.keys import LIVE

_MD5 = re.compile(r"[0-9a-f]{32}")


def md5s_of_response(record: Mapping[str, Any]) -> set[str]:
    """Return the MD5 in a response record, or a late one, of the package that was judged."""
    digests = record.get("digests")
    of_live = digests.get(LIVE) if isinstance(digests, dict) else None
    of_live = of_live if isinstance(of_live, dict) else {}
    return valid_md5s([of_live.get("md5")])


def md5s_of_submission(record: Mapping[str, Any]) -> set[str]:
    """Return the MD5 in `submissions/<pair hash>/<n>` of the package of that content."""
    return valid_md5s([record.get("package_md5")])


def md5s_of_result(result: Mapping[str, Any]) -> set[str]:
    """Return the MD5s in a `result.json` of its packages."""
    inputs = result.get("inputs")
    items = [item for item in inputs if isinstance(item, dict)] if isinstance(inputs, list) else []
    return valid_md5s(item.get("md5") for item in items if item.get("role") == LIVE)


def valid_md5s(md5s: Iterable[object]) -> set[str]:
    """Keep MD5s in lower case: nothing else can be part of a key."""
    return {md5 for md5 in md5s if isinstance(md5, str) and _MD5.fullmatch(md5)}
