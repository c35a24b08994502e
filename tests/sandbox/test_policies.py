"""CAM: every request is judged by the policies of its signer, over HTTP with the real SDKs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import requests
from qcloud_cos import CosS3Client
from qcloud_cos.cos_exception import CosServiceError
from tencentcloud.common.exception import TencentCloudSDKException

from liveness_sandbox import Bucket, Credentials, InvalidPolicy, Sandbox

from .clients import BUCKET, DETECT, JPEG, Pair, api_client, cos_client, face_client, md5
from .test_cos_signature import signed_form

ROOT = "qcs::cos:ap-singapore:uid/1250000000:faces-1250000000/"
DENIED = (403, "AccessDenied")
Statement = dict[str, Any]


def allow(actions: str, resource: str = ROOT + "*", **more: Any) -> Statement:
    """`actions` are separated by spaces, and are those of COS unless they name a product."""
    names = [name if ":" in name or name == "*" else f"name/cos:{name}" for name in actions.split()]
    return {"effect": "allow", "action": names, "resource": [resource], **more}


def deny(actions: str, resource: str = ROOT + "*", **more: Any) -> Statement:
    return {**allow(actions, resource, **more), "effect": "deny"}


def policy(*statements: Statement) -> dict[str, Any]:
    return {"version": "2.0", "statement": list(statements)}


@pytest.fixture
def user(sandbox: Sandbox) -> Callable[..., Credentials]:
    """`user(allow("GetObject"))`: the keys of a sub-account with this policy."""

    def make(*statements: Statement) -> Credentials:
        return sandbox.put_user("anna", {"policy": policy(*statements)})

    return make


@pytest.fixture
def client(sandbox: Sandbox, user: Callable[..., Credentials]) -> Callable[..., CosS3Client]:
    """`client(allow("GetObject"))`: the SDK with the keys of such a sub-account."""
    return lambda *statements: cos_client(sandbox, user(*statements))


def outcome(call: Callable[..., Any], *arguments: Any, **more: Any) -> tuple[int, str]:
    """Return status and code of a refusal, or (200, "")."""
    try:
        call(*arguments, **more)
    except CosServiceError as error:
        # A refused HEAD has no body, and so no code.
        code = error.get_digest_msg().get("code", "") if error.get_digest_msg() else ""
        return int(error.get_status_code()), code
    return 200, ""


def upload_id(cos: CosS3Client) -> str:
    return str(cos.create_multipart_upload(BUCKET, "a")["UploadId"])


PART = b"x" * 2_000_000
COPY = {"Bucket": BUCKET, "Key": "source", "Region": "ap-singapore"}
LIFECYCLE = {
    "Rule": [{"ID": "1", "Filter": "", "Status": "Enabled", "Expiration": {"Days": 1}}],
}
ENCRYPTION = {"Rule": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
CORS = {"CORSRule": [{"AllowedOrigin": ["*"], "AllowedMethod": ["PUT"]}]}

# What each operation needs, and how the SDK makes it on the object `a`. The second argument is the
# client of the owner, for what must exist before.
OPERATIONS: Mapping[str, Callable[[CosS3Client, CosS3Client], Any]] = {
    "GetObject": lambda cos, owner: cos.get_object(BUCKET, "a"),
    "HeadObject": lambda cos, owner: cos.head_object(BUCKET, "a"),
    "PutObject": lambda cos, owner: cos.put_object(BUCKET, b"new", "a"),
    "DeleteObject": lambda cos, owner: cos.delete_object(BUCKET, "a"),
    "AppendObject": lambda cos, owner: cos.append_object(BUCKET, "log", 0, b"x"),
    "GetObjectTagging": lambda cos, owner: cos.get_object_tagging(BUCKET, "a"),
    "PutObjectTagging": lambda cos, owner: cos.put_object_tagging(
        BUCKET, "a", {"TagSet": {"Tag": [{"Key": "k", "Value": "v"}]}}
    ),
    "DeleteObjectTagging": lambda cos, owner: cos.delete_object_tagging(BUCKET, "a"),
    "InitiateMultipartUpload": lambda cos, owner: upload_id(cos),
    "UploadPart": lambda cos, owner: cos.upload_part(BUCKET, "a", PART, 1, upload_id(owner)),
    "ListParts": lambda cos, owner: cos.list_parts(BUCKET, "a", upload_id(owner)),
    "AbortMultipartUpload": lambda cos, owner: cos.abort_multipart_upload(
        BUCKET, "a", upload_id(owner)
    ),
    "GetBucket": lambda cos, owner: cos.list_objects(BUCKET),
    "HeadBucket": lambda cos, owner: cos.head_bucket(BUCKET),
    "ListMultipartUploads": lambda cos, owner: cos.list_multipart_uploads(BUCKET),
    "GetBucketVersioning": lambda cos, owner: cos.get_bucket_versioning(BUCKET),
    "PutBucketVersioning": lambda cos, owner: cos.put_bucket_versioning(BUCKET, "Enabled"),
    "GetBucketLocation": lambda cos, owner: cos.get_bucket_location(BUCKET),
    "PutBucketLifecycle": lambda cos, owner: cos.put_bucket_lifecycle(BUCKET, LIFECYCLE),
    "GetBucketObjectVersions": lambda cos, owner: cos.list_objects_versions(BUCKET),
    "GetBucketACL": lambda cos, owner: cos.get_bucket_acl(BUCKET),
    "PutBucketACL": lambda cos, owner: cos.put_bucket_acl(BUCKET, ACL="private"),
    "GetObjectACL": lambda cos, owner: cos.get_object_acl(BUCKET, "a"),
    "PutObjectACL": lambda cos, owner: cos.put_object_acl(BUCKET, "a", ACL="private"),
    "PutBucketEncryption": lambda cos, owner: cos.put_bucket_encryption(BUCKET, ENCRYPTION),
    "PutBucketCORS": lambda cos, owner: cos.put_bucket_cors(BUCKET, CORS),
    "DeleteBucketCORS": lambda cos, owner: cos.delete_bucket_cors(BUCKET),
}


@pytest.mark.parametrize("action", OPERATIONS)
def test_an_operation_needs_its_own_action_and_no_other(
    sandbox: Sandbox, bucket: Bucket, client: Callable[..., CosS3Client], action: str
) -> None:
    bucket.put("a", b"body")
    owner, call = cos_client(sandbox), OPERATIONS[action]

    with_all_others = client(allow("*", "*"), deny(action))
    assert outcome(call, with_all_others, owner)[0] == 403

    assert outcome(call, client(allow(action)), owner) == (200, "")


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("PutBucketPolicy", lambda cos: cos.put_bucket_policy(BUCKET, {})),
        ("GetBucketReferer", lambda cos: cos.get_bucket_referer(BUCKET)),
        ("GetSymlink", lambda cos: cos.get_symlink(BUCKET, "a")),
    ],
)
def test_what_the_sandbox_does_not_implement_is_refused_first(
    bucket: Bucket,
    client: Callable[..., CosS3Client],
    name: str,
    call: Callable[[CosS3Client], Any],
) -> None:
    bucket.put("a", b"body")

    assert outcome(call, client(allow("GetObject PutObject"))) == DENIED
    assert outcome(call, client(allow(name))) == (405, "MethodNotAllowed")


def test_buckets_need_their_own_actions(client: Callable[..., CosS3Client]) -> None:
    other = "others-1250000000"
    resource = ROOT.replace(BUCKET, other)

    assert outcome(client(allow("PutBucket")).create_bucket, other) == DENIED
    assert outcome(client(allow("PutBucket", resource)).create_bucket, other) == (200, "")
    assert outcome(client(allow("PutBucket", resource)).delete_bucket, other) == DENIED
    assert outcome(client(allow("DeleteBucket", resource)).delete_bucket, other) == (200, "")
    assert outcome(client(allow("GetBucket")).list_buckets) == DENIED
    assert outcome(client(allow("GetService", "*")).list_buckets) == (200, "")


def test_copying_needs_permission_for_source_and_target(
    bucket: Bucket, client: Callable[..., CosS3Client]
) -> None:
    bucket.put("source", b"body")
    put, get = allow("PutObject", ROOT + "a"), allow("GetObject", ROOT + "source")

    for statements in ([put], [get], [put, allow("HeadObject")]):
        assert outcome(client(*statements).copy_object, BUCKET, "a", COPY) == DENIED
    assert bucket.get("a") is None

    assert outcome(client(put, get).copy_object, BUCKET, "a", COPY) == (200, "")


def test_copying_a_part_needs_permission_for_source_and_target(
    sandbox: Sandbox, bucket: Bucket, client: Callable[..., CosS3Client]
) -> None:
    bucket.put("source", PART)
    upload = upload_id(cos_client(sandbox))
    put, get = allow("PutObject", ROOT + "a"), allow("GetObject", ROOT + "source")

    for statements in ([put], [get], [allow("UploadPart"), get]):
        assert outcome(client(*statements).upload_part_copy, BUCKET, "a", 1, upload, COPY) == DENIED

    assert outcome(client(put, get).upload_part_copy, BUCKET, "a", 1, upload, COPY) == (200, "")


def test_an_upload_in_parts_is_not_completed_without_permission(
    sandbox: Sandbox, bucket: Bucket, client: Callable[..., CosS3Client]
) -> None:
    owner = cos_client(sandbox)
    upload = upload_id(owner)
    part = {"PartNumber": 1, "ETag": owner.upload_part(BUCKET, "a", PART, 1, upload)["ETag"]}
    arguments = (BUCKET, "a", upload, {"Part": [part]})

    assert outcome(client(allow("UploadPart")).complete_multipart_upload, *arguments) == DENIED
    assert bucket.get("a") is None
    complete = client(allow("CompleteMultipartUpload")).complete_multipart_upload
    assert outcome(complete, *arguments) == (200, "")


def test_of_several_objects_only_permitted_ones_are_deleted(
    bucket: Bucket, client: Callable[..., CosS3Client]
) -> None:
    for key in ("mine/a", "mine/b", "other"):
        bucket.put(key, b"body")
    cos = client(allow("DeleteObject", ROOT + "mine/*"), deny("DeleteObject", ROOT + "mine/b"))

    reply = cos.delete_objects(
        BUCKET, {"Object": [{"Key": "mine/a"}, {"Key": "mine/b"}, {"Key": "other"}]}
    )

    assert [each["Key"] for each in reply["Deleted"]] == ["mine/a"]
    assert {(each["Key"], each["Code"]) for each in reply["Error"]} == {
        ("mine/b", "AccessDenied"),
        ("other", "AccessDenied"),
    }
    assert bucket.keys() == ["mine/b", "other"]


def test_a_deny_overrides_every_allow(bucket: Bucket, client: Callable[..., CosS3Client]) -> None:
    bucket.put("a", b"body")
    bucket.put("b", b"body")

    for statements in (
        [deny("GetObject", ROOT + "a"), allow("*", "*")],
        [allow("*", "*"), deny("Get*", ROOT + "a")],
    ):
        cos = client(*statements)
        assert outcome(cos.get_object, BUCKET, "a") == DENIED
        assert outcome(cos.get_object, BUCKET, "b") == (200, "")


@pytest.mark.parametrize(
    ("resource", "keys"),
    [
        ("*", {"in/a/live.bin", "in/a/b/live.bin", "in/a/reference.jpg", "live.bin"}),
        ("qcs::cos:::faces-1250000000/live.bin", {"live.bin"}),
        (ROOT + "in/*", {"in/a/live.bin", "in/a/b/live.bin", "in/a/reference.jpg"}),
        (ROOT + "in/*/live.bin", {"in/a/live.bin", "in/a/b/live.bin"}),
        (ROOT + "in/a/", set()),
        (ROOT.replace("ap-singapore", "ap-hongkong") + "*", set()),
        (ROOT.replace("faces", "others") + "*", set()),
        (ROOT + "IN/*", set()),
    ],
)
def test_a_resource_names_objects_by_a_pattern(
    bucket: Bucket, client: Callable[..., CosS3Client], resource: str, keys: set[str]
) -> None:
    every_key = ("in/a/live.bin", "in/a/b/live.bin", "in/a/reference.jpg", "live.bin")
    for key in every_key:
        bucket.put(key, b"body")
    cos = client(allow("GetObject", resource))

    assert {key for key in every_key if outcome(cos.get_object, BUCKET, key)[0] == 200} == keys


def test_names_of_actions_are_case_sensitive(
    bucket: Bucket, client: Callable[..., CosS3Client]
) -> None:
    bucket.put("a", b"body")

    assert outcome(client(allow("getobject")).get_object, BUCKET, "a") == DENIED
    assert outcome(client(allow("cos:GetObject")).get_object, BUCKET, "a") == (200, "")


# The condition, headers that a PUT needs, and headers with which it is refused.
CONDITIONS: list[tuple[dict[str, Any], dict[str, str], dict[str, str]]] = [
    (
        {"string_equal": {"cos:x-cos-forbid-overwrite": "true"}},
        {"x-cos-forbid-overwrite": "true"},
        {"x-cos-forbid-overwrite": "false"},
    ),
    (
        {"string_equal": {"cos:x-cos-forbid-overwrite": "true"}},
        {"x-cos-forbid-overwrite": "true"},
        {},
    ),
    (
        {"string_equal_if_exist": {"cos:x-cos-acl": ["private", "default"]}},
        {},
        {"x-cos-acl": "public-read"},
    ),
    (
        {"string_equal_if_exist": {"cos:x-cos-acl": ["private", "default"]}},
        {"x-cos-acl": "default"},
        {"x-cos-acl": "Private"},
    ),
    (
        {"string_equal_if_exist": {"cos:x-cos-grant-read": "none"}},
        {},
        {"x-cos-grant-read": 'id="100000000003"'},
    ),
    (
        {"string_not_equal_if_exist": {"cos:x-cos-storage-class": "ARCHIVE"}},
        {"x-cos-storage-class": "STANDARD_IA"},
        {"x-cos-storage-class": "ARCHIVE"},
    ),
    (
        {"string_not_equal": {"cos:x-cos-storage-class": "ARCHIVE"}},
        {"x-cos-storage-class": "STANDARD"},
        {},
    ),
    (
        {"string_like": {"cos:content-type": "image/*"}},
        {"Content-Type": "image/png"},
        {"Content-Type": "text/png"},
    ),
    (
        {"string_equal": {"cos:x-cos-server-side-encryption": "AES256"}},
        {"x-cos-server-side-encryption": "AES256"},
        {"x-cos-server-side-encryption": "cos/kms"},
    ),
    (
        {"bool_equal": {"cos:secure-transport": "true"}},
        {},
        {"x-sandbox-transport": "http"},
    ),
    ({"bool_equal": {"cos:secure-transport": False}}, {"x-sandbox-transport": "http"}, {}),
    (
        {
            "string_equal": {"cos:x-cos-acl": "private", "cos:x-cos-storage-class": "STANDARD"},
            "string_like": {"cos:content-type": "image/*"},
        },
        {"x-cos-acl": "private", "x-cos-storage-class": "STANDARD", "Content-Type": "image/png"},
        {"x-cos-acl": "private", "Content-Type": "image/png"},
    ),
]


@pytest.mark.parametrize(("condition", "needed", "refused"), CONDITIONS)
def test_a_condition_must_hold(
    bucket: Bucket,
    client: Callable[..., CosS3Client],
    condition: dict[str, Any],
    needed: dict[str, str],
    refused: dict[str, str],
) -> None:
    cos = client(allow("PutObject", condition=condition))

    assert outcome(cos.put_object, BUCKET, b"body", "a", Metadata=dict(refused)) == DENIED
    assert bucket.get("a") is None

    assert outcome(cos.put_object, BUCKET, b"body", "a", Metadata=dict(needed)) == (200, "")


@pytest.mark.parametrize(
    ("operator", "sizes"),
    [
        ("numeric_equal", {3}),
        ("numeric_not_equal", {2, 4}),
        ("numeric_less_than", {2}),
        ("numeric_less_than_equal", {2, 3}),
        ("numeric_greater_than", {4}),
        ("numeric_greater_than_equal", {3, 4}),
    ],
)
def test_sizes_are_compared_as_numbers(
    bucket: Bucket, client: Callable[..., CosS3Client], operator: str, sizes: set[int]
) -> None:
    cos = client(allow("PutObject", condition={operator: {"cos:content-length": 3}}))

    accepted = {
        size for size in (2, 3, 4) if outcome(cos.put_object, BUCKET, b"x" * size, "a") == (200, "")
    }

    assert accepted == sizes


def test_a_body_of_unknown_length_does_not_meet_a_limit(
    sandbox: Sandbox, bucket: Bucket, user: Callable[..., Credentials], http: requests.Session
) -> None:
    keys = user(allow("PutObject", condition={"numeric_less_than": {"cos:content-length": 10}}))
    url = cos_client(sandbox, keys).get_presigned_url(BUCKET, "a", "PUT")

    reply = http.put(url, data=iter([b"body"]))

    assert (reply.status_code, bucket.get("a")) == (403, None)


@pytest.mark.parametrize(
    ("operator", "networks", "status"),
    [
        ("ip_equal", ["10.0.0.0/8", "127.0.0.1"], 200),
        ("ip_equal", "10.217.182.3/24", 403),
        ("ip_not_equal", "127.0.0.0/8", 403),
        ("ip_not_equal", "10.0.0.0/8", 200),
    ],
)
def test_addresses_are_compared_as_networks(
    bucket: Bucket, client: Callable[..., CosS3Client], operator: str, networks: Any, status: int
) -> None:
    cos = client(allow("PutObject", condition={operator: {"qcs:ip": networks}}))

    assert outcome(cos.put_object, BUCKET, b"body", "a")[0] == status


def test_parameters_are_compared_in_their_encoded_form(
    client: Callable[..., CosS3Client],
) -> None:
    cos = client(allow("GetBucket", condition={"string_like": {"cos:prefix": "in%2F*"}}))

    assert outcome(cos.list_objects, BUCKET, Prefix="in/anna/") == (200, "")
    assert outcome(cos.list_objects, BUCKET, Prefix="out/") == DENIED
    assert outcome(cos.list_objects, BUCKET) == DENIED


@pytest.mark.parametrize("allowed", [True, False])
def test_a_link_is_judged_by_the_policies_of_its_signer(
    sandbox: Sandbox,
    bucket: Bucket,
    user: Callable[..., Credentials],
    http: requests.Session,
    allowed: bool,
) -> None:
    bucket.put("mine/a", b"body")
    bucket.put("a", b"body")
    cos = cos_client(sandbox, user(allow("GetObject", ROOT + "mine/*")))

    reply = http.get(cos.get_presigned_url(BUCKET, "mine/a" if allowed else "a", "GET"))

    assert reply.status_code == (200 if allowed else 403)
    assert allowed or "<Code>AccessDenied</Code>" in reply.text


def test_a_form_needs_its_own_action_and_its_fields_are_judged(
    sandbox: Sandbox, bucket: Bucket, user: Callable[..., Credentials], http: requests.Session
) -> None:
    private = {"string_equal_if_exist": {"cos:x-cos-acl": "private"}}

    def post(statement: Statement, headers: Any = None, **fields: str) -> int:
        form = signed_form(
            user(statement), {"expiration": "2099-01-01T00:00:00Z", "conditions": []}
        )
        url = f"http://{BUCKET}.cos.ap-singapore.myqcloud.com/"
        data = {"key": "a", **fields, **form}
        return http.post(url, data=data, files={"file": b"body"}, headers=headers).status_code

    assert post(allow("PutObject")) == 403
    assert post(allow("PostObject", condition=private), **{"x-cos-acl": "public-read"}) == 403
    small = {"numeric_less_than": {"cos:content-length": 10}}
    assert post(allow("PostObject", condition=small), **{"content-length": "1"}) == 403
    create_only = {"string_equal": {"cos:x-cos-forbid-overwrite": "true"}}
    # A header of the request does not count: the form decides.
    headers = {"x-cos-forbid-overwrite": "true"}
    assert post(allow("PostObject", condition=create_only), headers) == 403
    assert bucket.get("a") is None
    assert post(allow("PostObject", condition=create_only), **headers) == 204
    assert post(allow("PostObject", condition=private)) == 204


def test_policies_of_a_user_can_be_replaced_while_its_key_is_in_use(
    bucket: Bucket, client: Callable[..., CosS3Client], user: Callable[..., Credentials]
) -> None:
    cos = client(allow("PutObject"))
    assert outcome(cos.put_object, BUCKET, b"body", "a") == (200, "")

    user(allow("GetObject"))

    assert outcome(cos.put_object, BUCKET, b"body", "a") == DENIED
    assert outcome(cos.get_object, BUCKET, "a") == (200, "")


def test_all_policies_of_a_user_count(sandbox: Sandbox, bucket: Bucket) -> None:
    policies = {"a": policy(allow("PutObject")), "b": policy(deny("*", ROOT + "b"))}
    cos = cos_client(sandbox, sandbox.put_user("anna", policies))

    assert outcome(cos.put_object, BUCKET, b"body", "a") == (200, "")
    assert outcome(cos.put_object, BUCKET, b"body", "b") == DENIED


def test_the_owner_may_do_everything(sandbox: Sandbox, cos: CosS3Client) -> None:
    sandbox.put_user("anna", {"policy": policy(deny("*", "*"))})

    assert outcome(cos.put_object, BUCKET, b"body", "a") == (200, "")


# ---- API 3.0


def code_of(call: Callable[[], Any]) -> str:
    with pytest.raises(TencentCloudSDKException) as caught:
        call()
    return str(caught.value.code)


UNAUTHORIZED = "AuthFailure.UnauthorizedOperation"


def test_the_face_api_needs_permission_for_the_call_and_for_the_inputs(
    sandbox: Sandbox, user: Callable[..., Credentials], pair: Callable[..., Pair]
) -> None:
    params = pair().params
    call = f"faceid:{DETECT}"

    def judge(*statements: Statement, **changed: str) -> str:
        keys = user(*statements)
        response = face_client(sandbox, keys).call_json(DETECT, {**params, **changed})
        return str(response["Response"]["Result"])

    assert code_of(lambda: judge(allow("faceid:CreateUploadUrl", "*"))) == UNAUTHORIZED
    # The action is authorized at operation level: a policy with a resource does not match.
    assert code_of(lambda: judge(allow(call, "qcs::faceid:::x/*"))) == UNAUTHORIZED
    assert sandbox.faceid.calls == []
    assert judge(allow(call, "*")) == "Success"

    own_link = cos_client(sandbox, user(allow(call, "*"))).get_presigned_url(
        BUCKET, "pair/reference.jpg", "GET"
    )
    assert (
        code_of(lambda: judge(allow(call, "*"), ImageUrl=own_link, ImageMd5=md5(JPEG)))
        == "FailedOperation.DownLoadError"
    )


def test_scf_actions_need_permission_for_the_function(
    sandbox: Sandbox, user: Callable[..., Credentials], deploy: Callable[..., Any]
) -> None:
    deploy("def main_handler(event, context): pass")
    name = "qcs::scf:ap-singapore:uin/100000000001:namespace/default/function/"

    def get(*statements: Statement) -> Any:
        client = api_client(sandbox, "scf", "2018-04-16", user(*statements))
        return client.call_json("GetFunction", {"FunctionName": "liveness"})

    assert code_of(lambda: get(allow("scf:GetFunction", name + "other"))) == UNAUTHORIZED
    assert code_of(lambda: get(allow("scf:ListTriggers", name + "*"))) == UNAUTHORIZED
    assert get(allow("scf:GetFunction", name + "liveness"))
    assert get(allow("scf:*", "qcs::scf::uin/:namespace/default/function/liveness"))


def test_cam_actions_need_permission_for_the_role(
    sandbox: Sandbox, user: Callable[..., Credentials]
) -> None:
    role = sandbox.put_role("a-role", {}, {"a-policy": policy(allow("GetObject"))})
    name = "qcs::cam::uin/100000000001:"

    def call(statement: Statement, action: str = "GetRole", **params: Any) -> Any:
        client = api_client(sandbox, "cam", "2019-01-16", user(statement))
        return client.call_json(action, params)

    other = allow("cam:GetRole", name + "roleName/other")
    for named in ({"RoleName": "a-role"}, {"RoleId": role.id}):
        assert code_of(lambda named=named: call(other, **named)) == UNAUTHORIZED  # type: ignore[misc]
        assert call(allow("cam:GetRole", name + "roleName/a-role"), **named)
    policy_id = {"PolicyId": next(iter(role.attached))}
    assert code_of(lambda: call(other, "GetPolicy", **policy_id)) == UNAUTHORIZED
    assert call(allow("cam:GetPolicy", name + "policyid/*"), "GetPolicy", **policy_id)


# ---- policies that CAM would not accept, or that its documents do not define


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ({"effect": "Allow"}, "effect must be 'allow' or 'deny', not 'Allow'"),
        ({"effect": "allow", "action": []}, "action must be"),
        ({"principal": {"qcs": ["*"]}}, "'principal' is not a field"),
        ({"notaction": ["*"]}, "'notaction' is not a field"),
        ({"resource": ["faces-1250000000/*"]}, "does not have six segments"),
        ({"condition": {"string_matches": {"cos:x-cos-acl": "a"}}}, "no such operator"),
        ({"condition": {"null_equal": {"cos:x-cos-acl": "true"}}}, "no such operator"),
        ({"condition": {"string_equal": {"cos:x-cos-acl-": "a"}}}, "no such condition key"),
        ({"condition": {"string_equal": {"cos:content-length": "1"}}}, "the key's type"),
        ({"condition": {"numeric_equal": {"cos:x-cos-acl": 1}}}, "the key's type"),
        ({"condition": {"ip_equal": {"cos:prefix": "10.0.0.1"}}}, "the key's type"),
        ({"condition": {"string_equal": {}}}, "at least one field"),
        ({"condition": {"string_equal": {"cos:x-cos-acl": []}}}, "a value or a list"),
        ({"condition": {"string_like": {"cos:content-type": "a*b"}}}, "at the start or the end"),
        ({"condition": {"numeric_equal": {"cos:content-length": "many"}}}, "must be numbers"),
        ({"condition": {"bool_equal": {"cos:secure-transport": "yes"}}}, "true or false"),
        ({"condition": {"ip_equal": {"qcs:ip": "10.*"}}}, "addresses or networks"),
        ({"condition": {"string_not_equal": {"cos:x-cos-acl": ["a", "b"]}}}, "give one value"),
    ],
)
def test_an_undocumented_policy_is_rejected(
    sandbox: Sandbox, statement: Statement, message: str
) -> None:
    with pytest.raises(InvalidPolicy, match=message):
        sandbox.put_user("anna", {"policy": policy({**allow("GetObject"), **statement})})


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "must be an object"),
        ({"Version": "2.0"}, "'Version' is not a field"),
        ({"version": "1.0", "statement": [allow("*")]}, "version must be '2.0'"),
        ({"version": "2.0", "statement": []}, "must have a statement"),
        ({"version": "2.0", "statement": ["allow"]}, "a statement must be an object"),
    ],
)
def test_what_is_no_policy_is_rejected(sandbox: Sandbox, document: Any, message: str) -> None:
    with pytest.raises(InvalidPolicy, match=message):
        sandbox.put_user("anna", {"policy": document})


def test_a_resource_with_many_wildcards_takes_no_time_without_end(
    bucket: Bucket, client: Callable[..., CosS3Client]
) -> None:
    key = "a" * 800
    many = client(allow("GetObject", ROOT + "a*" * 40 + "b"))
    bucket.put(key, b"body")

    with pytest.raises(CosServiceError, match="AccessDenied"):
        many.get_object(BUCKET, key)


@pytest.mark.parametrize("resource", ["[ab]", "?"])
def test_only_a_star_stands_for_other_text(
    bucket: Bucket, client: Callable[..., CosS3Client], resource: str
) -> None:
    for key in ("a", resource):
        bucket.put(key, b"body")
    reader = client(allow("GetObject", ROOT + resource))

    assert reader.get_object(BUCKET, resource)
    with pytest.raises(CosServiceError, match="AccessDenied"):
        reader.get_object(BUCKET, "a")
