"""Run a command, or a shell, with the environment of a sandbox and of no other cloud."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from .terminal import echo

_PROMPT = "(sandbox) "
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126  # as in shells


def run_inside(command: Sequence[str], variables: Mapping[str, str]) -> int:
    """Run a command with these variables of a sandbox; return its exit status, as in a shell.

    SIGINT reaches it from the terminal; SIGTERM is passed on. Call this in the main thread.
    """
    try:
        process = subprocess.Popen(list(command), env=environment_inside(os.environ, variables))
    except FileNotFoundError:
        echo(f"Error: {command[0]}: no such command", err=True)
        return _NOT_FOUND
    except OSError as error:
        echo(f"Error: {command[0]}: {error.strerror}", err=True)
        return _NOT_EXECUTABLE
    handlers = {
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda *_: process.terminate()),
        signal.SIGINT: signal.signal(signal.SIGINT, lambda *_: None),
    }
    try:
        status = process.wait()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return 128 - status if status < 0 else status


def run_shell(variables: Mapping[str, str]) -> int:
    """Run the user's shell until it exits; its prompt says that it is in the sandbox."""
    if not os.isatty(0):
        raise click.UsageError("--shell needs a terminal; give a command instead, after --")
    shell = os.environ.get("SHELL") or "/bin/sh"
    echo(f"In the sandbox on {variables['http_proxy']}; `exit` leaves it.", err=True)
    with tempfile.TemporaryDirectory(prefix="liveness-sandbox-") as folder:
        command, extra = shell_start(shell, variables, Path(folder))
        return run_inside(command, {**variables, **extra})


def environment_inside(environ: Mapping[str, str], variables: Mapping[str, str]) -> dict[str, str]:
    """Return an environment that leads to the sandbox and to no other cloud.

    It has no keys, settings or proxies that were set before, and no ~/.netrc, whose passwords the
    HTTP library of the SDKs would send instead of a signature. `liveness` is on the path.
    """
    kept = {
        name: text
        for name, text in environ.items()
        if not name.startswith(("TENCENTCLOUD_", "LIVENESS_"))
        and not name.lower().endswith("_proxy")
    }
    path = os.pathsep.join(filter(None, (kept.get("PATH"), str(Path(sys.executable).parent))))
    return {**kept, "PATH": path, "NETRC": os.devnull, **variables}


def shell_start(
    shell: str, variables: Mapping[str, str], folder: Path
) -> tuple[list[str], dict[str, str]]:
    """Return the command that starts a shell, and its variables; `folder` is for its files.

    The user's own configuration is read first, so that it cannot lead out of the sandbox again.
    """
    exports = "".join(
        f"export {name}={shlex.quote(text)}\n"
        for name, text in {"NETRC": os.devnull, **variables}.items()
    )
    forget = "unset no_proxy NO_PROXY HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY\n"
    name = Path(shell).name
    if name == "bash":
        file = folder / "bashrc"
        own = "[ -f ~/.bashrc ] && . ~/.bashrc\n"
        file.write_text(f'{own}{forget}{exports}PS1="{_PROMPT}$PS1"\n')
        return [shell, "--rcfile", str(file), "-i"], {}
    if name == "zsh":
        own = os.environ.get("ZDOTDIR") or os.path.expanduser("~")
        (folder / ".zshrc").write_text(
            f"ZDOTDIR={shlex.quote(own)}\n"
            f'[ -f "$ZDOTDIR/.zshrc" ] && . "$ZDOTDIR/.zshrc"\n{forget}{exports}'
            f'PROMPT="{_PROMPT}$PROMPT"\n'
        )
        return [shell, "-i"], {"ZDOTDIR": str(folder)}
    if name == "fish":
        settings = "; ".join(
            f"set -gx {name} {shlex.quote(text)}"
            for name, text in {"NETRC": os.devnull, **variables}.items()
        )
        erase = "set -e no_proxy NO_PROXY HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY"
        prompt = (
            "functions -c fish_prompt __prompt_outside; "
            f"function fish_prompt; echo -n '{_PROMPT}'; __prompt_outside; end"
        )
        return [shell, "-i", "-C", f"{erase}; {settings}; {prompt}"], {}
    return [shell, "-i"], {"PS1": f"{_PROMPT}$ "}
