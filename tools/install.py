"""Install this project with its dependencies into a virtual environment; recreate it if necessary.

    python tools/install.py .venv tools test lint

A virtual environment is bound to the folder and to the Python that it was made with. It is replaced
if the checkout was moved or copied, if its Python is gone, or if the variable PYTHON requests
another version. If it fits and contains everything requested, nothing is done: that needs no
network.

This runs before anything is installed, so it imports only the standard library.
"""

from __future__ import annotations

import ast
import errno
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = "constraints.txt"
PINS = ("pyproject.toml", CONSTRAINTS)
# The options of a user's pip configuration that are about reaching a package index. Others, such as
# `user` or `target`, are about where to install, and would break this installation.
_NETWORK_OPTIONS = (
    "cache-dir", "cert", "client-cert", "extra-index-url", "find-links", "index-url",
    "keyring-provider", "no-index", "proxy", "retries", "timeout", "trusted-host",
)  # fmt: skip
_PROGRESS_PACKAGES = 10
# Fails if something that these extras of this project need is not installed.
_REQUIRE = """
import json, sys
from importlib.metadata import distribution, distributions
from pip._vendor.packaging.requirements import Requirement

for project in distributions():
    url = json.loads(project.read_text("direct_url.json") or "{}")
    if url.get("dir_info", {}).get("editable"):
        for requirement in map(Requirement, project.requires or ()):
            marker = requirement.marker
            if marker and any(marker.evaluate({"extra": extra}) for extra in sys.argv[1:]):
                distribution(requirement.name)
"""


def main() -> None:
    try:
        _ensure(*sys.argv[1:])
    except KeyboardInterrupt:
        print("Stopped; running the command again goes on from here.", file=sys.stderr)
        sys.exit(130)


def _ensure(folder: str, *extras: str) -> None:
    environment = Path(folder).absolute()
    record = environment / "installed.json"
    wanted = _description(list(extras))
    found = _read(record)
    if not fits(environment, found):
        found = {}
    elif found.get("pins") == wanted["pins"] and _has(environment, found["extras"], extras):
        return
    wanted["extras"] = sorted({*extras, *found.get("extras", ())})
    began = time.monotonic()
    try:
        if not found:
            _create(environment)
        record.unlink(missing_ok=True)  # an interrupted installation does not count
        packages = _install(environment, wanted["extras"])
        record.write_text(json.dumps(wanted))
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC):
            raise
        _fail(
            f"{environment} cannot be written ({error.strerror}): use a copy of "
            "this folder that belongs to you."
        )
    _fetch_pins(environment)
    noun = "package" if packages == 1 else "packages"
    print(f"Installed {packages} {noun} into {folder} in {time.monotonic() - began:.0f} s.")


def fits(environment: Path, found: dict[str, Any]) -> bool:
    """Whether it belongs to this folder, its Python runs, and no other Python is requested."""
    if found.get("root") != str(ROOT):
        return False
    if os.environ.get("PYTHON") and found["python"] != _version():
        return False
    try:  # pip is not found if the Python behind the environment now has another version
        command = [str(environment / "bin/python"), "-I", "-c", "import pip"]
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


def _has(environment: Path, found: list[str], extras: tuple[str, ...]) -> bool:
    """Whether these extras were installed, or need only what other extras installed."""
    more = sorted(set(extras) - set(found))
    command = [str(environment / "bin/python"), "-I", "-c", _REQUIRE, *more]
    return not more or subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 0


def _version() -> str:
    return ".".join(platform.python_version_tuple()[:2])


def _description(extras: list[str]) -> dict[str, Any]:
    pins = b"".join((ROOT / name).read_bytes() for name in PINS)
    return {
        "root": str(ROOT),
        "python": _version(),
        "pins": hashlib.sha256(pins).hexdigest(),
        "extras": extras,
    }


