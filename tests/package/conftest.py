"""The package, made once for all tests of a run."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

_OF_MAKE_TEST = ROOT / ".venv-3.10/bin/python"


@pytest.fixture(scope="session")
def python310() -> str:
    """The function's runtime: the one that runs the tests, or that `make test` has set up."""
    if sys.version_info[:2] == (3, 10):
        return sys.executable
    if not _OF_MAKE_TEST.exists():
        why = "Python 3.10 is needed for bytecode; `make test` uses it where the machine has it"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    return str(_OF_MAKE_TEST)


def make_package(to: Path, *options: str) -> str:
    """What it says."""
    command = [sys.executable, "-m", "liveness_package", "--to", str(to), *options]
    made = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=100)
    return made.stdout


@pytest.fixture(scope="session")
def package(python310: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with function.zip and function/ in it."""
    to = tmp_path_factory.mktemp("package")
    make_package(to, "--compile-with", python310)
    return to


@pytest.fixture
def unpacked(package: Path, tmp_path: Path) -> Path:
    """The zip's content, as the platform lays it before the function runs."""
    with zipfile.ZipFile(package / "function.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    return tmp_path / "unpacked"
