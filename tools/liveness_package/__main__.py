"""python -m liveness_package [--source FOLDER --entry FILE] [--compile-with PYTHON3.10]
[--output FOLDER]
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from .build import build_package
from .pins import PinError
from .selection import ENTRY

_ROOT = Path(__file__).resolve().parents[2]
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
        help="folder with the code of another function, which needs no other dependencies",
    )
    parser.add_argument("--entry", default=ENTRY, help="the file in it that has the handler")
    parser.add_argument("--compile-with", help="a Python 3.10, which is the function's runtime")
    parser.add_argument(
        "--output", type=Path, default=_ROOT / "build", help="folder to write the package to"
    )
    options = parser.parse_args()
    try:
        archive = build_package(
            _ROOT,
            options.output,
            source=options.source,
            entry=options.entry,
            compile_with=options.compile_with,
        )
    except PinError as error:
        sys.exit(f"No package was made: {error}")
    except OSError as error:
        sys.exit(f"No package was made in {options.output}: {error.strerror}")
    size = archive.stat().st_size / 1e6
    path = os.path.relpath(options.output)
    print(f"{archive.name}: {size:.2f} MB; {archive.name} and {archive.stem}/ are in {path}")
    if not options.compile_with:
        print(_NO_PYTHON)


if __name__ == "__main__":
    main()
