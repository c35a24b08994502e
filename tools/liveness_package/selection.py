"""Select the files that ship: all of `src/`, and what it can import of each dependency."""

from __future__ import annotations

import tarfile
import tempfile
import warnings
import zipfile
from collections.abc import Mapping
from modulefinder import ModuleFinder
from pathlib import Path, PurePosixPath

from .output import Files, write_folder
from .pins import Pin, PinError

ENTRY = "index.py"
# Files of a distribution that state its license, in addition to METADATA.
_LICENSE_NAMES = ("LICEN", "NOTICE", "COPYING", "AUTHORS")
_TYPING_ONLY = (".pyi", ".typed")


def select(
    source: Path,
    license_file: Path,
    pinned: Mapping[Pin, Path],
    entry: str = ENTRY,
    *,
    may_omit_pins: bool = False,
) -> Files:
    """Return the files that ship, by path in the package; `entry` is the module of the handler.

    Raises PinError for a pin that nothing imports, unless `may_omit_pins`.
    """
    function_files = {
        path.relative_to(source).as_posix(): path.read_bytes()
        for path in source.rglob("*.py")
        if path.is_file()
    }
    distributions = {pin: _contents(pin, path) for pin, path in pinned.items()}
    all_files = function_files | {
        name: body for files in distributions.values() for name, body in files.items()
    }
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch).resolve()
        write_folder(all_files, tree)
        reachable = reachable_modules(tree, entry)
    selected = function_files | {license_file.name: license_file.read_bytes()}
    for pin, files in distributions.items():
        if not reachable & files.keys():
            if may_omit_pins:
                continue
            raise PinError(f"requirements.txt pins {pin.name}, but nothing imports it")
        selected |= {
            name: body
            for name, body in files.items()
            if (name in reachable if name.endswith(".py") else _ships(name))
        }
    return selected


def reachable_modules(tree: Path, entry: str = ENTRY) -> set[str]:
    """Return every module in the tree that an import statement leads to, even one in a function.

    No run can import other modules, except by names that are composed at run time.
    """
    finder = ModuleFinder(path=[str(tree)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the dependencies' code
        finder.run_script(str(tree / entry))
    files = (getattr(module, "__file__", None) for module in finder.modules.values())
    return {Path(file).relative_to(tree).as_posix() for file in files if file}


def _ships(name: str) -> bool:
    """Whether a file that is not code ships: a package's data and license do."""
    path = PurePosixPath(name)
    if path.parts[0].endswith(".dist-info"):
        return path.name == "METADATA" or path.name.upper().startswith(_LICENSE_NAMES)
    return path.suffix not in _TYPING_ONLY


def _contents(pin: Pin, path: Path) -> Files:
    """Return a distribution's files by the paths they are installed to, without running any."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            return {name: wheel.read(name) for name in wheel.namelist() if not name.endswith("/")}
    return _crcmod(pin, path)


def _crcmod(pin: Pin, path: Path) -> Files:
    """Select from crcmod's source distribution, its only form, what works without a C extension."""
    if pin.name != "crcmod":
        raise PinError(f"requirements.txt pins {path.name}, which is not a wheel")
    info = f"crcmod-{pin.version}.dist-info"
    paths = {"PKG-INFO": f"{info}/METADATA", "LICENSE": f"{info}/LICENSE"}
    files: Files = {}
    with tarfile.open(path) as archive:
        for member in archive:
            _, _, name = member.name.partition("/")
            if name.startswith("python3/crcmod/") and name.endswith(".py"):
                paths[name] = name.removeprefix("python3/")
            content = archive.extractfile(member) if name in paths else None
            if content is not None:
                files[paths[name]] = content.read()
    return files
