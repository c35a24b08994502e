"""The vendor's SDK for Node.js, which is written apart from the one for Python."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from liveness_sandbox import Bucket, Credentials, Sandbox

from .clients import BUCKET, md5

SDK = Path(__file__).parents[1] / "deploy/node_modules/cos-nodejs-sdk-v5"
CLIENT = Path(__file__).with_name("node_client.js")
KEY = "in/人 +%&?.bin"
MEGABYTE = 1024 * 1024

Run = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def run(sandbox: Sandbox) -> Run:
    """`run(("putObject", {...}), ...)`: return what each call resulted in."""
    node = shutil.which("node")
    if node is None or not (SDK.parent / ".ready").exists():
        reason = "Node.js and npm are needed for the vendor's SDK, which `make test` installs"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)

    def call(
        *calls: tuple[str, dict[str, Any]], keys: Credentials | None = None
    ) -> list[dict[str, Any]]:
        keys = keys or sandbox.credentials
        task = {
            "keys": {
                "SecretId": keys.secret_id,
                "SecretKey": keys.secret_key,
                "SecurityToken": keys.token or "",
            },
            "proxy": sandbox.url,
            "region": sandbox.region,
            "bucket": BUCKET,
            "calls": calls,
        }
        done = subprocess.run(
            [node, CLIENT, SDK],
            input=json.dumps(task),
            capture_output=True,
            text=True,
            env={"PATH": os.defpath},
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        results: list[dict[str, Any]] = json.loads(done.stdout)
        return results

    return call


def test_objects_are_written_read_listed_and_deleted(run: Run, bucket: Bucket) -> None:
    put, head, got, page, deleted, missing = run(
        ("putObject", {"Key": KEY, "Body": "body", "x-cos-meta-n": "1"}),
        ("headObject", {"Key": KEY}),
        ("getObject", {"Key": KEY}),
        ("getBucket", {"Prefix": "in/"}),
        ("deleteObject", {"Key": KEY}),
        ("getObject", {"Key": KEY}),
    )

    assert put["ETag"] == head["ETag"] == f'"{md5(b"body")}"'
    assert got["Body"] == "body"
    assert [entry["Key"] for entry in page["Contents"]] == [KEY]
    assert (deleted["statusCode"], missing) == (204, {"statusCode": 404, "code": "NoSuchKey"})
    assert bucket.keys() == []


def test_a_large_object_is_uploaded_in_parts(run: Run, bucket: Bucket) -> None:
    (uploaded,) = run(("multipartInit", {"Key": "big"}))
    part = {"Key": "big", "UploadId": uploaded["UploadId"], "Bytes": MEGABYTE}
    parts = [
        ("multipartUpload", {**part, "PartNumber": number, "Body": str(number)})
        for number in (1, 2)
    ]
    etags = [part["ETag"] for part in run(*parts)]
    done = {
        "Key": "big",
        "UploadId": uploaded["UploadId"],
        "Parts": [
            {"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, start=1)
        ],
    }

    (completed,) = run(("multipartComplete", done))

    stored = bucket.get("big")
    assert stored is not None and stored.body() == b"1" * MEGABYTE + b"2" * MEGABYTE
    assert completed["ETag"] == stored.etag


def test_settings_of_the_bucket_are_read_and_written(run: Run) -> None:
    rule = {
        "ID": "old",
        "Filter": {"Prefix": "in/"},
        "Status": "Enabled",
        "Expiration": {"Days": "7"},
    }
    *_, acl, lifecycle, versioning, location = run(
        ("putBucketAcl", {"ACL": "private"}),
        ("putBucketLifecycle", {"Rules": [rule]}),
        ("getBucketAcl", {}),
        ("getBucketLifecycle", {}),
        ("getBucketVersioning", {}),
        ("getBucketLocation", {}),
    )

    assert acl["ACL"] == "private"
    assert [each["ID"] for each in lifecycle["Rules"]] == ["old"]
    assert versioning["VersioningConfiguration"] == {}
    assert location["LocationConstraint"] == "ap-singapore"


def test_a_taken_key_is_not_overwritten(run: Run, bucket: Bucket) -> None:
    create_only = {"x-cos-forbid-overwrite": "true"}
    first, second = run(
        ("putObject", {"Key": "a", "Body": "first", "Headers": create_only}),
        ("putObject", {"Key": "a", "Body": "second", "Headers": create_only}),
    )
    assert (first["statusCode"], second["code"]) == (200, "FileAlreadyExists")
    stored = bucket.get("a")
    assert stored is not None and stored.body() == b"first"


def test_who_may_not_is_refused(sandbox: Sandbox, run: Run, bucket: Bucket) -> None:
    bucket.put("a", b"body")
    forged = Credentials(sandbox.credentials.secret_id, "0" * 32)
    (refused,) = run(("getObject", {"Key": "a"}), keys=forged)
    assert refused == {"statusCode": 403, "code": "SignatureDoesNotMatch"}

    (allowed,) = run(("getObject", {"Key": "a"}), keys=sandbox.temporary_credentials())
    assert allowed["Body"] == "body"
