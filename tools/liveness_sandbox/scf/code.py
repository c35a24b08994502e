"""The code of a function, as a request brings it: in base64, or as an object in COS."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from ..account import APPID
from ..api.errors import ApiError
from ..cos.store import Store

Params = Mapping[str, Any]

MAX_ZIP_BYTES = 50 * 1024 * 1024
_OF_COS = ("CosBucketName", "CosObjectName", "CosBucketRegion")


def package_of(code: Params, store: Store, region: str) -> bytes:
    """Return the zip file that a `Code` names. Raise ApiError."""
    if unknown := set(code) - {"ZipFile", *_OF_COS}:
        raise ApiError("UnsupportedOperation", f"The sandbox does not implement {min(unknown)}.")
    in_cos = [name for name in _OF_COS if name in code]
    if bool(in_cos) == ("ZipFile" in code):
        raise ApiError("InvalidParameterValue.Code", "Give ZipFile, or an object in COS.")
    package = _of_cos(code, store, region) if in_cos else _decoded(code["ZipFile"])
    if len(package) > MAX_ZIP_BYTES:
        raise ApiError("InvalidParameterValue.ZipFile", "The zip file has more than 50 MB.")
    return package


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ApiError(
            "InvalidParameterValue.ZipFileBase64BinasciiError", "ZipFile is not in base64."
        ) from None


def _of_cos(code: Params, store: Store, region: str) -> bytes:
    name, key = code.get("CosBucketName", ""), code.get("CosObjectName", "")
    bucket = store.find(f"{name}-{APPID}")
    if bucket is None or bucket.region != code.get("CosBucketRegion", region):
        raise ApiError(
            "InvalidParameterValue.CosBucketName",
            f"There is no bucket {name}-{APPID} in the region; CosBucketName has no APPID.",
        )
    if not key.startswith("/"):
        raise ApiError("InvalidParameterValue.CosObjectName", "CosObjectName must begin with /.")
    stored = bucket.get(key[1:])
    if stored is None:
        raise ApiError("ResourceNotFound.CosObject", f"There is no object {key}.")
    return stored.body()
