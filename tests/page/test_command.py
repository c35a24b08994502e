"""`liveness review` as a process: it starts, says where, and ends."""

from __future__ import annotations

import signal
import socket

from tests.cli.conftest import (
    Command,
    Start,
    assert_one_sentence,
    empty_working_directory,
    environment,
    liveness,
)
from tests.cli.conftest import start as start_command
from tests.page.conftest import Judge
from tests.page.conftest import Start as StartPage

__all__ = ["empty_working_directory", "environment", "liveness", "start_command"]


def test_it_prints_an_address_and_ends_with_ctrl_c(
    environment: None, judge: Judge, start_command: Start
) -> None:
    judge("p")
    process = start_command("review", "--no-browser")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("Open once: http://127.0.0.1:")
    assert process.stdout.readline() == "Ctrl-C ends it.\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    (place,) = errors.splitlines()
    assert place.startswith("Bucket faces-1250000000 in the sandbox on 127.0.0.1:")


def test_a_port_that_is_taken(environment: None, liveness: Command) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        result = liveness("review", "--no-browser", "--port", str(other.getsockname()[1]))
    assert result.exit_code == 1
    assert_one_sentence(result, "cannot start", "in use")


def test_an_environment_that_names_no_bucket(liveness: Command) -> None:
    result = liveness("review", "--no-browser")
    assert result.exit_code == 2
    assert "LIVENESS_BUCKET" in result.stderr


def test_keys_without_the_policy_are_the_readers_own(start: StartPage) -> None:
    reviewing = start(without="name/cos:GetBucket")
    assert "check the policy of your key" in reviewing.server.results.failure
    shown = reviewing.ask(reviewing.gate.folder).text
    assert "check the policy of your key" in shown and "execution role" not in shown
