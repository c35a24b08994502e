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


@dataclass(frozen=True)
class Deletion:
    """What is left behind in a versioned bucket."""

    version_id: str | None = None
    """Deleted for good."""
    marker: str | None = None
    """The delete marker that now hides the object."""


async def delete_object(operation: Operation) -> Reply:
    done = _delete(operation.bucket, operation.key, operation.request.query.get("versionId"))
    headers = {}
    if done.version_id is not None:
        headers["x-cos-version-id"] = done.version_id
    if done.marker is not None:
        headers = {"x-cos-delete-marker": "true", "x-cos-version-id": done.marker}
    return Reply(204, headers=headers)


async def delete_objects(operation: Operation) -> Reply:
    if "content-md5" not in operation.request.headers:
        raise CosError(400, "InvalidRequest", "Content-MD5 is required")
    tree = await request_body.read(operation.request, "Delete")
    named = tree.findall("Object")
    if not 1 <= len(named) <= MAX_OBJECTS:
        raise request_body.malformed(f"Name 1 to {MAX_OBJECTS} objects")
    quiet = tree.findtext("Quiet", "").lower() == "true"
    told: list[Markup] = []
    for each in named:
        key, version_id = each.findtext("Key", ""), each.findtext("VersionId") or None
        try:
            done = _delete(operation.bucket, key, version_id)
        except CosError as error:
            told.append(_refused(key, version_id, error))
        else:
            if not quiet:
                told.append(_deleted(key, done))
    return Reply(200, document(element("DeleteResult", *told)), XML)


def _delete(bucket: Bucket, key: str, version_id: str | None) -> Deletion:
    """Deleting what is not there succeeds as well, unless a version of it is named."""
    if version_id is not None:
        find(bucket, key, version_id)
        bucket.delete(key)
        return Deletion(version_id=version_id)
    bucket.delete(key)
    if bucket.versioning is None:
        return Deletion()
    return Deletion(marker=uuid.uuid4().hex if bucket.versioning == "Enabled" else "null")


def _deleted(key: str, done: Deletion) -> Markup:
    told = [element("Key", key)]
    if done.version_id is not None:
        told.append(element("VersionId", done.version_id))
    if done.marker is not None:
        told += [element("DeleteMarker", "true"), element("DeleteMarkerVersionId", done.marker)]
    return element("Deleted", *told)


def _refused(key: str, version_id: str | None, error: CosError) -> Markup:
    return element(
        "Error",
        element("Key", key),
        element("VersionId", version_id or ""),
        element("Code", error.code),
        element("Message", error.message),
    )
