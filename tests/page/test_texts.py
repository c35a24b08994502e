"""The page's texts: complete in both languages, and all of them in use."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import liveness_review
from liveness_cli.texts import CHINESE, ENGLISH
from liveness_review.texts import TEXTS, Texts, preferred

PACKAGE = Path(liveness_review.__file__).parent
SOURCES = "".join(
    path.read_text(encoding="utf-8")
    for path in [*PACKAGE.glob("*.py"), *PACKAGE.glob("templates/*.html")]
    if path.name != "texts.py"
)
# The beginnings of keys of which the rest is a name from the data.
COMPOSED = (
    *re.findall(r"'(\w+_)' ~ ", SOURCES),
    *("status_", "reason_", "state_", "kind_", "cause_", "filter_"),
)


def test_both_languages_have_the_same_values() -> None:
    for key, text in TEXTS.items():
        assert text.en and text.zh, key
        values = [sorted(re.findall(r"{\w+}", each)) for each in text]
        assert values[0] == values[1], key


def test_every_text_is_used() -> None:
    unused = [
        key
        for key in TEXTS
        if not key.startswith(COMPOSED) and f"'{key}'" not in SOURCES and f'"{key}"' not in SOURCES
    ]
    assert unused == []


def test_a_name_that_is_new_is_shown_as_it_is() -> None:
    assert Texts(ENGLISH).known("status", "passed") == "Passed"
    assert Texts(CHINESE).known("status", "novel") == "novel"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", ENGLISH),
        ("zh-CN,zh;q=0.9,en;q=0.8", CHINESE),
        ("en-US,en;q=0.9,zh;q=0.8", ENGLISH),
        ("fr,zh;q=0.5,en;q=0.4", CHINESE),
        ("de", ENGLISH),
        ("zh;q=nonsense", ENGLISH),
        ("," * 1000, ENGLISH),
    ],
)
def test_the_browsers_language(header: str, language: str) -> None:
    assert preferred(header) == language
