"""What the README names is there, and its two languages say the same."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

from liveness.logs import EVENTS
from liveness.settings import _NAMES, read_settings
from liveness_cli.main import main
from liveness_cli.permissions.roles import policy_of, printed

ROOT = Path(__file__).parents[2]
OWN = {"TENCENTCLOUD_REGION": "ap-singapore", "LIVENESS_BUCKET": "faces-1250000000"}
DRAWING = "text"  # what stands after the fence of a block that is translated


class Block(NamedTuple):
    """A fenced block: what stands after its fence, and its lines, which a list may indent."""

    info: str
    lines: list[str]


class Section(NamedTuple):
    """From a heading to the next one; the text is without code blocks."""

    level: int
    heading: str
    text: str

    def code(self) -> list[str]:
        return re.findall(r"`([^`\n]+)`", self.text)

    def tables(self) -> list[list[int]]:
        """Of every table, how many cells each of its rows has."""
        return [
            [len(re.split(r"(?<!\\)\|", row)) for row in table.splitlines()]
            for table in re.findall(r"(?:^\|.*\n)+", self.text + "\n", re.MULTILINE)
        ]


class Readme:
    def __init__(self, name: str) -> None:
        self.name = name
        self.text = (ROOT / name).read_text(encoding="utf-8")
        fenced = re.compile(r"^( *)```(\w*)\n(.*?)^\1```\n", re.MULTILINE | re.DOTALL)
        self.blocks = [
            Block(info, [line.removeprefix(indent) for line in body.splitlines()])
            for indent, info, body in fenced.findall(self.text)
        ]
        parts = re.split(r"^(#+) (.+)\n", fenced.sub("", self.text), flags=re.MULTILINE)
        assert parts[0] == ""
        self.sections = [
            Section(len(marks), heading, text)
            for marks, heading, text in zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
        ]

    def table(self, *first_cells: str) -> dict[str, list[str]]:
        """The table whose header begins so: first cell without ticks, then the others."""
        head = "| " + " | ".join(first_cells) + " |"
        lines = self.text[self.text.index(head) :].split("\n\n")[0].splitlines()[2:]
        rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
        return {row[0].strip("` "): row[1:] for row in rows}

    def links(self) -> Iterator[str | int]:
        """Where its links lead, but for the one to the other language; a heading by its place."""
        anchors = [anchor(section.heading) for section in self.sections]
        for target in re.findall(r"\]\(([^)]+)\)", self.text):
            if target.startswith("#"):
                assert target[1:] in anchors, target
                yield anchors.index(target[1:])
            elif not target.startswith("README."):
                yield target

    def commands(self, program: str) -> Iterator[list[str]]:
        """What is said or shown to be typed after the program's name, as words."""
        lines = [line.removeprefix("$ ") for block in self.blocks for line in block.lines]
        for text in [*lines, *(code for section in self.sections for code in section.code())]:
            if text.startswith(f"{program} "):
                yield re.split(r" [>|&]", text)[0].split()[len(program.split()) :]


def anchor(heading: str) -> str:
    """The name under which GitHub lets a heading be linked to."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


ENGLISH, CHINESE = Readme("README.md"), Readme("README.zh-CN.md")
either = pytest.mark.parametrize("readme", [ENGLISH, CHINESE], ids=lambda readme: readme.name)


def test_every_log_event_is_listed() -> None:
    listed = {name: row[0] for name, row in ENGLISH.table("event", "meaning").items()}
    assert listed == EVENTS


def test_every_setting_is_listed_with_its_default() -> None:
    rows = ENGLISH.table("variable", "default", "meaning")
    assert set(rows) == {f"LIVENESS_{name}" for name in _NAMES}
    given = {
        name: row[0].strip("`").replace("LIVENESS_BUCKET", OWN["LIVENESS_BUCKET"])
        for name, row in rows.items()
        if row[0] != "none"
    }
    assert read_settings(OWN | given) == read_settings(OWN)


def test_the_policy_that_it_shows_is_the_one_that_is_printed() -> None:
    lines = printed(policy_of("app", read_settings(OWN))).splitlines()
    assert Block("", ["$ liveness policies --role app", *lines]) in ENGLISH.blocks


@either
def test_the_files_it_names_are_there(readme: Readme) -> None:
    links = [target for target in readme.links() if isinstance(target, str)]
    named = re.findall(r"`((?:src|tools|tests|docs|events)/[^`\s]*)`", readme.text)
    tree = [line for block in readme.blocks for line in block.lines if line.startswith("tests/")]
    folders = [
        f"tests/{name}" for line in tree for name in line[6:].split("  ")[0].strip().split(", ")
    ]
    assert len(links) > 5 and len(named) > 5 and len(folders) > 5
    for target in (*links, *named, *folders):
        assert (ROOT / target).exists(), target


@either
def test_the_commands_it_names_are_there(readme: Readme) -> None:
    liveness = list(readme.commands("liveness"))
    assert {words[0] for words in liveness} == set(main.commands)
    for name, *words in liveness:
        known = {option for param in main.commands[name].params for option in param.opts}
        assert {word for word in words if word.startswith("--")} <= known, (name, words)

    makefile = (ROOT / "Makefile").read_text()
    targets = {words[0] for words in readme.commands("make")}
    assert {"run", "test"} < targets <= set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))

    modules = [words[0] for words in readme.commands("python -m")]
    assert modules and all(find_spec(module) for module in modules)


def test_each_language_begins_with_a_link_to_the_other() -> None:
    assert ENGLISH.sections[0].text.splitlines()[1] == f"English | [简体中文]({CHINESE.name})"
    assert CHINESE.sections[0].text.splitlines()[1] == f"[English]({ENGLISH.name}) | 简体中文"


def test_both_languages_have_the_same_headings() -> None:
    levels = [[section.level for section in readme.sections] for readme in (ENGLISH, CHINESE)]
    assert levels[0] == levels[1]


def test_both_languages_show_the_same_code() -> None:
    """To the byte; of what is drawn, and so translated, as many lines."""
    shown = [
        [(info, len(lines) if info == DRAWING else lines) for info, lines in readme.blocks]
        for readme in (ENGLISH, CHINESE)
    ]
    assert shown[0] == shown[1]


def test_both_languages_have_the_same_links() -> None:
    assert list(ENGLISH.links()) == list(CHINESE.links())


def test_both_languages_have_the_same_tables_and_the_same_names_in_each_section() -> None:
    for english, chinese in zip(ENGLISH.sections, CHINESE.sections, strict=True):
        assert english.tables() == chinese.tables(), english.heading
        assert Counter(english.code()) == Counter(chinese.code()), english.heading
