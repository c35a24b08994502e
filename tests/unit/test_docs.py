"""What the pages name exists, and both languages of a page say the same."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

import click
import pytest
from jsonschema import Draft202012Validator

from liveness.logs import EVENTS
from liveness.markers import ParkReason
from liveness.settings import SETTING_NAMES, read_settings
from liveness_cli.main import main
from liveness_cli.permissions.roles import policy_of_pair, to_json
from tests.conftest import RESULT_SCHEMA, REVIEW_SCHEMA

ROOT = Path(__file__).parents[2]
SETTINGS = {"TENCENTCLOUD_REGION": "ap-singapore", "LIVENESS_BUCKET": "faces-1250000000"}
README_LINES = 240
DRAWING = "text"  # the language of fenced blocks that are translated
TWIN = ".zh-CN.md"
ENGLISH_ONLY = {"docs/sandbox.md", "docs/bursts.md"}
# What a reader is promised; other pages are found by their names.
PAGES = {
    "README.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "docs/analysis.md",
    "docs/benchmarks.md",
    "docs/cost.md",
    "docs/deploying.md",
    "docs/design.md",
    "docs/development.md",
    "docs/guarantees.md",
    "docs/integrating.md",
    "docs/operating.md",
    "docs/permissions.md",
    "docs/privacy.md",
    "docs/reviewing.md",
    "docs/sandbox.md",
}
HISTORY = "CHANGELOG.md"  # names what existed once
FOLDERS = "src|tools|tests|bench|docs|events|examples"


class Block(NamedTuple):
    """A fenced block: its language, and its lines without the indentation of a list."""

    language: str
    lines: list[str]


class Section(NamedTuple):
    """From a heading to the next one; the text is without fenced blocks."""

    level: int
    heading: str
    text: str

    @property
    def code(self) -> list[str]:
        return re.findall(r"`([^`\n]+)`", self.heading + "\n" + self.text)

    @property
    def table_shapes(self) -> list[list[int]]:
        """Per table, the number of cells in each row."""
        return [
            [len(re.split(r"(?<!\\)\|", row)) for row in table.splitlines()]
            for table in re.findall(r"(?:^ *\|.*\n)+", self.text + "\n", re.MULTILINE)
        ]


class Target(NamedTuple):
    """Where a link leads: the English page or another file, and the number of its heading."""

    path: str
    heading: int | None


class Page:
    def __init__(self, name: str) -> None:
        self.name = name
        self.text = (ROOT / name).read_text(encoding="utf-8")
        self.is_chinese = name.endswith(TWIN)
        self.twin = english_name(name) if self.is_chinese else name.removesuffix(".md") + TWIN
        twin = Path(self.twin).name
        self.switch = f"English | [简体中文]({twin})"
        if self.is_chinese:
            self.switch = f"[English]({twin}) | 简体中文"
        fenced = re.compile(r"^( *)```(\w*)\n(.*?)^\1```\n", re.MULTILINE | re.DOTALL)
        self.blocks = [
            Block(language, [line.removeprefix(indent) for line in body.splitlines()])
            for indent, language, body in fenced.findall(self.text)
        ]
        prose = fenced.sub("", self.text).replace(self.switch + "\n", "", 1)
        parts = re.split(r"^(#+) (.+)\n", prose, flags=re.MULTILINE)
        assert not parts[0].strip(), f"{name} has text before its first heading"
        self.sections = [
            Section(len(marks), heading, text)
            for marks, heading, text in zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
        ]

    @cached_property
    def anchors(self) -> list[str]:
        """The names under which GitHub lets the headings be linked to."""
        return [
            re.sub(r"[^\w\- ]", "", section.heading.lower()).replace(" ", "-")
            for section in self.sections
        ]

    @property
    def code(self) -> list[str]:
        return [code for section in self.sections for code in section.code]

    @property
    def lines_of_code(self) -> list[str]:
        return [line for block in self.blocks for line in block.lines]

    def links(self) -> Iterator[tuple[str, str]]:
        """Files of this repository, from its root, and the anchor behind the `#` or nothing."""
        for section in self.sections:
            for link in re.findall(r"\]\(([^)\s]+)\)", section.text):
                if "://" not in link:
                    path, _, anchor = link.partition("#")
                    target = (ROOT / self.name).parent / path if path else ROOT / self.name
                    yield target.resolve().relative_to(ROOT).as_posix(), anchor

    def targets(self) -> Iterator[Target]:
        """The links in a form that both languages share."""
        for path, anchor in self.links():
            heading = None
            if anchor and (ROOT / path).exists():
                anchors = page(path).anchors
                assert anchor in anchors, f"{self.name}: {path}#{anchor}"
                heading = anchors.index(anchor)
            yield Target(english_name(path), heading)

    def table(self, *header: str) -> dict[str, list[str]]:
        """The table with that header, by its first cell without ticks."""
        head = "| " + " | ".join(header) + " |"
        assert head in self.text, f"{self.name} has no table {head}"
        lines = self.text[self.text.index(head) :].split("\n\n")[0].splitlines()[2:]
        rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
        return {row[0].strip("` "): row[1:] for row in rows}

    def commands(self, program: str) -> Iterator[list[str]]:
        """The words after the program's name, wherever it is shown or named."""
        for text in (*self.lines_of_code, *self.code):
            text = text.removeprefix("$ ")
            if text.startswith(f"{program} "):
                yield re.split(r" [>|&]", text)[0].split()[len(program.split()) :]


