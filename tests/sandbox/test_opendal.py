"""Apache OpenDAL, whose COS service is written in Rust and signs requests in its own way.

It never signs the host, and often no header at all. It runs in a process of its own, because it
takes the proxy from the environment when it is loaded.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from liveness_sandbox import Bucket, Credentials, Sandbox

from .clients import BUCKET, md5

PRELUDE = f"""
import json, os, opendal
cos = opendal.Operator(
    "cos", bucket="{BUCKET}", endpoint="http://cos.ap-singapore.myqcloud.com", root="/",
    secret_id=os.environ["ID"], secret_key=os.environ["KEY"], disable_config_load="true")
seen = []
"""
KEY = "in/人 +%&?.bin"
PART = 5 * 1024 * 1024


def run(sandbox: Sandbox, script: str, keys: Credentials | None = None) -> Any:
    """Run a script that fills the list `seen`, and return the list."""
    keys = keys or sandbox.credentials
    done = subprocess.run(
        [sys.executable, "-c", f"{PRELUDE}{script}\nprint(json.dumps(seen))"],
        env={
            "PATH": os.defpath,
            "http_proxy": sandbox.url,
            "ID": keys.secret_id,
            "KEY": keys.secret_key,
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_objects_are_written_read_copied_listed_and_deleted(
    sandbox: Sandbox, bucket: Bucket
) -> None:
    seen = run(
        sandbox,
        f"""
key = {KEY!r}
cos.write(key, b"body", content_type="image/jpeg")
seen.append(bytes(cos.read(key)).decode())
found = cos.stat(key)
seen.append([found.content_length, found.content_type, found.etag])
cos.copy(key, "copy")
seen.append([entry.path for entry in cos.list("in/")])
seen.append(sorted(entry.path for entry in cos.scan("/")))
cos.delete(key)
seen.append([cos.exists(key), cos.exists("copy")])
""",
    )

    assert seen == [
        "body",
        [4, "image/jpeg", f'"{md5(b"body")}"'],
        [KEY],
        ["copy", KEY],
        [False, True],
    ]
    stored = bucket.get("copy")
    assert stored is not None and (stored.body(), bucket.keys()) == (b"body", ["copy"])
    signatures = [request.headers["authorization"] for request in sandbox.requests]
    assert any("q-header-list=&" in signature for signature in signatures)
    assert not any("host" in signature for signature in signatures)


def test_a_large_object_is_uploaded_in_parts_and_read_in_ranges(
    sandbox: Sandbox, bucket: Bucket
) -> None:
    seen = run(
        sandbox,
        f"""
with cos.open("big", "wb") as stream:
    for number in range(3):
        stream.write(bytes([number]) * {PART})
with cos.open("big", "rb") as stream:
    stream.seek({PART - 1})
    seen.append(list(stream.read(2)))
""",
    )

    assert seen == [[0, 1]]
    stored = bucket.get("big")
    assert stored is not None
    assert stored.body() == b"".join(bytes([number]) * PART for number in range(3))


def test_a_taken_key_is_not_overwritten(sandbox: Sandbox, bucket: Bucket) -> None:
    seen = run(
        sandbox,
        """
for body in (b"first", b"second"):
    try:
        cos.write("a", body, if_not_exists=True)
        seen.append("written")
    except opendal.exceptions.ConditionNotMatch:
        seen.append("taken")
""",
    )

    assert seen == ["written", "taken"]
    stored = bucket.get("a")
    assert stored is not None and stored.body() == b"first"


@pytest.mark.parametrize("wrong", ["key", "policy"])
def test_who_may_not_is_refused(sandbox: Sandbox, bucket: Bucket, wrong: str) -> None:
    if wrong == "key":
        keys = Credentials(sandbox.credentials.secret_id, "0" * 32)
    else:
        statement = {"effect": "allow", "action": "cos:PutObject", "resource": "*"}
        policy = {"version": "2.0", "statement": [statement]}
        keys = sandbox.put_user("writer", {"write": policy})
    bucket.put("a", b"body")

    seen = run(
        sandbox,
        """
try:
    cos.read("a")
except opendal.exceptions.PermissionDenied:
    seen.append("denied")
""",
        keys,
    )

    assert seen == ["denied"]
