"""`tools/install.py` on a small project that needs no package index."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import ROOT

PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "small"
version = "1"

[project.optional-dependencies]
tools = []
test = ["other"]
demo = ["other"]
more = ["no-such"]
"""
# What `pip install -e` asks of a build system.
BACKEND = """
import zipfile

METADATA = "Metadata-Version: 2.1\\nName: small\\nVersion: 1\\nProvides-Extra: tools\\n" \\
    "Provides-Extra: test\\nProvides-Extra: demo\\n" \\
    "Requires-Dist: other; extra == 'test'\\nRequires-Dist: other; extra == 'demo'\\n" \\
    "Provides-Extra: more\\nRequires-Dist: no-such; extra == 'more'\\n"


def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "small-1-py3-none-any.whl"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        wheel.writestr("small_project.py", "")
        wheel.writestr("liveness_package/pins.py", "open('pins fetched', 'w')")
        wheel.writestr("small-1.dist-info/METADATA", METADATA)
        wheel.writestr(
            "small-1.dist-info/WHEEL",
            "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        )
        wheel.writestr("small-1.dist-info/RECORD", "")
    return name
"""
WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
PIP = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "wheels"}
UNWRITABLE = Path("/sys/.venv")


def install(
    project: Path,
    *extras: str,
    environ: Mapping[str, str] = {},
    environment: str = ".venv",
    interruptible: bool = False,
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "tools/install.py", environment, *(extras or ("tools",))],
        cwd=project,
        env={**os.environ, **PIP, **environ},
        start_new_session=interruptible,
        # What a shell starts with `&` ignores SIGINT, and so do its children.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL) if interruptible else None,
        capture_output=True,
        text=True,
    )


def imports(project: Path, code: str = "import small_project") -> bool:
    command = [str(project / ".venv/bin/python"), "-I", "-c", code]
    return subprocess.run(command, capture_output=True).returncode == 0


