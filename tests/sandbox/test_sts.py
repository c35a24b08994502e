"""STS by the vendor's generated client: temporary keys, what they allow, and when they expire."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from qcloud_cos import CosS3Client
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.sts.v20180813 import models
from tencentcloud.sts.v20180813.sts_client import StsClient

from liveness_sandbox import Bucket, Credentials, Sandbox

from .clients import BUCKET, DETECT, api_client, cos_client, face_client
from .test_policies import DENIED, ROOT, allow, deny, outcome, policy

UIN = "100000000001"
TRUSTS_ACCOUNT = {
    "version": "2.0",
    "statement": [
        {
            "effect": "allow",
            "action": "name/sts:AssumeRole",
            "principal": {"qcs": [f"qcs::cam::uin/{UIN}:root"]},
        }
    ],
}
ISSUE = allow("sts:GetFederationToken sts:AssumeRole", "*")
UNAUTHORIZED = "AuthFailure.UnauthorizedOperation"


def sts_client(sandbox: Sandbox, keys: Credentials | None = None) -> StsClient:
    profile = HttpProfile(protocol="http", reqTimeout=10)
    profile.proxy = sandbox.url
    keys = keys or sandbox.credentials
    credential = Credential(keys.secret_id, keys.secret_key, keys.token)
    return StsClient(credential, sandbox.region, ClientProfile(httpProfile=profile))


def federate(
    sandbox: Sandbox,
    document: Any,
    keys: Credentials | None = None,
    seconds: int | None = None,
) -> Credentials:
    """Have STS issue keys for a policy, as a backend does for its app."""
    request = models.GetFederationTokenRequest()
    request.Name = "app"
    request.Policy = quote(json.dumps(document))
    request.DurationSeconds = seconds
    return issued(sts_client(sandbox, keys).GetFederationToken(request))


def assume(
    sandbox: Sandbox,
    keys: Credentials | None = None,
    role: str = "roleName/a-role",
    document: Any = None,
    seconds: int | None = None,
    session: str = "a-session",
) -> Credentials:
    request = models.AssumeRoleRequest()
    request.RoleArn = f"qcs::cam::uin/{UIN}:{role}"
    request.RoleSessionName = session
    request.Policy = None if document is None else quote(json.dumps(document))
    request.DurationSeconds = seconds
    return issued(sts_client(sandbox, keys).AssumeRole(request))


def issued(response: Any) -> Credentials:
    """Return the keys of a response, which has every field that the vendor's model has."""
    assert_complete(response)
    assert_complete(response.Credentials)
    assert response.Expiration.startswith("20") and response.Expiration.endswith("Z")
    keys = response.Credentials
    return Credentials(keys.TmpSecretId, keys.TmpSecretKey, keys.Token)


def assert_complete(model: Any) -> None:
    """It has every field of the model; the SDK warns of others, and warnings are errors here."""
    assert [name for name, value in vars(model).items() if value is None] == []


def code_of(call: Callable[..., Any], *arguments: Any, **more: Any) -> str:
    with pytest.raises(TencentCloudSDKException) as caught:
        call(*arguments, **more)
    return str(caught.value.code)


def can_put(sandbox: Sandbox, keys: Credentials, key: str) -> bool:
    result = outcome(cos_client(sandbox, keys).put_object, BUCKET, b"body", key)
    assert result in ((200, ""), DENIED)
    return result[0] == 200


@pytest.fixture
def backend(sandbox: Sandbox) -> Credentials:
    """The keys of a sub-account that may upload below `in/`, and ask STS for keys."""
    return sandbox.put_user("backend", {"p": policy(allow("PutObject", ROOT + "in/*"), ISSUE)})


def test_federated_keys_may_do_what_both_caller_and_policy_allow(
    sandbox: Sandbox, bucket: Bucket, backend: Credentials
) -> None:
    keys = federate(
        sandbox, policy(allow("*", ROOT + "in/anna/*"), allow("*", ROOT + "out/*")), backend
    )

    assert can_put(sandbox, keys, "in/anna/live.bin")
    assert not can_put(sandbox, keys, "in/bert/live.bin"), "the policy does not allow it"
    assert not can_put(sandbox, keys, "out/anna"), "the caller may not do it"
    cos = cos_client(sandbox, keys)
    assert outcome(cos.get_object, BUCKET, "in/anna/live.bin") == DENIED