def _read(record: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(record.read_text())
        return found
    except (OSError, ValueError):
        return {}


def _create(environment: Path) -> None:
    print(f"Setting up {environment.name} with Python {platform.python_version()}, once ...")
    sys.stdout.flush()
    # This may be the Python of the environment that is to be recreated.
    python = os.path.realpath(sys.executable) if sys.prefix != sys.base_prefix else sys.executable
    if environment.exists():
        shutil.rmtree(environment)
    environment.mkdir()
    made = subprocess.run(
        [python, "-I", "-m", "venv", str(environment)], capture_output=True, text=True
    )
    if made.returncode != 0:
        shutil.rmtree(environment, ignore_errors=True)
        if "ensurepip" in made.stdout + made.stderr:
            _fail(
                f"{python} lacks its modules venv and ensurepip, which some distributions "
                "package apart: install python3-venv."
            )
        _fail(f"{python} -m venv failed: {(made.stderr or made.stdout).strip()[-500:]}")


def _install(environment: Path, extras: list[str]) -> int:
    """Install with pip, show progress, and return the number of packages."""
    python = str(environment / "bin/python")
    pip = [python, "-I", "-m", "pip", "--disable-pip-version-check", "--no-input"]
    requirement = f".[{','.join(extras)}]"
    arguments = ["install", "--use-pep517", "--progress-bar", "off", "-e", requirement]
    process = subprocess.Popen(
        [*pip, *arguments, "-c", CONSTRAINTS],
        cwd=ROOT,
        env=_pip_environment(pip),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    assert process.stdout is not None
    lines: list[str] = []
    packages = 0
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Collecting "):
            packages += 1
            _show(packages, re.split(r"[^\w.-]", line.split()[1])[0])
    if sys.stdout.isatty():
        print("\r\033[K", end="")
    if process.wait() != 0:
        sys.stderr.writelines(line for line in lines[-40:] if not line.startswith("Collecting "))
        _fail(
            "pip could not install the packages; its messages are above. Without a connection to a "
            "package index only what is installed already runs."
        )
    return packages


def _fetch_pins(environment: Path) -> None:
    """Download what `make package` packs, so that it needs no network; it tries again itself."""
    python = str(environment / "bin/python")
    pip = [python, "-I", "-m", "pip"]
    command = [python, "-I", "-m", "liveness_package.pins"]
    subprocess.run(command, cwd=ROOT, env=_pip_environment(pip), capture_output=True)


def _show(packages: int, name: str) -> None:
    if sys.stdout.isatty():
        print(f"\r\033[K  package {packages}: {name[:40]}", end="", flush=True)
    elif packages % _PROGRESS_PACKAGES == 0:
        print(f"  package {packages}: {name}", flush=True)


def _pip_environment(pip: list[str]) -> dict[str, str]:
    """Return the environment with only the package-index options of a user's configuration.

    Build dependencies run as well, so they are pinned, too: `-c` does not apply to them.
    """
    listed = subprocess.run([*pip, "config", "list"], cwd=ROOT, capture_output=True, text=True)
    options: dict[str, str] = {}
    # Listed by name; the last one wins: the environment, before `install`, before `global`.
    for line in sorted(listed.stdout.splitlines(), key=lambda line: line.startswith(":env:")):
        name, _, text = line.partition("=")
        section, _, option = name.rpartition(".")
        option = option.lower().replace("_", "-")
        if section in ("global", "install", ":env:") and option in _NETWORK_OPTIONS:
            options[f"PIP_{option.upper().replace('-', '_')}"] = str(ast.literal_eval(text))
    environment = {
        name: text for name, text in os.environ.items() if not name.upper().startswith("PIP_")
    }
    # The first one is what pip before 25.3 reads.
    pinned = {"PIP_CONSTRAINT": CONSTRAINTS, "PIP_BUILD_CONSTRAINT": CONSTRAINTS}
    return {**environment, **options, **pinned, "PIP_CONFIG_FILE": os.devnull, "PYTHONUTF8": "1"}


def _fail(sentence: str) -> NoReturn:
    print(sentence, file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
