"""The package, built once for all tests of a run."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from liveness_package.build import build_package
from tests.conftest import ROOT

_PYTHON_OF_MAKE_TEST = ROOT / ".venv-3.10/bin/python"


@pytest.fixture(scope="session")
def python310() -> str:
    """The function's runtime: this Python, or the one that `make test` set up."""
    if sys.version_info[:2] == (3, 10):
        return sys.executable
    if not _PYTHON_OF_MAKE_TEST.exists():
        reason = "Python 3.10 is needed for bytecode; `make test` uses it where the machine has it"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return str(_PYTHON_OF_MAKE_TEST)


def make_package(output: Path, *options: str) -> str:
    """Run `make package`; returns what it prints."""
    command = [sys.executable, "-m", "liveness_package", "--output", str(output), *options]
    process = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=100)
    return process.stdout


@pytest.fixture(scope="session")
def package(python310: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that contains function.zip and function/."""
    output = tmp_path_factory.mktemp("package")
    make_package(output, "--compile-with", python310)
    return output


@pytest.fixture(scope="session")
def uncompiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same without bytecode, for which no Python 3.10 is needed."""
    return build_package(ROOT, tmp_path_factory.mktemp("uncompiled")).parent


@pytest.fixture
def unpacked(package: Path, tmp_path: Path) -> Path:
    """The unpacked zip, as the platform prepares it before the function runs."""
    with zipfile.ZipFile(package / "function.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    return tmp_path / "unpacked"
