"""The default encryption of a bucket (436/40136): GET, PUT and DELETE."""

from __future__ import annotations

from ...wire import Reply
from .. import request_body
from ..encryption import SSE_COS, SSE_KMS
from ..errors import CosError
from ..markup import document, element
from .operation import XML, Operation

_PATH = "Rule/ApplyServerSideEncryptionByDefault"
_ALGORITHMS = {"AES256": SSE_COS, "KMS": SSE_KMS}


class BucketEncryptionOperations:
    async def get(self, operation: Operation) -> Reply:
        kind = operation.bucket.encryption
        if kind is None:
            raise _not_set()
        name = next(name for name, each in _ALGORITHMS.items() if each == kind)
        default = element("ApplyServerSideEncryptionByDefault", element("SSEAlgorithm", name))
        root = element("ServerSideEncryptionConfiguration", element("Rule", default))
        return Reply(200, document(root), XML)

    async def put(self, operation: Operation) -> Reply:
        tree = await request_body.read(operation.request, "ServerSideEncryptionConfiguration")
        name = tree.findtext(f"{_PATH}/SSEAlgorithm", "")
        if name not in _ALGORITHMS:
            raise request_body.malformed(f"SSEAlgorithm is one of {', '.join(_ALGORITHMS)}")
        if tree.findtext(f"{_PATH}/KMSMasterKeyID"):
            raise CosError(405, "MethodNotAllowed", "The sandbox has no keys of its user's")
        operation.bucket.configure(encryption=_ALGORITHMS[name])
        return Reply(200)

    async def delete(self, operation: Operation) -> Reply:
        if operation.bucket.encryption is None:
            raise _not_set()
        operation.bucket.configure(encryption=None)
        return Reply(204)


def _not_set() -> CosError:
    return CosError(
        404,
        "NoSuchEncryptionConfiguration",
        "The server side encryption configuration does not exist",
    )
