"""XML, as little of it as COS needs."""

from __future__ import annotations

from xml.sax.saxutils import escape


class Markup(str):
    """Text that is XML already."""


def element(name: str, *content: str | int | Markup) -> Markup:
    inner = "".join(part if isinstance(part, Markup) else escape(str(part)) for part in content)
    return Markup(f"<{name}>{inner}</{name}>")


def document(root: Markup) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8" ?>\n{root}'.encode()
