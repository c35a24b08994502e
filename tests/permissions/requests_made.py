"""What a recorded request asks of CAM: action, resource, and what conditions look at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from liveness_cli.permissions.evaluator import Request, allows
from liveness_cli.permissions.language import Policy
from liveness_cli.permissions.policies import FUNCTION
from liveness_sandbox.requestlog import RequestRecord

REGION = "ap-singapore"
APPID = "1250000000"
UIN = "100000000001"

# By method and what the query names; a request that is not here must not be taken for allowed.
_OF_OBJECTS = {
    ("HEAD", ""): "HeadObject",
    ("GET", ""): "GetObject",
    ("PUT", ""): "PutObject",
    ("DELETE", ""): "DeleteObject",
    ("POST", "uploads"): "InitiateMultipartUpload",
    ("PUT", "uploadId"): "UploadPart",
    ("GET", "uploadId"): "ListParts",
    ("POST", "uploadId"): "CompleteMultipartUpload",
    ("DELETE", "uploadId"): "AbortMultipartUpload",
    ("PUT", "acl"): "PutObjectACL",
}
_OF_BUCKETS = {
    ("GET", ""): "GetBucket",
    ("HEAD", ""): "HeadBucket",
    ("GET", "uploads"): "ListMultipartUploads",
    ("GET", "versioning"): "GetBucketVersioning",
    ("GET", "lifecycle"): "GetBucketLifecycle",
    ("PUT", "lifecycle"): "PutBucketLifecycle",
}
_NAMED = ("uploads", "uploadId", "acl", "versioning", "lifecycle")


def cos(action: str, bucket: str, key: str, **headers: str) -> Request:
    """`headers` without their dashes' underscores: x_cos_acl="public-read"."""
    context = {f"cos:{name.replace('_', '-')}": value for name, value in headers.items()}
    resource = f"qcs::cos:{REGION}:uid/{APPID}:{bucket}/{key}"
    return Request(f"name/cos:{action}", resource, context)


def asked(request: RequestRecord) -> Request:
    """Raises KeyError for what no table here knows."""
    if request.service == "cos":
        assert "x-cos-copy-source" not in request.headers, "a copy asks for its source, too"
        named = next((name for name in _NAMED if name in request.query), "")
        known = _OF_OBJECTS if request.key else _OF_BUCKETS
        headers = {
            name.replace("-", "_"): value
            for name, value in request.headers.items()
            if name.startswith("x-cos-")
        }
        return cos(known[request.method, named], request.bucket, request.key, **headers)
    resource = {"faceid": "*", "cam": "*", "scf": f"qcs::scf:{REGION}:uin/{UIN}:{FUNCTION}"}
    return Request(f"{request.service}:{request.action}", resource[request.service])


def asked_by(secret_id: str, requests: Iterable[RequestRecord]) -> list[Request]:
    """All that was asked under a key, by header or by URL."""
    return [asked(request) for request in requests if request.principal == secret_id]


def refused(policy: Policy, made: Iterable[Request]) -> list[Request]:
    """What was asked for and is not allowed."""
    return [request for request in made if not allows([policy], request)]


def unused(policy: Policy, made: Sequence[Request]) -> list[Policy]:
    """What is allowed and was never asked for."""
    return [part for part in _parts(policy) if not any(allows([part], item) for item in made)]


def _parts(policy: Policy) -> Iterator[Policy]:
    """Each of its permissions alone: one action on one resource."""
    for statement in policy["statement"]:
        for action in statement["action"]:
            for resource in statement["resource"]:
                part = {**statement, "action": [action], "resource": [resource]}
                yield {"version": "2.0", "statement": [part]}
