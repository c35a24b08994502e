"""The package that is deployed, and the digest by which it is compared."""

from __future__ import annotations

import hashlib
import zipfile
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import click

from liveness_package.build import build_package
from liveness_package.bytecode import find_runtime
from liveness_package.pins import PinError

# The limit of CreateFunction and UpdateFunctionCode (583/18586).
_MAX_BYTES = 50_000_000


class Package(NamedTuple):
    """A zip, and a digest of its contents."""

    archive: bytes
    digest: str
    is_compiled: bool
    """Whether it has bytecode, without which every cold start compiles."""


def make_package(root: Path) -> Package:
    """Build the package of the checkout at `root`. Raises ClickException."""
    try:
        path = build_package(root, root / "build", compile_with=find_runtime())
    except PinError as error:
        raise click.ClickException(f"no package was made: {error}") from None
    except OSError as error:
        raise click.ClickException(
            f"no package was made in {root / 'build'}: {error.strerror}"
        ) from None
    return read_package(path)


def read_package(path: Path) -> Package:
    """Read a package that was made earlier. Raises ClickException."""
    try:
        archive = path.read_bytes()
        with zipfile.ZipFile(BytesIO(archive)) as packed:
            names = sorted(packed.namelist())
            parts = [f"{name} {hashlib.sha256(packed.read(name)).hexdigest()}" for name in names]
    except (OSError, zipfile.BadZipFile) as error:
        raise click.ClickException(f"{path.name} is no package: {type(error).__name__}") from None
    if "index.py" not in names:
        raise click.ClickException(f"{path.name} is no package: it has no index.py")
    if len(archive) > _MAX_BYTES:
        raise click.ClickException(
            f"{path.name} has {len(archive):,} bytes, more than the {_MAX_BYTES:,} that SCF accepts"
        )
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return Package(archive, digest, any(name.endswith(".pyc") for name in names))
