"""The data folder: one sandbox at a time, nothing outside of it, and only its owner reads it."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from liveness_sandbox import DataError, Sandbox

from .clients import BUCKET


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with one object."""
    folder = tmp_path / "data"
    with Sandbox(data=folder) as sandbox:
        sandbox.create_bucket(BUCKET).put("a", b"a face")
    return folder


def test_a_folder_has_one_sandbox_at_a_time(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Sandbox(data=data) as first:
        with pytest.raises(DataError, match="another sandbox is using"):
            Sandbox(data=data)
        stored = first.bucket(BUCKET).get("a")
        assert stored is not None and stored.body() == b"a face"

    with Sandbox(data=data) as second:
        stored = second.bucket(BUCKET).get("a")
        assert stored is not None and stored.body() == b"a face"
    assert list(tmp_path.glob("liveness-sandbox-*")) == [], "one that was refused left a folder"


def test_only_its_owner_can_read_it(data: Path, tmp_path: Path) -> None:
    def mode(path: Path) -> int:
        return stat.S_IMODE(path.stat().st_mode)

    assert [mode(path) for path in (data, data / "blobs", data / "buckets")] == [0o700] * 3

    existing = tmp_path / "existing"
    for folder in (existing, existing / "blobs"):
        folder.mkdir()
        folder.chmod(0o755)
    with Sandbox(data=existing):
        assert mode(existing / "blobs") == mode(existing / "buckets") == 0o700
    assert mode(existing) == 0o755  # it may be shared with other things


@pytest.mark.parametrize("way", ["absolute", "parent", "link", "missing"])
def test_an_index_cannot_lead_out_of_the_folder(data: Path, tmp_path: Path, way: str) -> None:
    """The file outside is neither served nor deleted."""
    outside = tmp_path / "outside"
    outside.write_bytes(b"a file of the host")
    (index,) = (data / "buckets").glob("*/objects/*.json")
    record = json.loads(index.read_text())
    blob = data / "blobs" / record["blob"]["name"]
    if way == "absolute":
        record["blob"]["name"] = str(outside)
    elif way == "parent":
        record["blob"]["name"] = "../../outside"
    else:
        blob.unlink()
        if way == "link":
            blob.symlink_to(outside)
    index.write_text(json.dumps(record))

    for _ in range(2):  # a folder that was refused is free again
        with pytest.raises(DataError, match="is not a file in"):
            Sandbox(data=data)

    assert outside.read_bytes() == b"a file of the host"


def test_a_bucket_cannot_lead_out_of_the_folder(data: Path) -> None:
    path = data / "buckets" / BUCKET / "bucket.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "name": "../../x-1250000000"}))

    with pytest.raises(DataError, match="does not belong"):
        Sandbox(data=data)


@pytest.mark.parametrize("name", ["blobs", "buckets"])
def test_a_link_to_another_folder_is_refused(tmp_path: Path, name: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").write_text("")
    data = tmp_path / "data"
    data.mkdir()
    (data / name).symlink_to(elsewhere)

    with pytest.raises(DataError, match="is a link"):
        Sandbox(data=data)

    assert (elsewhere / "kept").exists()


def test_what_a_sandbox_did_not_make_is_never_removed(data: Path) -> None:
    """The folder of a user may have a folder `blobs` of its own."""
    photo = data / "blobs" / "photo.jpg"
    photo.write_bytes(b"a photo of the user's")

    with pytest.raises(DataError, match="was not made by a sandbox"):
        Sandbox(data=data)

    assert photo.read_bytes() == b"a photo of the user's"


def test_a_folder_of_objects_is_no_link(data: Path, tmp_path: Path) -> None:
    objects = data / "buckets" / BUCKET / "objects"
    objects.rename(tmp_path / "elsewhere")
    objects.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(DataError, match="has a link"):
        Sandbox(data=data)


def test_a_draft_is_not_written_through_a_link(data: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"a file of the host")
    folder = data / "buckets" / "new-1250000000"
    folder.mkdir()
    (folder / "bucket.draft").symlink_to(outside)

    with Sandbox(data=data) as sandbox:
        sandbox.create_bucket("new-1250000000")

    assert outside.read_bytes() == b"a file of the host"


@pytest.mark.parametrize("content", [b"{", b"{}", b"[]", b"1", b"\xff", b'{"key": "a"}'])
@pytest.mark.parametrize("name", ["bucket.json", "objects/*.json"])
def test_a_file_that_no_sandbox_wrote_is_named(data: Path, name: str, content: bytes) -> None:
    (path,) = (data / "buckets" / BUCKET).glob(name)
    path.write_bytes(content)

    with pytest.raises(DataError, match=f"{path.name} is not as a sandbox wrote it"):
        Sandbox(data=data)