def english_name(name: str) -> str:
    return name.removesuffix(TWIN) + ".md" if name.endswith(TWIN) else name


def page(name: str) -> Page:
    if not (ROOT / name).exists():
        pytest.skip(f"{name} does not exist")
    return Page(name)


NAMES = sorted(
    path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"))
)
TRANSLATED = [name for name in NAMES if (ROOT / Page(name).twin).exists()]
every_page = pytest.mark.parametrize("name", NAMES)
every_current_page = pytest.mark.parametrize(
    "name", [name for name in NAMES if english_name(name) != HISTORY]
)
every_translated_page = pytest.mark.parametrize("name", TRANSLATED)
every_pair = pytest.mark.parametrize(
    "name", [name for name in TRANSLATED if not name.endswith(TWIN)]
)


def test_the_pages_exist() -> None:
    assert set(NAMES) >= PAGES


def test_every_page_of_the_docs_exists_in_both_languages() -> None:
    alone = {name for name in NAMES if name.startswith("docs/")} - set(TRANSLATED)
    assert alone <= ENGLISH_ONLY
    assert "README.md" in TRANSLATED


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_readme_is_short(name: str) -> None:
    assert len(page(name).text.splitlines()) <= README_LINES


def test_every_log_event_is_listed() -> None:
    rows = page("docs/operating.md").table("event", "meaning")
    assert {name: row[0] for name, row in rows.items()} == EVENTS


def test_every_park_reason_is_listed_and_says_whether_it_is_an_error() -> None:
    rows = page("docs/operating.md").table("code", "meaning", "kind")
    assert {name: row[1] == "error" for name, row in rows.items()} == {
        reason.code: reason.is_error for reason in ParkReason
    }


def test_every_setting_is_listed_with_its_default() -> None:
    rows = page("docs/deploying.md").table("variable", "default", "meaning")
    assert set(rows) == {f"LIVENESS_{name}" for name in SETTING_NAMES}
    defaults = {
        name: row[0].strip("`").replace("LIVENESS_BUCKET", SETTINGS["LIVENESS_BUCKET"])
        for name, row in rows.items()
        if row[0] != "none"
    }
    assert read_settings(SETTINGS | defaults) == read_settings(SETTINGS)


def test_the_policy_that_is_shown_is_the_one_that_is_printed() -> None:
    policy = policy_of_pair("app", read_settings(SETTINGS), "session-0001")
    command = "$ liveness policies --role app --pair session-0001"
    shown = Block("", [command, *to_json(policy).splitlines()])
    assert shown in page("docs/permissions.md").blocks


@pytest.mark.parametrize("schema", [RESULT_SCHEMA, REVIEW_SCHEMA], ids=["result", "review"])
def test_the_schemas_are_schemas(schema: Draft202012Validator) -> None:
    Draft202012Validator.check_schema(schema.schema)


@every_page
def test_the_results_it_shows_are_valid(name: str) -> None:
    for block in page(name).blocks:
        if block.language == "json" and "liveness-result/1" in "".join(block.lines):
            RESULT_SCHEMA.validate(json.loads("\n".join(block.lines)))


@every_page
def test_the_python_it_shows_compiles(name: str) -> None:
    for block in page(name).blocks:
        if block.language == "python":
            compile("\n".join(block.lines), name, "exec")


@pytest.mark.parametrize("name", ["docs/integrating.md", "docs/integrating.zh-CN.md"])
def test_the_code_that_integrating_shows_is_that_of_the_examples(name: str) -> None:
    paths = [*ROOT.glob("examples/**/*.py"), *ROOT.glob("examples/app_upload/*.js")]
    files = [path.read_text("utf-8").splitlines() for path in paths]
    blocks = [block for block in page(name).blocks if block.language in ("python", "js")]
    assert blocks
    for block in blocks:
        assert any(contains(lines, block.lines) for lines in files), "\n".join(block.lines)


