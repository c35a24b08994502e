"""Build a package: the code of a function, what it imports, and bytecode, as a folder and a zip.

The build uses only Python's standard library: pip just downloads files, which are verified by their
hashes.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from .bytecode import compile_folder
from .output import replace, write_folder, write_zip
from .pins import fetch, read_pins
from .sbom import describe
from .selection import ENTRY, select

# Beside the zip: its third-party contents.
SBOM = "function.cdx.json"


def build_package(
    root: Path,
    output: Path,
    *,
    source: Path | None = None,
    entry: str = ENTRY,
    compile_with: str | None = None,
) -> Path:
    """Build from the checkout at `root`, and return the zip; a previous one is replaced at the end.

    `source` is a folder with the code of another function, which needs no other dependencies, and
    `compile_with` a Python 3.10, without which there is no bytecode. Raises PinError.
    """
    pins = read_pins((root / "requirements.txt").read_text())
    files = fetch(pins, root / "requirements.txt", root / "build" / "pinned")
    output.mkdir(parents=True, exist_ok=True)
    archive = output / "function.zip"
    with tempfile.TemporaryDirectory(prefix=".package-", dir=output) as scratch:
        folder, packed = Path(scratch, "function"), Path(scratch, archive.name)
        selected = select(
            source or root / "src",
            root / "LICENSE",
            files,
            entry,
            may_omit_pins=source is not None,
        )
        write_folder(selected, folder)
        if compile_with:
            compile_folder(folder, compile_with)
        write_zip(folder, packed)
        sbom = Path(scratch, SBOM)
        sbom.write_bytes(describe(selected, files))
        replace(output / folder.name, folder)
        replace(archive, packed)
        replace(output / SBOM, sbom)
    return archive