def test_a_deny_of_either_side_counts(
    sandbox: Sandbox, bucket: Bucket, backend: Credentials
) -> None:
    keys = federate(sandbox, policy(allow("*", "*"), deny("*", ROOT + "in/a*")), backend)
    assert (can_put(sandbox, keys, "in/anna"), can_put(sandbox, keys, "in/bert")) == (False, True)

    # The caller's own policies still count after the keys were issued.
    sandbox.put_user("backend", {"p": policy(allow("PutObject"), deny("*", ROOT + "in/b*"))})
    assert (can_put(sandbox, keys, "in/bert"), can_put(sandbox, keys, "in/cleo")) == (False, True)


def test_federated_keys_of_the_owner_may_do_what_the_policy_allows(
    sandbox: Sandbox, bucket: Bucket
) -> None:
    keys = federate(sandbox, policy(allow("PutObject", ROOT + "in/*")))

    assert (can_put(sandbox, keys, "in/a"), can_put(sandbox, keys, "a")) == (True, False)


def test_federated_keys_call_apis_within_the_policy(sandbox: Sandbox) -> None:
    upload = {"TargetAction": DETECT}
    good = face_client(sandbox, federate(sandbox, policy(allow("faceid:CreateUploadUrl", "*"))))
    other = face_client(sandbox, federate(sandbox, policy(allow("PutObject"))))

    assert good.call_json("CreateUploadUrl", upload)["Response"]["UploadUrl"]
    assert code_of(other.call_json, "CreateUploadUrl", upload) == UNAUTHORIZED


def test_a_link_signed_with_federated_keys_is_judged_by_their_policy(
    sandbox: Sandbox, bucket: Bucket, http: Any
) -> None:
    bucket.put("mine", b"body")
    bucket.put("other", b"body")
    keys = federate(sandbox, policy(allow("GetObject", ROOT + "mine")))
    cos, token = cos_client(sandbox, keys), {"x-cos-security-token": keys.token}

    def status(key: str) -> int:
        link = cos.get_presigned_url(BUCKET, key, "GET", Params=token)
        return int(http.get(link).status_code)

    assert (status("mine"), status("other")) == (200, 403)


@pytest.mark.parametrize(("seconds", "lifetime"), [(600, 600), (None, 1800)])
def test_federated_keys_expire(
    sandbox: Sandbox, bucket: Bucket, seconds: int | None, lifetime: int
) -> None:
    keys = federate(sandbox, policy(allow("*", "*")), seconds=seconds)
    identity = sts_client(sandbox, keys).GetCallerIdentity

    sandbox.clock.advance(lifetime - 60)
    assert can_put(sandbox, keys, "a")
    assert identity(models.GetCallerIdentityRequest())

    sandbox.clock.advance(61)
    assert not can_put(sandbox, keys, "a")
    assert code_of(identity, models.GetCallerIdentityRequest()) == "AuthFailure.TokenFailure"


def test_the_time_of_expiry_is_that_of_the_sandbox(sandbox: Sandbox) -> None:
    sandbox.clock.advance(86_400)
    request = models.GetFederationTokenRequest()
    request.Name, request.Policy = "app", quote(json.dumps(policy(allow("*"))))

    response = sts_client(sandbox).GetFederationToken(request)

    assert response.ExpiredTime - time.time() > 86_400


def test_keys_live_as_long_as_the_documents_allow(sandbox: Sandbox, backend: Credentials) -> None:
    document = policy(allow("*"))
    sandbox.put_role("a-role", TRUSTS_ACCOUNT, {})

    calls: list[Callable[[int], Credentials]] = [
        lambda seconds: federate(sandbox, document, seconds=7200 + seconds),
        lambda seconds: federate(sandbox, document, backend, 129_600 + seconds),
        lambda seconds: assume(sandbox, seconds=43_200 + seconds),
    ]
    for call in calls:
        assert call(0)
        assert code_of(call, 1) == "InvalidParameter.OverTimeError"
    assert code_of(federate, sandbox, document, seconds=-1) == "InvalidParameter.ParamError"


def test_issuing_keys_needs_permission(sandbox: Sandbox) -> None:
    keys = sandbox.put_user("app", {"p": policy(allow("PutObject"))})
    sandbox.put_role("a-role", TRUSTS_ACCOUNT, {})

    assert code_of(federate, sandbox, policy(allow("PutObject")), keys) == UNAUTHORIZED
    assert code_of(assume, sandbox, keys) == UNAUTHORIZED

    other = allow("sts:AssumeRole", f"qcs::cam::uin/{UIN}:roleName/other")
    sandbox.put_user("app", {"p": policy(other)})
    assert code_of(assume, sandbox, keys) == UNAUTHORIZED
    sandbox.put_user("app", {"p": policy(allow("sts:AssumeRole", other["resource"][0][:-5] + "*"))})
    assert assume(sandbox, keys)