def contains(lines: list[str], shown: list[str]) -> bool:
    """Whether lines that follow each other are those that are shown, but for their indentation."""
    return any(
        dedent("\n".join(lines[start : start + len(shown)])) == "\n".join(shown)
        for start in range(len(lines))
    )


@every_current_page
def test_the_files_it_names_exist(name: str) -> None:
    shown = page(name)
    files = {path for path, _ in shown.links() if english_name(path) not in PAGES}
    files |= {code for code in shown.code if re.fullmatch(rf"(?:{FOLDERS})/[^\s<…]*", code)}
    for line in shown.lines_of_code:  # a tree: names, at least two spaces, what they are
        if tree := re.match(rf"((?:{FOLDERS})/[\w./]*(?:, \w+)*)  ", line):
            first, *others = tree[1].split(", ")
            files |= {first, *(f"{Path(first).parent}/{other}" for other in others)}
    missing = [file for file in files if not any(ROOT.glob(file.rstrip("/")))]
    assert not missing


@every_current_page
def test_the_commands_it_names_exist(name: str) -> None:
    for command, *words in page(name).commands("liveness"):
        assert command in main.commands, command
        known = options(main.commands[command])
        own = words[: words.index("--")] if "--" in words else words
        assert {word for word in own if word.startswith("--")} <= known, (command, words)


@every_current_page
def test_the_options_in_its_tables_exist(name: str) -> None:
    """A cell that begins with a command names its options; a column `option` those of configure."""
    for section in page(name).sections:
        command = None
        for row in re.findall(r"^\|(.*)\|$", section.text, re.MULTILINE):
            first = row.split(" | ")[0]
            if first.strip() in ("option", "选项"):
                command = "configure"
            named = re.findall(r"`liveness ([a-z]+)", first)
            if named or command:
                known = options(main.commands[named[0] if named else str(command)])
                assert set(re.findall(r"`(--[a-z-]+)", row)) <= known, row


@every_current_page
def test_the_make_targets_and_modules_it_names_exist(name: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {words[0] for words in page(name).commands("make")}
    assert targets <= set(re.findall(r"^([a-z0-9.-]+):", makefile, re.MULTILINE))

    for module, *_ in page(name).commands("python -m"):
        parts = module.split(".")
        packages = [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
        assert all(find_spec(package) for package in packages), module


def test_the_readme_names_every_command() -> None:
    readme = page("README.md")
    assert {words[0] for words in readme.commands("liveness")} == set(main.commands)
    assert {"run"} <= {words[0] for words in readme.commands("make")}


@every_page
def test_the_headings_it_links_to_exist(name: str) -> None:
    for path, anchor in page(name).links():
        if anchor and (ROOT / path).exists():
            assert anchor in Page(path).anchors, f"{path}#{anchor}"


@every_translated_page
def test_it_begins_with_a_link_to_the_other_language(name: str) -> None:
    assert page(name).switch in page(name).text.splitlines()[:3]


@every_pair
def test_both_languages_have_the_same_headings(name: str) -> None:
    english, chinese = both(name)
    assert [section.level for section in english.sections] == [
        section.level for section in chinese.sections
    ]


@every_pair
def test_both_languages_show_the_same_code(name: str) -> None:
    """To the byte; drawings, which are translated, have as many lines."""
    shown = [
        [
            (language, len(lines) if language == DRAWING else lines)
            for language, lines in shown.blocks
        ]
        for shown in both(name)
    ]
    assert shown[0] == shown[1]


@every_pair
def test_both_languages_have_the_same_links(name: str) -> None:
    english, chinese = both(name)
    assert list(english.targets()) == list(chinese.targets())


@every_pair
def test_each_language_links_to_pages_of_its_own(name: str) -> None:
    english, chinese = both(name)
    assert not [path for path, _ in english.links() if path.endswith(TWIN)]
    assert not {path for path, _ in chinese.links()} & set(TRANSLATED) - {
        path for path in TRANSLATED if path.endswith(TWIN)
    }


@every_pair
def test_both_languages_have_the_same_tables_and_the_same_names_in_each_section(name: str) -> None:
    english, chinese = both(name)
    for ours, theirs in zip(english.sections, chinese.sections, strict=True):
        assert ours.table_shapes == theirs.table_shapes, ours.heading
        assert Counter(ours.code) == Counter(theirs.code), ours.heading


def both(name: str) -> tuple[Page, Page]:
    english = Page(name)
    return english, Page(english.twin)


def options(command: click.Command) -> set[str]:
    return {option for param in command.params for option in param.opts} | {"--help"}
