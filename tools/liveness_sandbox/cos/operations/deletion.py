"""DELETE Object (436/7743), and DELETE Multiple Objects (436/8289)."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from ...wire import Reply
from .. import request_body
from ..errors import CosError
from ..markup import Markup, document, element
from ..store import Bucket
from .operation import XML, Operation, find

MAX_OBJECTS = 1000
# The guide to policies (436/30580) names the first, the list of CAM-enabled APIs (598/57092) the
# second: either is enough here.
_ACTIONS = ("DeleteObject", "DeleteMultipleObjects")


@dataclass(frozen=True)
class Deletion:
    """The result of a deletion in a versioned bucket."""

    version_id: str | None = None
    """The version that was deleted permanently."""
    marker: str | None = None
    """The new delete marker that hides the object."""


async def delete_object(operation: Operation) -> Reply:
    deletion = _delete(operation.bucket, operation.key, operation.request.query.get("versionId"))
    headers = {}
    if deletion.version_id is not None:
        headers["x-cos-version-id"] = deletion.version_id
    if deletion.marker is not None:
        headers = {"x-cos-delete-marker": "true", "x-cos-version-id": deletion.marker}
    return Reply(204, headers=headers)


async def delete_objects(operation: Operation) -> Reply:
    """Delete several objects. Permission is checked for each of them."""
    if "content-md5" not in operation.request.headers:
        raise CosError(400, "InvalidRequest", "Content-MD5 is required")
    tree = await request_body.read(operation.request, "Delete")
    objects = tree.findall("Object")
    if not 1 <= len(objects) <= MAX_OBJECTS:
        raise request_body.malformed(f"The request must list 1 to {MAX_OBJECTS} objects")
    quiet = tree.findtext("Quiet", "").lower() == "true"
    results: list[Markup] = []
    for each in objects:
        key, version_id = each.findtext("Key", ""), each.findtext("VersionId") or None
        try:
            if not operation.may(_ACTIONS, operation.bucket, key):
                raise CosError(403, "AccessDenied", "Access Denied.")
            deletion = _delete(operation.bucket, key, version_id)
        except CosError as error:
            results.append(_failed(key, version_id, error))
        else:
            if not quiet:
                results.append(_deleted(key, deletion))
    return Reply(200, document(element("DeleteResult", *results)), XML)


def _delete(bucket: Bucket, key: str, version_id: str | None) -> Deletion:
    """Delete an object. This also succeeds if there is none, unless the request names a version."""
    if version_id is not None:
        find(bucket, key, version_id)
        bucket.delete(key)
        return Deletion(version_id=version_id)
    bucket.delete(key)
    if bucket.versioning is None:
        return Deletion()
    return Deletion(marker=uuid.uuid4().hex if bucket.versioning == "Enabled" else "null")


def _deleted(key: str, deletion: Deletion) -> Markup:
    content = [element("Key", key)]
    if deletion.version_id is not None:
        content.append(element("VersionId", deletion.version_id))
    if deletion.marker is not None:
        content += [
            element("DeleteMarker", "true"),
            element("DeleteMarkerVersionId", deletion.marker),
        ]
    return element("Deleted", *content)


def _failed(key: str, version_id: str | None, error: CosError) -> Markup:
    return element(
        "Error",
        element("Key", key),
        element("VersionId", version_id or ""),
        element("Code", error.code),
        element("Message", error.message),
    )
