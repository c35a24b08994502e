"""`tools/find_python.sh`: which Python the Makefile takes, and what it says if there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

SCRIPT = ROOT / "tools/find_python.sh"
NEW = f'#!/bin/sh\nexec {sys.executable} "$@"\n'
# Python 3.9, as far as the script asks.
OLD = """#!/bin/sh
case "$2" in
*version_info*) exit 1 ;;
*"only Python"*) echo only Python 3.9.18 ;;
*) echo Python 3.9.18 ;;
esac
"""
BROKEN = "#!/bin/sh\necho 'python3: command not found' >&2\nexit 127\n"


def put(folder: Path, name: str, content: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    program.write_text(content)
    program.chmod(0o755)
    return program


def find(*path: Path, python: str = "", environment: Path = Path("/none")) -> tuple[int, str, str]:
    """Run the script with only these folders on the path."""
    done = subprocess.run(
        ["/bin/sh", str(SCRIPT), str(environment)],
        env={"PATH": os.pathsep.join(map(str, path)), "PYTHON": python},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout.strip(), done.stderr.strip()


@pytest.mark.parametrize("first", [OLD, BROKEN], ids=["older", "broken"])
def test_an_unsuited_python_first_on_the_path_is_passed_over(tmp_path: Path, first: str) -> None:
    put(tmp_path / "first", "python3", first)
    suited = put(tmp_path / "a second one", "python3", NEW)

    assert find(tmp_path / "first", tmp_path / "a second one") == (0, str(suited), "")


def test_a_python_of_another_name_is_found(tmp_path: Path) -> None:
    put(tmp_path, "python3", OLD)
    suited = put(tmp_path, "python3.12", NEW)

    assert find(tmp_path) == (0, str(suited), "")


def test_an_older_python_alone_is_one_sentence(tmp_path: Path) -> None:
    put(tmp_path, "python3", OLD)

    status, output, error = find(tmp_path)

    assert (status, output) == (1, "")
    assert error == (
        "Python 3.10 or newer is needed, and the path has only Python 3.9.18: install one, or name "
        "it, as in `PYTHON=/path/to/python3.11 make run`."
    )


def test_no_python_at_all_is_one_sentence(tmp_path: Path) -> None:
    status, _, error = find(tmp_path)

    assert status == 1
    assert error.startswith("Python 3.10 or newer is needed, and the path has none: ")


@pytest.mark.parametrize(
    ("content", "found"),
    [(OLD, "Python 3.9.18"), (BROKEN, "no Python that runs")],
    ids=["older", "broken"],
)
def test_an_unsuited_python_that_was_asked_for_is_one_sentence(
    tmp_path: Path, content: str, found: str
) -> None:
    put(tmp_path, "python3", NEW)
    wrong = put(tmp_path, "wrong", content)

    status, output, error = find(tmp_path, python=str(wrong))

    assert (status, output) == (1, "")
    assert error.startswith(f"PYTHON={wrong} is {found}: give Python 3.10 or newer")
    assert "\n" not in error


def test_the_environment_that_exists_comes_first(tmp_path: Path) -> None:
    put(tmp_path / "path", "python3", OLD)
    own = put(tmp_path / "checkout/.venv/bin", "python", NEW)

    assert find(tmp_path / "path", environment=own.parent.parent) == (0, str(own), "")
