"""The whole journey in the sandbox, with nobody allowed more than the printed policies.

The sandbox's evaluator is another reading of CAM's documents than ours. What must not work is tried
over HTTP with each role's keys, and gets 403.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from qcloud_cos import CosS3Client
from qcloud_cos.cos_exception import CosServiceError
from tencentcloud.common.exception import TencentCloudSDKException

from liveness.settings import read_settings
from liveness_cli.permissions import policies
from liveness_cli.sandbox_identities import identities_for, identity_of
from liveness_sandbox import CosTrigger, Credentials, DeployOptions, Sandbox, StoredObject
from tests.conftest import BUCKET, JPEG, PACKAGE, ROOT
from tests.sandbox.clients import DETECT, api_client, cos_client, face_client

ENVIRONMENT = {"LIVENESS_BUCKET": BUCKET, "LIVENESS_ENDPOINT_SCHEME": "http"}
SETTINGS = read_settings({"LIVENESS_BUCKET": BUCKET, "TENCENTCLOUD_REGION": "ap-singapore"})
CREATE_ONLY = {"x-cos-forbid-overwrite": "true"}
LIVE, PHOTO = "liveness/incoming/anna/live.bin", "liveness/incoming/anna/reference.jpg"
RESULT, REVIEW = "liveness/results/anna/result.json", "liveness/results/anna/review-1.json"
CLAIMS, NEW = "liveness/ledger/claims/", "liveness/incoming/new/"


class Account:
    """A sandbox whose function and users have the printed policies, after one pair's journey."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.bucket = sandbox.create_bucket(BUCKET)
        sandbox.put_identities(identities_for(SETTINGS)[0])
        uploads = CosTrigger(BUCKET, prefix=SETTINGS.input_prefix)
        options = DeployOptions(
            environment=ENVIRONMENT, triggers=[uploads], role=policies.FUNCTION_ROLE
        )
        self.function = sandbox.deploy("liveness", ROOT / "src", options)
        self.cos("backend").put_object(BUCKET, JPEG, PHOTO, Metadata=dict(CREATE_ONLY))
        self.cos("app").put_object(BUCKET, PACKAGE, LIVE, Metadata=dict(CREATE_ONLY))
        sandbox.wait_idle(60)
        self.refused = [
            (each.method, each.key, each.action)
            for each in sandbox.requests
            if each.status == 403 or "Unauthorized" in each.error_code
        ]

    def keys(self, role: str) -> Credentials:
        environment = self.sandbox.client_environment(identity_of(role))
        return Credentials(
            environment["TENCENTCLOUD_SECRETID"],
            environment["TENCENTCLOUD_SECRETKEY"],
            environment.get("TENCENTCLOUD_SESSIONTOKEN"),
        )

    def cos(self, role: str) -> CosS3Client:
        return cos_client(self.sandbox, self.keys(role))

    def key(self, prefix: str) -> str:
        return self.bucket.keys(prefix)[0]

    def state(self) -> dict[str, StoredObject | None]:
        keys = self.bucket.keys()
        return {key: self.bucket.get(key) for key in keys}


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with Sandbox() as sandbox:
        yield Account(sandbox)


def test_the_function_passes_the_pair_under_its_role(account: Account) -> None:
    result = json.loads(account.cos("reader").get_object(BUCKET, RESULT)["Body"].read(1 << 20))

    assert result["status"] == "passed"
    assert account.bucket.get(result["best_frame"]["key"])
    assert {invocation.error for invocation in account.function.invocations} == {None}


def test_nothing_on_the_way_was_refused(account: Account) -> None:
    """No step works only by a fallback."""
    assert account.refused == []


