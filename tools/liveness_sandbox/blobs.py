"""Stored bytes: small ones in memory, large ones in a file, so that huge objects work."""

from __future__ import annotations

import hashlib
import io
import re
import uuid
import weakref
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .crc64 import Crc64
from .data import DataError

SPOOL_BYTES = 1024 * 1024
_CHUNK_BYTES = 256 * 1024
_NAME = re.compile(r"[0-9a-f]{32}")


class Blob:
    """Immutable bytes with their size and checksums."""

    def __init__(
        self, size: int, md5: str, crc64: int | None, data: bytes | None, path: Path | None
    ) -> None:
        self.size = size
        self.md5 = md5
        self.crc64 = crc64
        self.path = path
        self._data = data

    def open(self) -> BinaryIO:
        if self.path is None:
            return io.BytesIO(self._data or b"")
        return self.path.open("rb")

    def read(self) -> bytes:
        with self.open() as stream:
            return stream.read()

    def as_slice(self) -> BlobSlice:
        return BlobSlice(self, 0, self.size)

    def release(self) -> None:
        """Free the bytes once this blob, which no object uses any more, is garbage-collected."""
        if self.path is not None:
            weakref.finalize(self, self.path.unlink, missing_ok=True)


@dataclass(frozen=True)
class BlobSlice:
    blob: Blob
    offset: int
    length: int

    def chunks(self) -> Iterator[bytes]:
        remaining = self.length
        with self.blob.open() as stream:
            stream.seek(self.offset)
            while remaining > 0 and (chunk := stream.read(min(_CHUNK_BYTES, remaining))):
                remaining -= len(chunk)
                yield chunk


class BlobWriter:
    """Build a Blob from chunks: call `finish`, or `discard` to remove an unfinished file."""

    def __init__(self, directory: Path, spool_bytes: int) -> None:
        self._path = directory / uuid.uuid4().hex
        self._spool_bytes = spool_bytes
        self._memory = io.BytesIO()
        self._file: BinaryIO | None = None
        self._md5 = hashlib.md5()
        self._crc64 = Crc64()
        self.size = 0

    def write(self, chunk: bytes) -> None:
        self._md5.update(chunk)
        self._crc64.update(chunk)
        self.size += len(chunk)
        if self._file is None and self.size > self._spool_bytes:
            self._file = self._path.open("wb")
            self._file.write(self._memory.getvalue())
            self._memory = io.BytesIO()
        (self._file or self._memory).write(chunk)

    def finish(self) -> Blob:
        self.write(b"")  # for an empty blob that has to be in a file
        checksums = self._md5.hexdigest(), self._crc64.value
        if self._file is None:
            return Blob(self.size, *checksums, self._memory.getvalue(), None)
        self._file.close()
        return Blob(self.size, *checksums, None, self._path)

    def discard(self) -> None:
        if self._file is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)


class BlobStore:
    def __init__(self, directory: Path, durable: bool) -> None:
        """`durable`: the directory outlives the sandbox, so every blob has to be in a file."""
        self._directory = directory
        self._spool_bytes = -1 if durable else SPOOL_BYTES
        directory.mkdir(parents=True, exist_ok=True)

    def writer(self) -> BlobWriter:
        return BlobWriter(self._directory, self._spool_bytes)

    def put(self, data: bytes) -> Blob:
        writer = self.writer()
        writer.write(data)
        return writer.finish()

    async def receive(self, chunks: AsyncIterator[bytes]) -> Blob:
        writer = self.writer()
        try:
            async for chunk in chunks:
                writer.write(chunk)
            return writer.finish()
        except BaseException:
            # Also when the client disconnects midway: half an object is not an object.
            writer.discard()
            raise

    def join(self, slices: Iterable[BlobSlice]) -> Blob:
        """Create a blob by concatenating slices of other blobs."""
        writer = self.writer()
        try:
            for each in slices:
                for chunk in each.chunks():
                    writer.write(chunk)
            return writer.finish()
        except BaseException:
            writer.discard()
            raise

    def existing(self, name: str, size: int, md5: str, crc64: int | None = None) -> Blob:
        """Return a blob that an earlier sandbox left in the directory.

        Raise DataError if it is not a file of this directory.
        """
        path = self._directory / name
        if not _NAME.fullmatch(name) or path.is_symlink() or not path.is_file():
            raise DataError(f"{name!r} is not a file in {self._directory}")
        return Blob(size, md5, crc64, None, path)

    def sweep(self, used: set[str]) -> None:
        """Remove files that no object refers to; a sandbox that was killed leaves such files.

        Raise DataError, and remove nothing, if the folder contains anything that no sandbox made.
        """
        found = list(self._directory.iterdir())
        for path in found:
            if not _NAME.fullmatch(path.name) or path.is_symlink() or not path.is_file():
                raise DataError(f"{path} was not made by a sandbox: give it a folder of its own")
        for path in found:
            if path.name not in used:
                path.unlink()