def test_temporary_keys_are_issued_no_further_ones(sandbox: Sandbox) -> None:
    keys = federate(sandbox, policy(allow("*", "*")))

    assert (
        code_of(federate, sandbox, policy(allow("*", "*")), keys)
        == "FailedOperation.TempKeyNotAllowed"
    )


@pytest.mark.parametrize(
    ("encoded", "code"),
    [
        (json.dumps(policy(allow("*"))), "InvalidParameter.ParamError"),
        ("no%20JSON", "InvalidParameter.StrategyFormatError"),
        (quote("[]"), "InvalidParameter.StrategyFormatError"),
        (
            quote(json.dumps(policy({**allow("*"), "principal": {"qcs": ["*"]}}))),
            "InvalidParameter.StrategyFormatError",
        ),
    ],
)
def test_a_policy_that_is_not_as_documented_is_rejected(
    sandbox: Sandbox, encoded: str, code: str
) -> None:
    request = models.GetFederationTokenRequest()
    request.Name, request.Policy = "app", encoded

    assert code_of(sts_client(sandbox).GetFederationToken, request) == code


# ---- roles


def test_an_assumed_role_has_its_own_permissions_not_those_of_the_caller(
    sandbox: Sandbox, bucket: Bucket, backend: Credentials
) -> None:
    role = sandbox.put_role(
        "a-role", TRUSTS_ACCOUNT, {"p": policy(allow("PutObject", ROOT + "out/*"))}
    )

    for keys in (
        assume(sandbox, backend),
        assume(sandbox, backend, f"role/{role.id}"),
        assume(sandbox),
    ):
        assert (can_put(sandbox, keys, "out/a"), can_put(sandbox, keys, "in/a")) == (True, False)

    narrowed = assume(sandbox, document=policy(allow("PutObject", ROOT + "out/b")))
    assert (can_put(sandbox, narrowed, "out/a"), can_put(sandbox, narrowed, "out/b")) == (
        False,
        True,
    )


def test_the_keys_of_a_role_expire(sandbox: Sandbox, bucket: Bucket) -> None:
    sandbox.put_role("a-role", TRUSTS_ACCOUNT, {"p": policy(allow("PutObject"))})
    keys = assume(sandbox)

    sandbox.clock.advance(7199)
    assert can_put(sandbox, keys, "a")
    sandbox.clock.advance(2)
    assert not can_put(sandbox, keys, "a")


def trust(effect: str = "allow", action: str = "name/sts:AssumeRole", **principal: Any) -> Any:
    statement = {"effect": effect, "action": action, "principal": principal}
    return {"version": "2.0", "statement": [statement]}


@pytest.mark.parametrize(
    "document",
    [
        trust(service=["scf.qcloud.com"]),
        trust(qcs=[f"qcs::cam::uin/{UIN}:uin/100000000009"]),
        trust(qcs=["qcs::cam::uin/100000000099:root"]),
        trust(action="name/sts:GetFederationToken", qcs=[f"qcs::cam::uin/{UIN}:root"]),
        trust("deny", qcs=[f"qcs::cam::uin/{UIN}:root"]),
        {
            **TRUSTS_ACCOUNT,
            "statement": [
                *TRUSTS_ACCOUNT["statement"],
                *trust("deny", qcs=[f"qcs::cam::uin/{UIN}:root"])["statement"],
            ],
        },
        {},
    ],
)
def test_a_role_is_assumed_only_by_whom_it_trusts(
    sandbox: Sandbox, backend: Credentials, document: Any
) -> None:
    sandbox.put_role("a-role", document, {"p": policy(allow("*", "*"))})

    assert code_of(assume, sandbox, backend) == "UnauthorizedOperation"


def test_a_role_may_trust_one_sub_account(sandbox: Sandbox, backend: Credentials) -> None:
    uin = sts_client(sandbox, backend).GetCallerIdentity(models.GetCallerIdentityRequest()).UserId
    other = sandbox.put_user("other", {"p": policy(ISSUE)})
    sandbox.put_role("a-role", trust(qcs=f"qcs::cam::uin/{UIN}:uin/{uin}"), {})

    assert assume(sandbox, backend)
    assert code_of(assume, sandbox, other) == "UnauthorizedOperation"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"role": "roleName/nobody"}, "ResourceNotFound.RoleNotFound"),
        ({"role": "a-role"}, "ResourceNotFound.RoleNotFound"),
        ({"session": "x"}, "InvalidParameter.ParamError"),
        ({"session": "a b"}, "InvalidParameter.ParamError"),
    ],
)
def test_an_invalid_request_for_a_role_is_rejected(
    sandbox: Sandbox, changes: dict[str, Any], code: str
) -> None:
    sandbox.put_role("a-role", TRUSTS_ACCOUNT, {})

    assert code_of(assume, sandbox, **changes) == code