def project_in(folder: Path) -> Path:
    (folder / "tools").mkdir(parents=True)
    shutil.copy(ROOT / "tools/install.py", folder / "tools")
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "backend.py").write_text(BACKEND)
    (folder / "constraints.txt").touch()
    (folder / "wheels").mkdir()
    with zipfile.ZipFile(folder / "wheels/other-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr(
            "other-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: other\nVersion: 1\n"
        )
        wheel.writestr("other-1.dist-info/WHEEL", WHEEL)
        wheel.writestr("other-1.dist-info/RECORD", "")
    return folder


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in a folder with spaces, whose user has pip configured for other purposes."""
    folder = tmp_path_factory.mktemp("a folder")
    project = project_in(folder / "with spaces")
    home = folder / "home"
    (home / ".config/pip").mkdir(parents=True)
    (home / ".config/pip/pip.conf").write_text(
        f"[global]\nuser = true\ntarget = {folder}/elsewhere\nrequire-virtualenv = true\n"
        "find-links = /nowhere\n"  # the environment says otherwise
    )
    environ = {"HOME": str(home), "PIP_USER": "1", "PIP_PREFIX": f"{folder}/elsewhere"}

    done = install(project, environ=environ)

    assert done.returncode == 0, done.stderr
    assert f"Setting up .venv with Python {sys.version.split()[0]}, once" in done.stdout
    assert "Installed" in done.stdout
    assert not (folder / "elsewhere").exists()
    return project


def test_it_is_installed_whatever_a_user_tells_pip(installed: Path) -> None:
    assert imports(installed)


def test_what_fits_is_left_alone_and_needs_no_network(installed: Path) -> None:
    before = (installed / ".venv/pyvenv.cfg").stat().st_mtime_ns

    done = install(installed)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (installed / ".venv/pyvenv.cfg").stat().st_mtime_ns == before


def test_a_copy_gets_an_environment_of_its_own(installed: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(installed, copy, symlinks=True)

    # Its own Python runs it, as the Makefile has it where there is one.
    done = subprocess.run(
        [copy / ".venv/bin/python", "tools/install.py", ".venv", "tools"],
        cwd=copy,
        env={**os.environ, **PIP},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert "Setting up" in done.stdout
    assert json.loads((copy / ".venv/installed.json").read_text())["root"] == str(copy)
    assert imports(copy)
    assert imports(installed), "the first one is as it was"


def test_what_a_package_consists_of_is_fetched_too(installed: Path) -> None:
    """With that, `make package` needs no network later."""
    assert (installed / "pins fetched").exists()


def test_more_is_added_and_nothing_taken_away(installed: Path) -> None:
    done = install(installed, "test")

    assert done.returncode == 0, done.stderr
    assert "Setting up" not in done.stdout
    assert json.loads((installed / ".venv/installed.json").read_text())["extras"] == [
        "test",
        "tools",
    ]


def test_what_another_purpose_brought_is_not_installed_again(installed: Path) -> None:
    """`make demo` after `make test`, without network."""
    assert install(installed, "test").returncode == 0

    done = install(installed, "demo", environ={"PIP_FIND_LINKS": "nowhere"})

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("damage", ["none", "another version", "a Python that is gone", "moved"])
def test_what_does_not_fit_is_made_anew(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    """What is decided; a copy, and what was interrupted, are made anew by the other tests."""
    module = runpy.run_path(str(installed / "tools/install.py"))
    environment = installed / ".venv"
    found = json.loads((environment / "installed.json").read_text())
    if damage == "another version":
        found["python"] = "2.7"
        assert module["fits"](environment, found), "no version was asked for"
        monkeypatch.setenv("PYTHON", sys.executable)  # as the Makefile says that one was
    elif damage == "a Python that is gone":
        environment = tmp_path / ".venv"
        (environment / "bin").mkdir(parents=True)
        (environment / "bin/python").symlink_to(tmp_path / "gone")
    elif damage == "moved":
        found["root"] = str(tmp_path)

    assert module["fits"](environment, found) == (damage == "none")


def test_what_builds_it_is_pinned_too(tmp_path: Path) -> None:
    """A build system runs code of its own, so the newest one on the index must not be taken."""
    project, index = project_in(tmp_path / "a project"), tmp_path / "index"
    index.mkdir()
    for version in "1", "2":
        with zipfile.ZipFile(index / f"builder-{version}-py3-none-any.whl", "w") as wheel:
            wheel.writestr(
                "builder.py", BACKEND.replace("small_project.py", f"built_by_{version}.py")
            )
            for name, text in {
                "METADATA": f"Metadata-Version: 2.1\nName: builder\nVersion: {version}\n",
                "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
                "RECORD": "",
            }.items():
                wheel.writestr(f"builder-{version}.dist-info/{name}", text)
    built = PROJECT.replace("requires = []", 'requires = ["builder"]')
    built = built.replace('"backend"', '"builder"').replace('backend-path = ["."]\n', "")
    (project / "pyproject.toml").write_text(built)
    (project / "constraints.txt").write_text("builder==1\n")

    # The user's file names another place, which the environment overrules.
    file = tmp_path / "pip.conf"
    file.write_text(f"[global]\nfind-links = {tmp_path}/elsewhere\n")
    environ = {"PIP_CONFIG_FILE": str(file), "PIP_FIND_LINKS": index.as_uri()}

    done = install(project, environ=environ)

    assert done.returncode == 0, done.stderr
    assert imports(project, "import built_by_1")


def test_what_was_interrupted_says_so_and_is_made_anew(installed: Path) -> None:
    backend = installed / "backend.py"
    backend.write_text("import os, signal\nos.kill(0, signal.SIGINT)\n" + BACKEND)  # as Ctrl-C
    with (installed / "constraints.txt").open("a") as pins:
        pins.write("# new\n")

    interrupted = install(installed, interruptible=True)

    backend.write_text(BACKEND)
    done = install(installed)
    assert interrupted.returncode == 130
    assert interrupted.stderr == "Stopped; running the command again goes on from here.\n"
    assert done.returncode == 0, done.stderr
    assert "Setting up" in done.stdout
    assert imports(installed)


def test_a_missing_package_is_a_sentence_after_pips_own(installed: Path) -> None:
    done = install(installed, "more")

    assert done.returncode == 1
    assert "no-such" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("pip could not install the packages")
    assert not (installed / ".venv/installed.json").exists()


@pytest.mark.skipif(not UNWRITABLE.parent.exists(), reason="needs a folder that nobody may write")
def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    project = project_in(tmp_path / "project")

    done = install(project, environment=str(UNWRITABLE))

    assert done.returncode == 1
    [sentence] = done.stderr.splitlines()
    assert sentence.startswith(f"{UNWRITABLE} cannot be written")
    assert "use a copy of this folder" in sentence
