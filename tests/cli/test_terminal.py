"""Nothing that a terminal would interpret is printed, whatever a key or a log line contains."""

from __future__ import annotations

import ast
import io
import json
import unicodedata
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import liveness_cli
from liveness_cli.console import Page
from liveness_cli.main import main
from liveness_cli.text import printable, printable_lines
from tests.conftest import Cloud

from .conftest import Command

# One of each kind: C0, DEL, C1, format, surrogate, line and paragraph separators, odd spaces.
HOSTILE = (
    "\x00\x07\x1b]0;title\x07\r\x7f\x85\x9b31m\xad\u061c\u200b\u200e\u202e"
    "\u2028\u2029\u2066\ufeff\U000e0001\u3164\ufe0f\u2800"
)
INVISIBLE = "\u3164\ufe0f\u2800"
FORBIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")


def forbidden_in(text: str) -> list[str]:
    return [
        char
        for char in text
        if char != "\n" and (unicodedata.category(char) in FORBIDDEN or char in INVISIBLE)
    ]


def test_every_control_and_format_character_is_escaped() -> None:
    everything = "".join(map(chr, range(0x110000)))

    escaped = printable(everything)

    assert forbidden_in(escaped) == []
    assert "\n" not in escaped
    assert printable("会话 é 😀 ~") == "会话 é 😀 ~"


def test_escaped_json_has_the_same_meaning() -> None:
    text = json.dumps({HOSTILE: [HOSTILE, "\ud800"]}, ensure_ascii=False)

    assert json.loads(printable(text)) == json.loads(text)


def test_lines_stay_lines() -> None:
    assert printable_lines("a\n\x1bb\r\n") == "a\n\\u001bb\\r\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("explain", HOSTILE[1:]),
        ("retry", HOSTILE[1:], "--yes", "--log"),
        ("retry", HOSTILE[1:]),
        ("forget", HOSTILE[1:], "--dry-run"),
        ("forget", HOSTILE[1:], "--yes"),
        ("status",),
        ("reconcile", "--dry-run", "--prefix", HOSTILE[1:]),
        ("explain", HOSTILE * 99),
        ("policies", "--role", HOSTILE[1:]),
        ("policies", "--role", "app", "--pair", HOSTILE[1:]),
        ("invoke", HOSTILE[1:]),
        ("run", "--pair-id", HOSTILE[1:], "--reference", HOSTILE[1:]),
        (HOSTILE[1:],),
        ("--" + HOSTILE[1:],),
        ("status", "--" + HOSTILE[1:]),
        ("status", "--limit", HOSTILE[1:]),
    ],
    ids=lambda arguments: ascii(" ".join(arguments))[:40],
)
def test_no_command_prints_one(
    cloud: Cloud,
    environment: None,
    liveness: Command,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
) -> None:
    monkeypatch.setattr("liveness.cloud.system.SystemClock.sleep", lambda self, seconds: None)
    function = cloud.deploy()
    name = HOSTILE[1:]  # COS has no key with a NUL
    cloud.put_pair(name, {"code": HOSTILE, "description": HOSTILE, "channel": "error"})
    function.walk(name)

    result = liveness(*arguments)

    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    assert result.output
    assert forbidden_in(result.output) == []


def test_an_event_and_the_log_of_invoke_are_escaped(
    cloud: Cloud, environment: None, liveness: Command
) -> None:
    cloud.put_pair(HOSTILE[1:])

    invoked = liveness("invoke", "-", stdin=json.dumps({"pairs": [HOSTILE[1:]]}))

    assert invoked.exit_code == 0, invoked.output
    assert json.loads(invoked.stdout)["pairs"][0]["pair_id"] == HOSTILE[1:]
    assert "pair.published" in invoked.stderr
    assert forbidden_in(invoked.output) == []


def test_what_a_page_gets_from_its_caller_is_escaped() -> None:
    from rich.text import Text

    @click.command()
    def command() -> None:
        page = Page()
        page.title(HOSTILE)
        page.facts(("label", Text(HOSTILE)))
        page.table("title", ("column",), [(HOSTILE,)])
        page.remarks("title", [HOSTILE])
        page.print()

    assert forbidden_in(CliRunner().invoke(command).output) == []


def test_an_error_of_any_command_is_escaped() -> None:
    @click.command()
    def fails() -> None:
        raise click.ClickException(f"a\n{HOSTILE}")

    main.add_command(fails)
    try:
        output = CliRunner().invoke(main, ["fails"]).output
    finally:
        del main.commands["fails"]

    assert output.startswith("Error: a\n\\u0000")
    assert forbidden_in(output) == []


class Interruption(io.BytesIO):
    """Standard input at which Ctrl-C is pressed."""

    def read1(self, size: int | None = -1) -> bytes:
        raise KeyboardInterrupt


def test_a_question_that_is_not_answered_ends_the_command_in_a_sentence() -> None:
    @click.command()
    def asks() -> None:
        click.confirm("Go on?", abort=True, err=True)

    main.add_command(asks)
    try:
        unanswered = CliRunner().invoke(main, ["asks"], input="")
        declined = CliRunner().invoke(main, ["asks"], input="n\n")
        interrupted = CliRunner().invoke(main, ["asks"], input=Interruption())
    finally:
        del main.commands["asks"]

    assert (unanswered.exit_code, declined.exit_code, interrupted.exit_code) == (1, 1, 130)
    assert unanswered.stderr.endswith("\nError: nobody can answer here: --yes does not ask\n")
    assert "--yes" not in declined.stderr
    assert interrupted.stderr.endswith("\nError: stopped at the question\n")


def test_one_module_prints() -> None:
    """Anything else could forget to escape."""
    folder = Path(liveness_cli.__file__).parent
    printing = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "print",
                "click.echo",
                "click.secho",
                "sys.stdout.write",
                "sys.stderr.write",
            ):
                printing.add(path.relative_to(folder).as_posix())

    # What start.py prints is its own.
    assert printing == {"start.py", "terminal.py"}
