"""Numbers in requests: ASCII digits, and no more of them than a valid number needs."""

from __future__ import annotations

import re

_DIGITS = re.compile(r"[0-9]{1,18}")


def whole_number(text: str | None) -> int | None:
    """Return the number that decimal digits stand for, or None for any other text.

    `str.isdigit` also accepts digits that `int` refuses, such as a superscript two.
    """
    return int(text) if text is not None and _DIGITS.fullmatch(text) else None
