"""What is packaged is the code of this folder, by nothing but Python."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

COPIED = (
    "LICENSE",
    "requirements.txt",
    "Makefile",
    "pyproject.toml",
    "constraints.txt",
    "tools/install.py",
    "tools/find_python.sh",
)
BUILD = """
import sys
from pathlib import Path
sys.path.insert(0, {tools!r})
from liveness_package.build import build_package
build_package(Path({root!r}), Path({output!r}))
tops = {{name.partition(".")[0] for name in sys.modules}}
print(tops - set(sys.stdlib_module_names) - {{"__main__"}})
"""


@pytest.fixture
def checkout(uncompiled: Path, tmp_path: Path) -> Path:
    """Another checkout, whose virtual environment has this one's packages installed."""
    folder = tmp_path / "checkout"
    for name in ("src", "tools/liveness_package", "build/pinned"):
        shutil.copytree(ROOT / name, folder / name)
    for name in COPIED:
        shutil.copy2(ROOT / name, folder / name)
    python = folder / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    install = runpy.run_path(str(folder / "tools/install.py"))
    (folder / ".venv/installed.json").write_text(json.dumps(install["_description"](["tools"])))
    return folder


def test_make_package_packages_the_code_of_its_own_folder(checkout: Path) -> None:
    changed = checkout / "src/index.py"
    changed.write_text(changed.read_text() + "# of this checkout\n")

    subprocess.run(
        ["make", "package"],
        cwd=checkout,
        # Without the Python that `make test` may have been asked for.
        env={
            name: text for name, text in os.environ.items() if name not in ("PYTHON", "MAKEFLAGS")
        },
        check=True,
        stdout=subprocess.DEVNULL,
    )

    with zipfile.ZipFile(checkout / "build/function.zip") as archive:
        assert archive.read("index.py") == changed.read_bytes()
        assert (
            archive.read("liveness/handler.py")
            == (checkout / "src/liveness/handler.py").read_bytes()
        )


def test_nothing_but_python_has_a_part_in_the_build(uncompiled: Path, tmp_path: Path) -> None:
    """Installed packages are not even importable, so no version of them matters."""
    script = BUILD.format(tools=str(ROOT / "tools"), root=str(ROOT), output=str(tmp_path))

    process = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], check=True, capture_output=True, text=True
    )

    assert process.stdout.strip() == "{'liveness_package'}"
    with zipfile.ZipFile(tmp_path / "function.zip") as archive:
        assert "index.py" in archive.namelist()
