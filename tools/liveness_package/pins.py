"""Read requirements.txt, which pins the files that ship by hash, and download them."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_PIN = re.compile(r"(?P<name>[\w.-]+)==(?P<version>[\w.]+) --hash=sha256:(?P<sha256>[0-9a-f]{64})")
# Wheels without machine code run on every system, so one file per pin is enough.
_FOR_ANY_MACHINE = (
    *("--implementation", "py", "--abi", "none", "--platform", "any"),
    *("--python-version", "3.10"),
)


class PinError(Exception):
    """The pinned files are not available; str() says why."""


class Pin(NamedTuple):
    """One file of one distribution."""

    name: str
    version: str
    sha256: str


def read_pins(text: str) -> list[Pin]:
    """Parse the pins. Raises PinError for a line that is neither pin, option nor comment."""
    pins = []
    for line in text.splitlines():
        if not line.strip() or line.startswith(("#", "--")):
            continue
        pin = _PIN.fullmatch(line.strip())
        if pin is None:
            raise PinError(f"requirements.txt has {line!r}: give NAME==VERSION --hash=sha256:HASH")
        pins.append(Pin(**pin.groupdict()))
    return pins


def fetch(pins: Sequence[Pin], requirements: Path, cache: Path) -> dict[Pin, Path]:
    """Return each pin's file, verified by its hash; pip downloads only what the cache lacks.

    Raises PinError if pip fails.
    """
    cache.mkdir(parents=True, exist_ok=True)
    files = _files_by_hash(cache)
    if any(pin.sha256 not in files for pin in pins):
        with tempfile.TemporaryDirectory(prefix=".download-", dir=cache.parent) as folder:
            pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "-qq"]
            options = ["--no-deps", *_FOR_ANY_MACHINE, "--dest", folder]
            if subprocess.run([*pip, *options, "--requirement", str(requirements)]).returncode:
                raise PinError(
                    "pip could not download what requirements.txt pins; see its output above. "
                    "Once they are in build/pinned, no network is needed"
                )
            for path in Path(folder).iterdir():
                path.replace(cache / path.name)  # atomic, for other readers of the cache
        files = _files_by_hash(cache)
    return {pin: files[pin.sha256] for pin in pins}


def _files_by_hash(folder: Path) -> dict[str, Path]:
    return {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in folder.iterdir()}


if __name__ == "__main__":
    _root = Path(__file__).resolve().parents[2]
    _requirements = _root / "requirements.txt"
    fetch(read_pins(_requirements.read_text()), _requirements, _root / "build/pinned")
