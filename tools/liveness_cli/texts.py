"""A text in the languages of `liveness` reports."""

from __future__ import annotations

from typing import NamedTuple

ENGLISH, CHINESE = "en", "zh"
LANGUAGES = (ENGLISH, CHINESE)


class Text(NamedTuple):
    """One text in both languages; `{name}` stands for a value."""

    en: str
    zh: str

    def in_language(self, language: str) -> str:
        return self.zh if language == CHINESE else self.en