def put(key: str, body: bytes = b"x", **headers: str) -> Callable[[CosS3Client], Any]:
    """PUT with these headers, create-only unless they say otherwise."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda cos: cos.put_object(BUCKET, body, key, Metadata={**CREATE_ONLY, **names})


def overwrite(key: str) -> Callable[[CosS3Client], Any]:
    return lambda cos: cos.put_object(BUCKET, b"x", key)


def get(key: str) -> Callable[[CosS3Client], Any]:
    return lambda cos: cos.get_object(BUCKET, key)


def delete(key: str) -> Callable[[CosS3Client], Any]:
    return lambda cos: cos.delete_object(BUCKET, key)


def publish(key: str) -> Callable[[CosS3Client], Any]:
    return lambda cos: cos.put_object_acl(BUCKET, key, ACL="public-read")


def copy(source: str, target: str) -> Callable[[CosS3Client], Any]:
    place = {"Bucket": BUCKET, "Key": source, "Region": "ap-singapore"}
    return lambda cos: cos.copy_object(BUCKET, target, place)


def start_parts(key: str, **headers: str) -> Callable[[CosS3Client], Any]:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda cos: cos.create_multipart_upload(BUCKET, key, Metadata=names)


def list_keys(cos: CosS3Client) -> Any:
    return cos.list_objects(BUCKET)


def open_bucket(cos: CosS3Client) -> Any:
    return cos.put_bucket_acl(BUCKET, ACL="public-read")


SSE_C = {
    "x_cos_server_side_encryption_customer_algorithm": "AES256",
    "x_cos_server_side_encryption_customer_key": "MDEyMzQ1Njc4OUFCQ0RFRjAxMjM0NTY3ODlBQkNERUY=",
    "x_cos_server_side_encryption_customer_key_MD5": "U5L61r7jcwdNvT7frmUG8g==",
}
# Of an upload that would be allowed without them.
BAD_UPLOADS = {
    "overwriting": {"x_cos_forbid_overwrite": "false"},
    "public": {"x_cos_acl": "public-read"},
    "granted": {"x_cos_grant_read": 'id="100000000003"'},
    "granted in full": {"x_cos_grant_full_control": 'id="100000000003"'},
    "archived": {"x_cos_storage_class": "ARCHIVE"},
    "under a customer's key": SSE_C,
    "under KMS": {"x_cos_server_side_encryption": "cos/kms"},
    "insecure": {"x_sandbox_transport": "http"},
}
TOO_LARGE = b"x" * (SETTINGS.max_image_bytes + 1)

FORBIDDEN: Mapping[str, Mapping[str, Callable[[CosS3Client], Any]]] = {
    "app": {
        **{
            f"upload {name}": put(NEW + "live.bin", b"x", **bad)
            for name, bad in BAD_UPLOADS.items()
        },
        "another's photo": put(NEW + "reference.jpg"),
        "replace the package": overwrite(LIVE),
        "copy a package": copy(LIVE, NEW + "live.bin"),
        "parts without create-only": start_parts(NEW + "live.bin"),
        "archived parts": start_parts(
            NEW + "live.bin", **CREATE_ONLY, x_cos_storage_class="ARCHIVE"
        ),
        "forge a result": put("liveness/results/new/result.json"),
        "forge a claim": put(CLAIMS + "x/y/1.claim"),
        "read its package": get(LIVE),
        "read a result": get(RESULT),
        "delete its package": delete(LIVE),
        "publish": publish(LIVE),
        "list": list_keys,
    },
    "backend": {
        **{
            f"upload {name}": put(NEW + "reference.jpg", b"x", **bad)
            for name, bad in BAD_UPLOADS.items()
        },
        "too large": put(NEW + "reference.jpg", TOO_LARGE),
        "a package": put(NEW + "live.bin"),
        "replace the photo": overwrite(PHOTO),
        "forge a result": put("liveness/results/new/result.json"),
        "read the photo": get(PHOTO),
        "list": list_keys,
    },
    "reader": {
        "read the package": get(LIVE),
        "read the photo": get(PHOTO),
        "write a result": overwrite(RESULT),
        "delete a result": delete(RESULT),
        "list": list_keys,
    },
    "viewer": {
        "read the package": get(LIVE),
        "read the photo": get(PHOTO),
        "write a result": overwrite(RESULT),
        "write a claim": put(CLAIMS + "x/y/1.claim"),
        "delete a result": delete(RESULT),
        "publish": publish(RESULT),
    },
    "operator": {
        "read the package": get(LIVE),
        "read the photo": get(PHOTO),
        "forge a result": put("liveness/results/new/result.json"),
        "replace a result": overwrite(RESULT),
        "forge a claim": put(CLAIMS + "x/y/1.claim"),
        "delete a result": delete(RESULT),
        "publish": publish(RESULT),
        "open the bucket": open_bucket,
    },
    "eraser": {
        "read the package": get(LIVE),
        "write a result": overwrite(RESULT),
        "write an input": put(NEW + "live.bin"),
    },
    "reviewer": {
        "read the package": get(LIVE),
        "replace a result": overwrite(RESULT),
        "replace a decision": overwrite(REVIEW),
        "delete a result": delete(RESULT),
        "write an input": put(NEW + "live.bin"),
    },
    "deployer": {
        "read a result": get(RESULT),
        "write a result": overwrite(RESULT),
        "list": list_keys,
    },
    "function": {
        "write an input": put(NEW + "live.bin"),
        "delete an input": delete(LIVE),
        "delete a result": delete(RESULT),
        "replace a claim": overwrite(CLAIMS + "x/y/1.claim"),
        "publish a result by a header": put(RESULT, x_cos_acl="public-read"),
        "publish a result": publish(RESULT),
        "open the bucket": open_bucket,
    },
}


@pytest.mark.parametrize(
    ("role", "name"), [(role, name) for role, each in FORBIDDEN.items() for name in each]
)
def test_what_must_not_work_gets_403(account: Account, role: str, name: str) -> None:
    before = account.state()

    with pytest.raises(CosServiceError) as caught:
        FORBIDDEN[role][name](account.cos(role))

    assert (caught.value.get_status_code(), caught.value.get_error_code()) == (403, "AccessDenied")
    assert account.state() == before


@pytest.mark.parametrize("role", ["reader", "viewer", "operator", "eraser"])
def test_faces_and_live_links_are_not_shown(account: Account, role: str) -> None:
    cos = account.cos(role)
    frame = account.key("liveness/frames/anna/best-frame-")

    with pytest.raises(CosServiceError, match="AccessDenied"):
        cos.get_object(BUCKET, frame)


@pytest.mark.parametrize("role", ["app", "backend", "reader", "viewer", "operator", "eraser"])
def test_only_the_function_calls_the_face_api(account: Account, role: str) -> None:
    calls = len(account.sandbox.faceid.calls)

    with pytest.raises(TencentCloudSDKException) as caught:
        face_client(account.sandbox, account.keys(role)).call_json(DETECT, {})

    assert caught.value.code == "AuthFailure.UnauthorizedOperation"
    assert len(account.sandbox.faceid.calls) == calls


@pytest.mark.parametrize("role", ["app", "backend", "reader", "viewer", "eraser"])
def test_only_operators_and_deployers_invoke_the_function(account: Account, role: str) -> None:
    client = api_client(account.sandbox, "scf", "2018-04-16", account.keys(role))

    with pytest.raises(TencentCloudSDKException) as caught:
        client.call_json("InvokeFunction", {"FunctionName": "liveness", "Event": "{}"})

    assert caught.value.code == "AuthFailure.UnauthorizedOperation"


def test_large_packages_are_uploaded_in_parts(account: Account) -> None:
    cos, key = account.cos("app"), "liveness/incoming/bert/live.bin"
    body = b"x" * 3_000_000

    upload = start_parts(key, **CREATE_ONLY)(cos)["UploadId"]
    part = cos.upload_part(BUCKET, key, io.BytesIO(body), 1, upload)
    parts = {"Part": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    with pytest.raises(CosServiceError, match="AccessDenied"):
        cos.complete_multipart_upload(BUCKET, key, upload, parts)
    cos.complete_multipart_upload(BUCKET, key, upload, parts, **{"Metadata": dict(CREATE_ONLY)})

    stored = account.bucket.get(key)
    assert stored is not None and stored.body() == body
