"""Which files ship: all of `src/`, and of each dependency what an import statement can reach."""

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
# What says under which terms a distribution may be passed on, beside its METADATA.
_LICENCES = ("LICEN", "NOTICE", "COPYING", "AUTHORS")
_TYPING_ONLY = (".pyi", ".typed")


def select(source: Path, licence: Path, pinned: Mapping[Pin, Path]) -> Files:
    """All that ships, by path in the package.

    Raises PinError for a pin of which nothing is ever imported.
    """
    own = {
        path.relative_to(source).as_posix(): path.read_bytes()
        for path in source.rglob("*.py")
        if path.is_file()
    }
    distributions = {pin: _contents(pin, path) for pin, path in pinned.items()}
    everything = own | {
        name: body for files in distributions.values() for name, body in files.items()
    }
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch).resolve()
        write_folder(everything, tree)
        reached = reachable(tree)
    chosen = own | {licence.name: licence.read_bytes()}
    for pin, files in distributions.items():
        if not reached & files.keys():
            raise PinError(f"requirements.txt pins {pin.name}, but nothing imports it")
        chosen |= {
            name: body
            for name, body in files.items()
            if (name in reached if name.endswith(".py") else _is_kept(name))
        }
    return chosen


def reachable(tree: Path) -> set[str]:
    """Every module in the tree that an import statement leads to, however late it would run.

    What runs need not import all of it: this is the most that they can, but for names that are
    put together at run time.
    """
    finder = ModuleFinder(path=[str(tree)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about others' code
        finder.run_script(str(tree / ENTRY))
    files = (getattr(module, "__file__", None) for module in finder.modules.values())
    return {Path(file).relative_to(tree).as_posix() for file in files if file}


def _is_kept(name: str) -> bool:
    """Of what is not code: a package's data, and what states the terms."""
    path = PurePosixPath(name)
    if path.parts[0].endswith(".dist-info"):
        return path.name == "METADATA" or path.name.upper().startswith(_LICENCES)
    return path.suffix not in _TYPING_ONLY


def _contents(pin: Pin, path: Path) -> Files:
    """A distribution's files as installing would lay them; nothing of it is run."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            return {name: wheel.read(name) for name in wheel.namelist() if not name.endswith("/")}
    return _crcmod(pin, path)


def _crcmod(pin: Pin, path: Path) -> Files:
    """crcmod exists as source only; without its C extension it is these files."""
    if pin.name != "crcmod":
        raise PinError(f"requirements.txt pins {path.name}, which is no wheel")
    info = f"crcmod-{pin.version}.dist-info"
    places = {"PKG-INFO": f"{info}/METADATA", "LICENSE": f"{info}/LICENSE"}
    files: Files = {}
    with tarfile.open(path) as archive:
        for member in archive:
            _, _, name = member.name.partition("/")
            if name.startswith("python3/crcmod/") and name.endswith(".py"):
                places[name] = name.removeprefix("python3/")
            content = archive.extractfile(member) if name in places else None
            if content is not None:
                files[places[name]] = content.read()
    return files
