"""Writing and reading the subset of XML that COS needs."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.sax.saxutils import escape


class Markup(str):
    """Text that is already XML."""


def element(name: str, *content: str | int | Markup) -> Markup:
    inner = "".join(part if isinstance(part, Markup) else escape(str(part)) for part in content)
    return Markup(f"<{name}>{inner}</{name}>")


def document(root: Markup) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8" ?>\n{root}'.encode()


def parsed(text: bytes, root: str) -> ElementTree.Element | None:
    """Return the root element if the text is XML with this root. Namespaces are ignored."""
    try:
        tree = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, LookupError):  # including an unknown encoding
        return None
    for each in tree.iter():
        each.tag = each.tag.rpartition("}")[2]
    return tree if tree.tag == root else None
