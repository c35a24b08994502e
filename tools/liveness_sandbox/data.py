"""The folder for data that outlives the sandbox. It may contain faces."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

_ONLY_OWNER = 0o700


class DataError(Exception):
    """A data folder cannot be used; str() says why."""


class DataFolder:
    """Locks the folder for one sandbox at a time, across processes."""

    def __init__(self, path: Path) -> None:
        """Lock the folder, after creating it if necessary. Raise DataError or OSError."""
        self.path = path
        path.mkdir(mode=_ONLY_OWNER, parents=True, exist_ok=True)
        self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise DataError(f"another sandbox is using {path}") from None

    def folder(self, name: str) -> Path:
        """Return a subfolder that only its owner can read. Raise DataError or OSError."""
        path = self.path / name
        if path.is_symlink():
            raise DataError(f"{path} is a link, which could lead out of the data folder")
        path.mkdir(exist_ok=True)
        path.chmod(_ONLY_OWNER)
        return path

    def close(self) -> None:
        os.close(self._lock)
