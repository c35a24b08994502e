"""Write the package as a folder and as a zip, with the same bytes on every machine."""

from __future__ import annotations

import os
import shutil
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

Files: TypeAlias = dict[str, bytes]

# The platform runs the code as a different user than the one who packed it.
_FILE_MODE = 0o644
_FOLDER_MODE = 0o755


def write_folder(files: Mapping[str, bytes], folder: Path) -> None:
    for name, body in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)


def write_zip(folder: Path, archive: Path) -> None:
    """Zip a folder, and give its files fixed modes, independent of the umask."""
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    with zipfile.ZipFile(archive, "w") as packed:
        for name, path in sorted(paths.items()):
            path.chmod(_FOLDER_MODE if path.is_dir() else _FILE_MODE)
            if path.is_file():
                entry = zipfile.ZipInfo(name)  # its time is 1980, the earliest possible
                entry.create_system = 3  # Unix, so that the mode applies
                entry.external_attr = (stat.S_IFREG | _FILE_MODE) << 16
                packed.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, 9)
    folder.chmod(_FOLDER_MODE)
    archive.chmod(_FILE_MODE)


def replace(old: Path, new: Path) -> None:
    """Replace a file or folder by one that is complete."""
    if old.is_dir():
        shutil.rmtree(old)
    os.replace(new, old)