# ---- who am I, and the format of requests


def test_a_key_says_whose_it_is(sandbox: Sandbox, backend: Credentials) -> None:
    role = sandbox.put_role("a-role", TRUSTS_ACCOUNT, {})

    def identity(keys: Credentials | None = None) -> tuple[str, str, str, str]:
        response = sts_client(sandbox, keys).GetCallerIdentity(models.GetCallerIdentityRequest())
        assert_complete(response)
        assert response.AccountId == UIN
        return response.Type, response.Arn, response.UserId, response.PrincipalId

    sub = "100000000002"
    assert identity() == ("RootAccount", f"qcs::cam::uin/{UIN}:uin/{UIN}", UIN, UIN)
    assert identity(backend) == ("CAMUser", f"qcs::cam::uin/{UIN}:uin/{sub}", sub, sub)
    assert identity(assume(sandbox, backend)) == (
        "CAMRole",
        f"qcs::sts:{UIN}:assumed-role/{role.id}",
        f"{role.id}:a-session",
        sub,
    )
    assert identity(federate(sandbox, policy(ISSUE), backend))[2] == f"{sub}:app"


@pytest.mark.parametrize(
    ("action", "request_model"),
    [
        ("GetFederationToken", models.GetFederationTokenRequest),
        ("AssumeRole", models.AssumeRoleRequest),
        ("GetCallerIdentity", models.GetCallerIdentityRequest),
    ],
)
def test_the_parameters_are_those_of_the_vendors_client(
    sandbox: Sandbox, action: str, request_model: type
) -> None:
    """Each of them is known, and checked; any other is refused."""
    client = api_client(sandbox, "sts", "2018-08-13")
    names = [name.removeprefix("_") for name in vars(request_model())]
    sandbox.put_role("a-role", TRUSTS_ACCOUNT, {})
    valid = {
        "GetFederationToken": {"Name": "app", "Policy": quote(json.dumps(policy(allow("*"))))},
        "AssumeRole": {
            "RoleArn": f"qcs::cam::uin/{UIN}:roleName/a-role",
            "RoleSessionName": "a-session",
        },
        "GetCallerIdentity": {},
    }[action]

    assert client.call_json(action, valid)
    for name in names:
        assert code_of(client.call_json, action, {**valid, name: 1.5}) == "InvalidParameter"
    for name in valid:
        without = {key: value for key, value in valid.items() if key != name}
        assert code_of(client.call_json, action, without) == "MissingParameter"
    for name in ("Unknown", "name"):
        assert code_of(client.call_json, action, {**valid, name: "x"}) == "UnknownParameter"


@pytest.mark.parametrize("name", ["Tags", "SerialNumber", "ExternalId"])
def test_what_the_sandbox_does_not_implement_is_refused(sandbox: Sandbox, name: str) -> None:
    sandbox.put_role("a-role", TRUSTS_ACCOUNT, {})
    params = {"RoleArn": f"qcs::cam::uin/{UIN}:roleName/a-role", "RoleSessionName": "a-session"}
    client = api_client(sandbox, "sts", "2018-08-13")

    value: Any = [] if name == "Tags" else "x"
    assert (
        code_of(client.call_json, "AssumeRole", {**params, name: value}) == "UnsupportedOperation"
    )


@pytest.mark.parametrize(
    "host", ["sts.intl.tencentcloudapi.com", "sts.ap-singapore.tencentcloudapi.com"]
)
def test_sts_has_several_hosts(sandbox: Sandbox, host: str) -> None:
    client = api_client(sandbox, "sts", "2018-08-13", host=host)

    assert client.call_json("GetCallerIdentity", {})["Response"]["AccountId"] == UIN


def test_a_wrong_key_is_refused(sandbox: Sandbox) -> None:
    wrong = Credentials(sandbox.credentials.secret_id, "0" * 32)

    assert code_of(federate, sandbox, policy(allow("*")), wrong) == "AuthFailure.SignatureFailure"


def test_temporary_keys_do_not_work_without_their_token(sandbox: Sandbox, bucket: Bucket) -> None:
    keys = federate(sandbox, policy(allow("*", "*")))
    cos: CosS3Client = cos_client(sandbox, Credentials(keys.secret_id, keys.secret_key))

    assert outcome(cos.put_object, BUCKET, b"body", "a") == (403, "InvalidAccessKeyId")
