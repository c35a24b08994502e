"""The sub-resources of COS (436/10111), and the operations and headers that are not served here.

A sub-resource is a parameter that makes a request address something other than the object or the
bucket itself: `PUT /key?acl` must never be taken for `PUT /key`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .errors import CosError

Operation = tuple[str, str]
"""A method and a sub-resource."""

_BUCKET_SETTINGS: Mapping[str, tuple[str, str]] = {
    "accelerate": ("BucketAccelerate", "GET PUT"),
    "domain": ("BucketDomain", "GET PUT DELETE"),
    "domaincertificate": ("BucketDomainCertificate", "GET PUT DELETE"),
    "intelligenttiering": ("BucketIntelligentTiering", "GET PUT"),
    "inventory": ("BucketInventory", "GET PUT POST DELETE"),
    "logging": ("BucketLogging", "GET PUT"),
    "notification": ("BucketNotification", "GET PUT"),
    "object-lock": ("BucketObjectLockConfiguration", "GET PUT"),
    "origin": ("BucketOrigin", "GET PUT DELETE"),
    "policy": ("BucketPolicy", "GET PUT DELETE"),
    "referer": ("BucketReferer", "GET PUT"),
    "replication": ("BucketReplication", "GET PUT DELETE"),
    "tagging": ("BucketTagging", "GET PUT DELETE"),
    "website": ("BucketWebsite", "GET PUT DELETE"),
}
_VERBS = {"GET": "Get", "PUT": "Put", "POST": "Post", "DELETE": "Delete"}

BUCKET_OPERATIONS_NOT_SERVED: Mapping[Operation, str] = {
    (method, subresource): f"{_VERBS[method]}{name}"
    for subresource, (name, methods) in _BUCKET_SETTINGS.items()
    for method in methods.split()
}
"""The action of CAM that each needs."""

OBJECT_OPERATIONS_NOT_SERVED: Mapping[Operation, str] = {
    ("GET", "legal-hold"): "GetObjectLegalHold",
    ("PUT", "legal-hold"): "PutObjectLegalHold",
    ("GET", "retention"): "GetObjectRetention",
    ("PUT", "retention"): "PutObjectRetention",
    ("POST", "select"): "SelectObjectContent",
    ("GET", "symlink"): "GetSymlink",
    ("PUT", "symlink"): "PutSymlink",
    # Processing by Cloud Infinite (数据万象).
    ("GET", "ci-process"): "GetObject",
    ("POST", "image_process"): "PostObject",
    ("GET", "imageInspect"): "GetObject",
}

# fmt: off
SERVED = frozenset((
    "acl", "append", "cors", "delete", "encryption", "lifecycle", "location", "restore", "tagging",
    "uploadId", "uploads", "versioning", "versions",
))
# fmt: on
SUBRESOURCES = SERVED.union(
    subresource for _, subresource in (*BUCKET_OPERATIONS_NOT_SERVED, *OBJECT_OPERATIONS_NOT_SERVED)
)

HEADERS_NOT_SERVED = frozenset(
    (
        "pic-operations",  # 460/18147
        "success_action_redirect",  # a form field, which replaces a header
        "x-cos-callback",
        "x-cos-callback-var",
        "x-cos-object-lock-legal-hold",
        "x-cos-object-lock-mode",
        "x-cos-object-lock-retain-until-date",
        "x-cos-return-body",
        "x-cos-server-side-encryption-context",
        "x-cos-website-redirect-location",
    )
)
"""Headers that request more than the operation itself; ignoring them would do half the work."""
_OF_OTHER_APIS = "x-amz-"


def require_served(headers: Iterable[str]) -> None:
    """Refuse a header, by its lower-case name, that requests something the sandbox does not do."""
    for name in headers:
        if name in HEADERS_NOT_SERVED or name.startswith(_OF_OTHER_APIS):
            raise CosError(
                405, "MethodNotAllowed", f"The sandbox does not implement the header {name}"
            )
