"""CRC-64/ECMA-182, which COS returns for every object in `x-cos-hash-crc64ecma` (436/43320)."""

from __future__ import annotations

import crcmod
from crcmod.crcmod import _usingExtension as _COMPILED

# Without a C compiler, crcmod computes in Python, about 5 MB per second: then only small objects
# get the header. COS omits it too, for objects that are older than the feature.
_MAX_BYTES = None if _COMPILED else 256 * 1024

_crc64 = crcmod.mkCrcFun(0x142F0E1EBA9EA3693, initCrc=0, xorOut=0xFFFFFFFFFFFFFFFF, rev=True)


class Crc64:
    """The checksum of all chunks so far; `value` is None if computing it would take too long."""

    def __init__(self) -> None:
        self._size = 0
        self._crc: int = 0

    def update(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self.value is not None:
            self._crc = _crc64(chunk, self._crc)

    @property
    def value(self) -> int | None:
        return self._crc if _MAX_BYTES is None or self._size <= _MAX_BYTES else None
