"""Tables in docs/benchmarks, in both languages: measurements write them between two comments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from .table import aligned

DOCS = Path(__file__).parents[1] / "docs"
_PAGES = (("benchmarks.md", "en"), ("benchmarks.zh-CN.md", "zh"))
_END = "<!-- end -->"


class Text(NamedTuple):
    """A text of the table, in the languages of docs/."""

    en: str
    zh: str


class Section(NamedTuple):
    """A table with its own headings."""

    headings: tuple[Text, ...]
    lines: Sequence[tuple[Text, ...]]


def as_text(section: Section) -> str:
    """Render a table for a terminal."""
    return aligned([[cell.en for cell in line] for line in (section.headings, *section.lines)])


def as_markdown(section: Section, language: str) -> str:
    """Render a table for docs/; `language` is a field of Text."""
    rule = ("---",) * len(section.headings)
    cells = [[getattr(cell, language) for cell in line] for line in section.lines]
    lines = [[getattr(cell, language) for cell in section.headings], rule, *cells]
    return "\n".join(" ".join(f"| {cell}".strip() for cell in line) + " |" for line in lines)


def write(command: str, sections: Sequence[Section]) -> None:
    """Replace the text from the comment that names the command to the next end, in both pages.

    Raises SystemExit if a page lacks these comments.
    """
    begin_mark = f"<!-- written by `{command}` -->"
    for name, language in _PAGES:
        page = DOCS / name
        before, begin, rest = page.read_text(encoding="utf-8").partition(begin_mark)
        _, end, after = rest.partition(_END)
        if not begin or not end:
            raise SystemExit(f"{page} lacks {begin_mark} and {_END}")
        tables = "\n\n".join(as_markdown(section, language) for section in sections)
        page.write_text(f"{before}{begin}\n\n{tables}\n\n{end}{after}", encoding="utf-8")
