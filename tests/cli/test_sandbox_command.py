"""`liveness sandbox -- COMMAND` and `--shell`, which leave the user's own shell as it is."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import shutil
import signal
import struct
import sys
import termios
from pathlib import Path

import pytest

from liveness_cli.sandbox_command import environment_inside

from .conftest import ENTRY, Command, Start, assert_one_sentence
from .processes import await_children, needs_proc, still_running
from .test_sandbox import CLIENT

OTHER_CLOUD = {
    "TENCENTCLOUD_SECRET_ID": "AKIDproduction",
    "TENCENTCLOUD_SESSIONTOKEN": "token",
    "LIVENESS_RESULT_BUCKET": "production-1250000000",
    "https_proxy": "http://proxy.example.com:3128",
    "no_proxy": ".myqcloud.com",
    "NO_PROXY": "*",
}
PRINT_ENVIRONMENT = "import json, os; print(json.dumps(dict(os.environ)))"
_SECONDS = 300  # far more than a slow machine needs
SHELLS = [path for name in ("bash", "dash", "fish", "zsh") if (path := shutil.which(name))]


def test_a_command_runs_inside_and_the_sandbox_ends_with_it(start: Start) -> None:
    process = start("sandbox", "--", sys.executable, "-c", CLIENT)

    output, errors = process.communicate(timeout=_SECONDS)

    assert (process.returncode, errors) == (0, "")
    assert json.loads(output)["status"] == "rejected"


def test_the_exit_status_is_that_of_the_command(start: Start) -> None:
    process = start("sandbox", "--no-function", "--", "sh", "-c", "exit 7")

    process.communicate(timeout=_SECONDS)

    assert process.returncode == 7


def test_a_command_that_does_not_exist_is_named(start: Start) -> None:
    process = start("sandbox", "--no-function", "--", "no-such-command")

    _, errors = process.communicate(timeout=_SECONDS)

    assert (process.returncode, errors) == (127, "Error: no-such-command: no such command\n")


def test_nothing_inside_leads_to_another_cloud(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in OTHER_CLOUD.items():
        monkeypatch.setenv(name, text)
    process = start("sandbox", "--no-function", "--", sys.executable, "-c", PRINT_ENVIRONMENT)

    output, _ = process.communicate(timeout=_SECONDS)

    inside = json.loads(output)
    assert inside["LIVENESS_ENDPOINT_SCHEME"] == "http"
    assert inside["NETRC"] == os.devnull
    assert not [name for name, text in OTHER_CLOUD.items() if inside.get(name) == text]


def test_the_command_itself_is_found_inside() -> None:
    inside = environment_inside({"PATH": "/usr/bin"}, {})

    assert inside["PATH"] == f"/usr/bin{os.pathsep}{Path(sys.executable).parent}"


@needs_proc
def test_sigterm_ends_the_command_and_the_sandbox(start: Start) -> None:
    script = "import time; print('ready', flush=True); time.sleep(1000)"
    process = start("sandbox", "--no-function", "--", sys.executable, "-c", script)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    children = await_children(process.pid)

    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=_SECONDS)

    assert process.returncode == 128 + signal.SIGTERM
    assert still_running(children) == set()


def test_a_role_runs_a_command_inside_a_running_sandbox(start: Start) -> None:
    role = [sys.executable, "-c", ENTRY, "sandbox", "--role", "app", "--"]
    show = [sys.executable, "-c", "import os; print(os.environ['TENCENTCLOUD_SECRETID'])"]
    both = f'"$@" && {" ".join(map(_quoted, show))}'
    process = start("sandbox", "--", "sh", "-c", both, "sh", *role, *show)

    output, errors = process.communicate(timeout=_SECONDS)

    app, owner = output.split()
    assert errors == ""
    assert app.startswith("AKID") and app != owner


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def test_a_shell_needs_a_terminal(liveness: Command) -> None:
    result = liveness("sandbox", "--no-function", "--shell")

    assert result.exit_code == 2
    assert_one_sentence(result, "--shell needs a terminal")


@pytest.mark.parametrize("shell", SHELLS, ids=lambda path: Path(path).name)
def test_a_shell_says_where_it_is_whatever_its_own_configuration(
    shell: str, tmp_path: Path
) -> None:
    """The configuration in the home folder sets a proxy and keys, as that of an operator does."""
    home = tmp_path / "home"
    (home / ".config/fish").mkdir(parents=True)
    posix = "export http_proxy=http://127.0.0.1:1 no_proxy=.myqcloud.com LIVENESS_BUCKET=faces-1\n"
    for name in (".bashrc", ".zshrc"):
        (home / name).write_text(posix)
    fish = "set -gx http_proxy http://127.0.0.1:1; set -gx no_proxy .myqcloud.com\n"
    (home / ".config/fish/config.fish").write_text(fish)
    pid, terminal = pty.fork()
    if pid == 0:
        # A prompt that is wider than the terminal would be shown in part.
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 1000, 0, 0))
        os.environ.update(HOME=str(home), SHELL=shell, TERM="dumb")
        command = ["sandbox", "--no-function", "--shell"]
        os.execv(sys.executable, [sys.executable, "-c", ENTRY, *command])

    seen = _read_until(terminal, "(sandbox) ")
    os.write(terminal, b'echo "<$LIVENESS_BUCKET|$http_proxy|$no_proxy>"; exit 5\n')
    url = seen.partition("In the sandbox on ")[2].partition(";")[0]
    _read_until(terminal, f"<faces-1250000000|{url}|>")
    _, status = os.waitpid(pid, 0)
    os.close(terminal)

    assert url.startswith("http://127.0.0.1:")
    assert os.waitstatus_to_exitcode(status) == 5


def _read_until(terminal: int, text: str) -> str:
    """Read what a terminal shows up to a text."""
    seen = b""
    while text.encode() not in seen:
        readable, _, _ = select.select([terminal], [], [], _SECONDS)
        assert readable, seen
        seen += os.read(terminal, 4096)
    return seen.decode("utf-8", "replace")
