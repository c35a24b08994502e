"""coscmd, the vendor's command-line client, which needs only configuration and http_proxy."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from liveness_sandbox import Bucket, Sandbox

from .clients import BUCKET

ROOT = Path(__file__).parents[2]
CONSTRAINTS = ROOT / "constraints.txt"
REQUIREMENTS = Path(__file__).with_name("coscmd.txt")
MEGABYTE = 1024 * 1024
# Below 20 MB coscmd never uploads in parts, whatever its settings are.
BIG = bytes(range(256)) * (21 * MEGABYTE // 256)
HOST = f"{BUCKET}.cos.ap-singapore.myqcloud.com"
_SECONDS = 300

Run = Callable[..., str]


@pytest.fixture(scope="session")
def coscmd() -> list[Path]:
    """Install coscmd separately from the project, with its own dependencies (tqdm, PyYAML, ...)."""
    home = ROOT / f"build/coscmd-{sys.version_info.major}.{sys.version_info.minor}"
    pins = REQUIREMENTS.read_text() + CONSTRAINTS.read_text()
    stamp = home / "installed.txt"
    if not stamp.exists() or stamp.read_text() != pins:
        venv.create(home, clear=True)  # pip of this environment installs, which saves another one
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
        into = ["--use-pep517", "--ignore-installed", "--prefix", str(home)]
        subprocess.run(
            [*pip, *into, "-r", REQUIREMENTS, "-c", CONSTRAINTS],
            check=True,
            timeout=_SECONDS,
        )
        stamp.write_text(pins)
    return [home / "bin/python", home / "bin/coscmd"]


@pytest.fixture
def run(coscmd: list[Path], sandbox: Sandbox, tmp_path: Path) -> Run:
    """Run a command, and return its output."""
    environment = {
        "HOME": str(tmp_path),
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "http_proxy": sandbox.url,
    }

    def call(*arguments: str, status: int = 0) -> str:
        process = subprocess.run(
            [*coscmd, *arguments],
            env=environment,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=60,
        )
        assert process.returncode == status, process.stdout
        return process.stdout

    keys = sandbox.credentials
    call(
        *("config", "-a", keys.secret_id, "-s", keys.secret_key, "-b", BUCKET),
        *("-r", sandbox.region, "--do-not-use-ssl"),
    )
    with (tmp_path / ".cos.conf").open("a") as settings:
        settings.write("multiupload_threshold = 20\nmultidownload_threshold = 20\n")
    return call


@pytest.mark.timeout(_SECONDS + 60)
def test_small_files_can_be_managed(
    run: Run, bucket: Bucket, tmp_path: Path, http: requests.Session
) -> None:
    key = "in/人 +%.bin"
    (tmp_path / "file").write_bytes(b"hello")
    run("upload", "file", key)

    stored = bucket.get(key)
    assert stored is not None and stored.body() == b"hello"
    assert stored.metadata == {"x-cos-meta-md5": hashlib.md5(b"hello").hexdigest()}
    assert key in run("list", "in/")

    info = run("info", key)
    assert stored.etag in info and "x-cos-hash-crc64ecma" in info

    run("download", key, "copy")
    assert (tmp_path / "copy").read_bytes() == b"hello"

    link = run("signurl", key).partition("http://")[2].rstrip("'\n")
    assert http.get(f"http://{link}").content == b"hello"

    run("copy", f"{HOST}/{key}", "copied")
    assert bucket.keys() == ["copied", key]

    run("delete", "-f", key)
    assert bucket.keys() == ["copied"]

    run("info", key, status=255)


@pytest.mark.timeout(_SECONDS + 60)
def test_large_files_are_transferred_in_parts(
    run: Run, sandbox: Sandbox, bucket: Bucket, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(BIG)
    run("upload", "file", "big")
    stored = bucket.get("big")
    assert stored is not None and stored.etag.endswith('-21"')
    assert stored.blob.md5 == hashlib.md5(BIG).hexdigest()

    run("download", "big", "copy")
    assert (tmp_path / "copy").read_bytes() == BIG

    ranges = [each for each in sandbox.requests if each.method == "GET" and each.status == 206]
    assert len(ranges) == 21


@pytest.mark.timeout(_SECONDS + 60)
def test_folders_can_be_managed(run: Run, bucket: Bucket, tmp_path: Path) -> None:
    for name in ("a", "b/c", "b/d"):
        path = tmp_path / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    run("upload", "-r", "folder", "in/")
    keys = ["in/folder/a", "in/folder/b/c", "in/folder/b/d"]

    assert bucket.keys() == keys

    listed = run("list", "-r", "in/")
    assert all(key in listed for key in keys) and "Files num: 3" in listed
    assert "in/folder/b/ " in run("list", "in/folder/")

    run("download", "-r", "in/folder", "out")
    assert (tmp_path / "out/b/c").read_text() == "b/c"

    run("copy", "-r", f"{HOST}/in/", "copied/")
    assert len(bucket.keys("copied/")) == 3

    run("delete", "-r", "-f", "in/")
    assert bucket.keys("in/") == []


@pytest.mark.timeout(_SECONDS + 60)
def test_buckets_can_be_managed(run: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"hello")
    new = ("-b", "new-1250000000")
    run(*new, "createbucket")
    run(*new, "putbucketversioning", "Enabled")

    assert "Enabled" in run(*new, "getbucketversioning")

    run(*new, "upload", "file", "a")
    stored = sandbox.bucket("new-1250000000").get("a")
    assert stored is not None and stored.version in run(*new, "list", "-v")

    run(*new, "deletebucket", "-f")

    with pytest.raises(KeyError):
        sandbox.bucket("new-1250000000")
