"""python -m liveness_package [--compile-with PYTHON3.10] [--output FOLDER]"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from .bytecode import compile_folder
from .output import replace, write_folder, write_zip
from .pins import PinError, fetch, read_pins
from .selection import select

_ROOT = Path(__file__).resolve().parents[2]
_NO_PYTHON = (
    "No Python 3.10 found: the package has no bytecode, so every cold start compiles all of it."
)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="make package",
        description="Build function/ and function.zip, which are deployed.",
    )
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
        write_folder(select(_ROOT / "src", _ROOT / "LICENSE", files), folder)
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
