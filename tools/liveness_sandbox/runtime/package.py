"""A deployed package: a copy of the code folder, and the packages installed for an interpreter."""

from __future__ import annotations

import functools
import io
import json
import shutil
import subprocess
import sys
import sysconfig
import zipfile
import zlib
from pathlib import Path

from .deployment import Deployment

MAX_UNPACKED_BYTES = 500 * 1024 * 1024
"""The limit of the code of a function (583/11637)."""

# Run by another interpreter, with -I so that it ignores this environment.
_PRINT_PATHS = "import json, sysconfig; print(json.dumps([*map(sysconfig.get_path, {names!r})]))"
_NAMES = ["purelib", "platlib"]


class InvalidPackage(Exception):
    """The uploaded code cannot be unpacked; str() says why."""


def unpack(code: Path, target: Path) -> Path:
    """Copy the code, as uploading does: later edits have no effect until the next deployment.

    The copy keeps modification times, so that shipped bytecode stays valid.
    """
    # Other processes may create and remove temporary bytecode files in a folder that is in use.
    shutil.copytree(code, target, ignore=shutil.ignore_patterns("*.pyc.*"))
    return target


def unpack_zip(package: bytes, target: Path) -> Path:
    """Unpack an uploaded package. Raise InvalidPackage if it is none, or too large."""
    try:
        with zipfile.ZipFile(io.BytesIO(package)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MAX_UNPACKED_BYTES:
                raise InvalidPackage("The code has more than 500 MB after decompression.")
            # Names that would leave the folder are made safe by extracting.
            archive.extractall(target)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError):
        shutil.rmtree(target, ignore_errors=True)
        raise InvalidPackage("The code is not a zip file.") from None
    return target


def has_entry(deployment: Deployment) -> bool:
    """Return whether the code has the file that the handler names."""
    module = deployment.options.handler.rpartition(".")[0]
    return any((deployment.code / f"{module}{suffix}").is_file() for suffix in (".py", ".pyc"))


@functools.cache
def site_packages(python: str) -> tuple[Path, ...]:
    """Return the folders of the packages that an interpreter has installed."""
    if python == sys.executable:
        paths = [sysconfig.get_path(name) for name in _NAMES]
    else:
        process = subprocess.run(
            [python, "-I", "-c", _PRINT_PATHS.format(names=_NAMES)],
            stdout=subprocess.PIPE,
            check=True,
        )
        paths = json.loads(process.stdout)
    return tuple(dict.fromkeys(map(Path, paths)))
