"""An index of buckets and objects on disk, which a later sandbox loads from the data directory.

Keys cannot be file names (850 bytes, slashes, emoji), so a file is named for the hash of the key.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from ..blobs import BlobStore
from ..data import DataError
from .acl import DEFAULT, PRIVATE, Acl
from .encryption import Encryption
from .store import Bucket, Index, Store, StoredObject


class DirectoryIndex(Index):
    """Also reads directories of earlier releases, which lack some of the fields."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def load(self, store: Store, blobs: BlobStore) -> None:
        """Register the contents of the folder. Raise DataError if they are not a sandbox's."""
        used: set[str] = set()
        for path in sorted(self._directory.glob("*/bucket.json")):
            folder = path.parent / "objects"
            if path.parent.is_symlink() or folder.is_symlink():
                raise DataError(f"{path.parent} has a link, which could lead out of the folder")
            objects: dict[str, StoredObject] = {}
            for each in folder.glob("*.json"):
                with _written_by_a_sandbox(each):
                    record = json.loads(each.read_text())
                    objects[record["key"]] = _stored(record, blobs)
                    used.add(record["blob"]["name"])
            with _written_by_a_sandbox(path):
                store.register(self._bucket(store, path, objects))
        blobs.sweep(used)

    def _bucket(self, store: Store, path: Path, objects: dict[str, StoredObject]) -> Bucket:
        record = json.loads(path.read_text())
        if record["name"] != path.parent.name:
            raise DataError(f"{path} does not belong to the folder it is in")
        return Bucket(
            store,
            record["name"],
            record["region"],
            self,
            record["versioning"],
            record["encryption"],
            record.get("lifecycle"),
            record.get("cors"),
            _moment(record.get("created")),
            _acl(record.get("acl"), PRIVATE),
            objects,
        )

    def save_bucket(self, bucket: Bucket) -> None:
        folder = self._directory / bucket.name
        (folder / "objects").mkdir(parents=True, exist_ok=True)
        names = ("name", "region", "versioning", "encryption", "lifecycle", "cors")
        record = {name: getattr(bucket, name) for name in names}
        record["created"] = bucket.created.isoformat()
        record["acl"] = asdict(bucket.acl)
        _write(folder / "bucket.json", record)

    def save_object(self, bucket: Bucket, stored: StoredObject) -> None:
        _write(self._path(bucket, stored.key), _record(stored))

    def remove_object(self, bucket: Bucket, key: str) -> None:
        self._path(bucket, key).unlink(missing_ok=True)

    def remove_bucket(self, bucket: Bucket) -> None:
        shutil.rmtree(self._directory / bucket.name, ignore_errors=True)

    def _path(self, bucket: Bucket, key: str) -> Path:
        return (
            self._directory
            / bucket.name
            / "objects"
            / f"{hashlib.sha256(key.encode()).hexdigest()}.json"
        )


def _record(stored: StoredObject) -> dict[str, Any]:
    assert stored.blob.path is not None, "a durable blob store has every blob in a file"
    return {
        "key": stored.key,
        "blob": {
            "name": stored.blob.path.name,
            "size": stored.blob.size,
            "md5": stored.blob.md5,
            "crc64": stored.blob.crc64,
        },
        "etag": stored.etag,
        "last_modified": stored.last_modified.isoformat(),
        "headers": dict(stored.headers),
        "metadata": dict(stored.metadata),
        "tags": dict(stored.tags),
        "object_type": stored.object_type,
        "storage_class": stored.storage_class,
        "encryption": asdict(stored.encryption) if stored.encryption else None,
        "acl": asdict(stored.acl),
        "version_id": stored.version_id,
        "restored_until": stored.restored_until.isoformat() if stored.restored_until else None,
    }


def _stored(record: dict[str, Any], blobs: BlobStore) -> StoredObject:
    return StoredObject(
        **{
            **record,
            "blob": blobs.existing(**record["blob"]),
            "last_modified": datetime.fromisoformat(record["last_modified"]),
            "restored_until": _moment(record.get("restored_until")),
            "encryption": Encryption(**record["encryption"]) if record["encryption"] else None,
            "acl": _acl(record.get("acl"), DEFAULT),
        }
    )


def _acl(record: dict[str, Any] | None, default: str) -> Acl:
    if record is None:  # of an earlier release
        return Acl(default)
    return Acl(record["canned"], tuple((id, permission) for id, permission in record["grants"]))


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


@contextmanager
def _written_by_a_sandbox(path: Path) -> Iterator[None]:
    """Turn the exceptions that a malformed record causes into a DataError."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError):
        raise DataError(f"{path} is not as a sandbox wrote it") from None


def _write(path: Path, record: dict[str, Any]) -> None:
    """Write the file atomically, even if the sandbox is killed in the middle."""
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)  # it could be a link to something else
    draft.write_text(json.dumps(record, indent=1))
    os.replace(draft, path)
