"""XML, as little of it as COS needs: written, and read."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.sax.saxutils import escape


class Markup(str):
    """Text that is XML already."""


def element(name: str, *content: str | int | Markup) -> Markup:
    inner = "".join(part if isinstance(part, Markup) else escape(str(part)) for part in content)
    return Markup(f"<{name}>{inner}</{name}>")


def document(root: Markup) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8" ?>\n{root}'.encode()


def parsed(text: bytes, root: str) -> ElementTree.Element | None:
    """The root element, if the text is XML with such a root. Its namespace does not matter."""
    try:
        tree = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, LookupError):  # also of an unheard-of encoding
        return None
    for each in tree.iter():
        each.tag = each.tag.rpartition("}")[2]
    return tree if tree.tag == root else None
