"""python -m liveness_package [--source FOLDER --entry FILE] [--compile-with PYTHON3.10]
[--output FOLDER]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from .bytecode import compile_folder
from .output import replace, write_folder, write_zip
from .pins import PinError, fetch, read_pins
from .selection import ENTRY, select

_ROOT = Path(__file__).resolve().parents[2]
_FUNCTION = _ROOT / "src"
_NO_PYTHON = (
    "No Python 3.10 found: the package has no bytecode, so every cold start compiles all of it."
)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="make package",
        description="Build function/ and function.zip, which are deployed.",
    )
    parser.add_argument(
        "--source",
        type=Path,
        default=_FUNCTION,
        help="folder with the code of another function, which needs no other dependencies",
    )
    parser.add_argument("--entry", default=ENTRY, help="the file in it that has the handler")
    parser.add_argument("--compile-with", help="a Python 3.10, which is the function's runtime")
    parser.add_argument(
        "--output", type=Path, default=_ROOT / "build", help="folder to write the package to"
    )
    options = parser.parse_args()
    try:
        pins = read_pins((_ROOT / "requirements.txt").read_text())
        files = fetch(pins, _ROOT / "requirements.txt", _ROOT / "build" / "pinned")
    except PinError as error:
        sys.exit(f"No package was made: {error}")
    options.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".package-", dir=options.output) as scratch:
        folder, archive = Path(scratch, "function"), Path(scratch, "function.zip")
        selected = select(
            options.source,
            _ROOT / "LICENSE",
            files,
            options.entry,
            may_omit_pins=options.source != _FUNCTION,
        )
        write_folder(selected, folder)
        if options.compile_with:
            compile_folder(folder, options.compile_with)
        write_zip(folder, archive)
        replace(options.output / folder.name, folder)
        replace(options.output / archive.name, archive)
    size = (options.output / archive.name).stat().st_size / 1e6
    path = os.path.relpath(options.output)
    print(f"{archive.name}: {size:.2f} MB; {archive.name} and {folder.name}/ are in {path}")
    if not options.compile_with:
        print(_NO_PYTHON)


if __name__ == "__main__":
    main()
