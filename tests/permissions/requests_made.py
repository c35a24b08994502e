"""The requests that were made, as CAM sees them: action, resource and condition keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from liveness_cli.permissions.evaluator import Request, allows
from liveness_cli.permissions.language import Policy
from liveness_cli.permissions.policies import FUNCTION, FUNCTION_ROLE
from liveness_sandbox.requestlog import RequestRecord

REGION = "ap-singapore"
APPID = "1250000000"
UIN = "100000000001"

# By method and by what the query names. A request that is not listed here raises KeyError, so that
# it cannot pass for an allowed one.
_OBJECT_ACTIONS = {
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
_BUCKET_ACTIONS = {
    ("GET", ""): "GetBucket",
    ("HEAD", ""): "HeadBucket",
    ("GET", "uploads"): "ListMultipartUploads",
    ("GET", "versioning"): "GetBucketVersioning",
    ("GET", "lifecycle"): "GetBucketLifecycle",
    ("PUT", "lifecycle"): "PutBucketLifecycle",
    ("DELETE", "lifecycle"): "DeleteBucketLifecycle",
    ("PUT", ""): "PutBucket",
    ("GET", "acl"): "GetBucketACL",
    ("PUT", "encryption"): "PutBucketEncryption",
}
_RESOURCES = {"faceid": "*", "scf": f"qcs::scf:{REGION}:uin/{UIN}:{FUNCTION}"}
_ROLE = f"qcs::cam::uin/{UIN}:roleName/{FUNCTION_ROLE}"
_SOME_POLICY = f"qcs::cam::uin/{UIN}:policyid/17698703"
_CAM_RESOURCES = {
    **dict.fromkeys(("GetRole", "ListAttachedRolePolicies", "CreateRole", "DeleteRole"), _ROLE),
    **dict.fromkeys(("UpdateAssumeRolePolicy", "AttachRolePolicy", "DetachRolePolicy"), _ROLE),
    **dict.fromkeys(("GetPolicy", "UpdatePolicy", "DeletePolicy"), _SOME_POLICY),
    **dict.fromkeys(("ListPolicies", "CreatePolicy"), "*"),
}
_CLS_KINDS = (
    ("alarmNotice", ("AlarmNotice", "AlarmNotices")),
    ("alarm", ("Alarm", "Alarms")),
    ("logset", ("Logset", "Logsets", "CreateTopic")),
    ("topic", ("Topics", "Index")),
)
# Actions that are not about one function.
_OF_ACCOUNT = ("GetAccount",)
# Who gives a function its role must be allowed to pass it on (583/47933).
_PASSING_ROLE = ("CreateFunction", "UpdateFunctionConfiguration")
_SUBRESOURCES = ("uploads", "uploadId", "acl", "versioning", "lifecycle", "encryption")


def cos(action: str, bucket: str, key: str, **context: str) -> Request:
    """Make a COS request over TLS; `context` has underscores for dashes, as in x_cos_acl="private".

    The sandbox has no TLS, so its requests count as if they had been made with it.
    """
    context = {"secure_transport": "true", **context}
    values = {f"cos:{name.replace('_', '-')}": value for name, value in context.items()}
    resource = f"qcs::cos:{REGION}:uid/{APPID}:{bucket}/{key}"
    return Request(f"name/cos:{action}", resource, values)


def as_cam_sees_it(request: RequestRecord) -> Request:
    """Translate a recorded request. Raises KeyError for an unknown one."""
    if request.service == "cos":
        assert "x-cos-copy-source" not in request.headers, "a copy also needs its source"
        subresource = next((name for name in _SUBRESOURCES if name in request.query), "")
        actions = _OBJECT_ACTIONS if request.key else _BUCKET_ACTIONS
        headers = {
            name.replace("-", "_"): value
            for name, value in request.headers.items()
            if name.startswith("x-cos-") or name == "content-length"
        }
        action = actions[request.method, subresource]
        return cos(action, request.bucket, request.key, **headers)
    if request.action in _OF_ACCOUNT:
        return Request(f"{request.service}:{request.action}", "*")
    if request.service == "cls":
        kind = next(kind for kind, names in _CLS_KINDS if request.action.endswith(names))
        return Request(f"cls:{request.action}", f"qcs::cls:{REGION}:uin/{UIN}:{kind}/{kind}-1")
    resources = _CAM_RESOURCES if request.service == "cam" else _RESOURCES
    name = request.action if request.service == "cam" else request.service
    return Request(f"{request.service}:{request.action}", resources[name])


def requests_by(secret_id: str, requests: Iterable[RequestRecord]) -> list[Request]:
    """Return what was requested with a key, by header or by URL, and what that implies."""
    made = [request for request in requests if request.principal == secret_id]
    passed = any(request.action in _PASSING_ROLE for request in made)
    implied = [Request("cam:PassRole", _ROLE)] if passed else []
    return [as_cam_sees_it(request) for request in made] + implied


def denied(policy: Policy, requests: Iterable[Request]) -> list[Request]:
    """Return the requests that the policy does not allow."""
    return [request for request in requests if not allows([policy], request)]


def unused(policy: Policy, requests: Sequence[Request]) -> list[Policy]:
    """Return the permissions of the policy that none of the requests needs."""
    return [part for part in _parts(policy) if not any(allows([part], item) for item in requests)]


def _parts(policy: Policy) -> Iterator[Policy]:
    """Split what a policy allows into policies of one action on one resource."""
    for statement in policy["statement"]:
        if statement["effect"] == "deny":
            continue
        for action in statement["action"]:
            for resource in statement["resource"]:
                part = {**statement, "action": [action], "resource": [resource]}
                yield {"version": "2.0", "statement": [part]}
