"""python -m liveness_package [--compile-with PYTHON3.10] [--to FOLDER]"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from .bytecode import compile_folder
from .output import put_in_place, write_folder, write_zip
from .pins import PinError, fetch, read_pins
from .selection import select

_ROOT = Path(__file__).resolve().parents[2]
_NO_PYTHON = (
    "No Python 3.10 found: the package has no bytecode, so that every cold start compiles all of "
    "it again."
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make package", description=__doc__)
    parser.add_argument("--compile-with", help="a Python 3.10, the function's runtime")
    parser.add_argument("--to", type=Path, default=_ROOT / "build", help="where the package goes")
    given = parser.parse_args()
    try:
        pins = read_pins((_ROOT / "requirements.txt").read_text())
        files = fetch(pins, _ROOT / "requirements.txt", _ROOT / "build" / "pinned")
    except PinError as error:
        sys.exit(f"No package was made: {error}")
    given.to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".package-", dir=given.to) as scratch:
        folder, archive = Path(scratch, "function"), Path(scratch, "function.zip")
        write_folder(select(_ROOT / "src", _ROOT / "LICENSE", files), folder)
        if given.compile_with:
            compile_folder(folder, given.compile_with)
        write_zip(folder, archive)
        put_in_place(folder, given.to / folder.name)
        put_in_place(archive, given.to / archive.name)
    size = (given.to / archive.name).stat().st_size / 1e6
    place = os.path.relpath(given.to)
    print(f"{archive.name}: {size:.2f} MB; it and {folder.name}/ are in {place}")
    if not given.compile_with:
        print(_NO_PYTHON)


if __name__ == "__main__":
    main()
