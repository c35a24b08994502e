"""Conditions of statements, by keys that COS documents (436/71306, 436/71307).

A key is usable only for requests that have its header or parameter. An operator that ends in
`_if_exist` also holds for a request without the header; others do not. All keys of all operators
of a statement must hold.
"""

from __future__ import annotations

from typing import Any

from .language import Condition

TLS: Condition = {"bool_equal": {"cos:secure-transport": "true"}}
# COS answers 409 if the key is taken (436/7749), but ignores the header in a bucket that ever had
# versioning.
CREATE_ONLY: Condition = {"string_equal": {"cos:x-cos-forbid-overwrite": "true"}}

# A value that no valid header has: grants name accounts, as `id="100000000001"`, and the only
# algorithm for a customer's key is AES256. With `_if_exist` it forbids the header altogether.
_NOTHING = "none"
_GRANTS = ("read", "write", "read-acp", "write-acp", "full-control")
# The object inherits the bucket's ACL, which is to be private, or gets a private one of its own.
PRIVATE: Condition = {
    "string_equal_if_exist": {
        "cos:x-cos-acl": ["private", "default"],
        **{f"cos:x-cos-grant-{grant}": _NOTHING for grant in _GRANTS},
    }
}
# Readable by the function at once, and with an ETag that is the content's MD5: not archived, and
# not encrypted with a key of the uploader's or of KMS.
PLAIN: Condition = {
    "string_equal_if_exist": {
        "cos:x-cos-storage-class": "STANDARD",
        "cos:x-cos-server-side-encryption": "AES256",
        "cos:x-cos-server-side-encryption-customer-algorithm": _NOTHING,
    }
}


def at_most(max_bytes: int) -> Condition:
    """Limit a request's body; of a multipart upload, that is one part and not the object."""
    return {"numeric_less_than_equal": {"cos:content-length": max_bytes}}


def all_of(*conditions: Condition) -> Condition:
    """Combine conditions that have no key in common."""
    combined: dict[str, dict[str, Any]] = {}
    for condition in conditions:
        for operator, keys in condition.items():
            combined.setdefault(operator, {}).update(keys)
    return combined
