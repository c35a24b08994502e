"""The face API: authentication, rate limit, parameters and inputs."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest
import requests
from tencentcloud.common.exception import TencentCloudSDKException

from liveness_sandbox import Credentials, Sandbox
from liveness_sandbox.api.signature import signature_of

from .clients import BUCKET, DETECT, Pair, api_client, cos_client, face_client, md5


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(TencentCloudSDKException) as caught:
        call()
    assert caught.value.requestId
    return str(caught.value.code)


def test_a_wrong_secret_key_is_rejected(sandbox: Sandbox, pair: Callable[..., Pair]) -> None:
    params = pair().params
    wrong_key = face_client(sandbox, Credentials(sandbox.credentials.secret_id, "0" * 32))

    assert code_of(lambda: wrong_key.call_json(DETECT, params)) == "AuthFailure.SignatureFailure"
    assert sandbox.faceid.calls == []


def test_an_unknown_secret_id_is_rejected(sandbox: Sandbox, pair: Callable[..., Pair]) -> None:
    params = pair().params
    unknown = face_client(sandbox, Credentials("AKIDnobody", "0" * 32))

    assert code_of(lambda: unknown.call_json(DETECT, params)) == "AuthFailure.SecretIdNotFound"
    assert sandbox.faceid.calls == []


def test_temporary_credentials_work_until_they_expire(sandbox: Sandbox) -> None:
    client = face_client(sandbox, sandbox.temporary_credentials(lifetime_seconds=600))
    target = {"TargetAction": DETECT}
    client.call_json("CreateUploadUrl", target)

    sandbox.clock.advance(601)

    assert (
        code_of(lambda: client.call_json("CreateUploadUrl", target)) == "AuthFailure.TokenFailure"
    )


@pytest.mark.parametrize("token", [None, "another"])
def test_temporary_credentials_need_their_own_token(sandbox: Sandbox, token: str | None) -> None:
    keys = sandbox.temporary_credentials()
    client = face_client(sandbox, Credentials(keys.secret_id, keys.secret_key, token))

    code = code_of(lambda: client.call_json("CreateUploadUrl", {"TargetAction": DETECT}))

    assert code == "AuthFailure.TokenFailure"


@pytest.mark.parametrize(
    ("header", "value", "code"),
    [
        ("X-TC-Timestamp", lambda value: str(int(value) - 301), "AuthFailure.SignatureExpire"),
        ("X-TC-Timestamp", lambda value: str(int(value) + 1), "AuthFailure.SignatureFailure"),
        ("X-TC-Timestamp", lambda value: "soon", "AuthFailure.SignatureFailure"),
        ("X-TC-Timestamp", lambda value: "²".encode(), "AuthFailure.SignatureFailure"),
        (
            "Authorization",
            lambda value: value.replace("content-type;host", "host"),
            "AuthFailure.SignatureFailure",
        ),
        (
            "Authorization",
            lambda value: value.replace("/faceid/", "/cvm/"),
            "AuthFailure.SignatureFailure",
        ),
        ("Authorization", lambda value: "Bearer me", "AuthFailure.SignatureFailure"),
        (
            "Content-Type",
            lambda value: "application/json; charset=utf-8",
            "AuthFailure.SignatureFailure",
        ),
    ],
)
def test_a_tampered_header_is_rejected(
    sandbox: Sandbox, http: requests.Session, header: str, value: Callable[[str], str], code: str
) -> None:
    sent = signed_request(sandbox, {"TargetAction": DETECT})
    headers = {**sent.headers, header: value(sent.headers[header])}

    reply = http.post("http://faceid.intl.tencentcloudapi.com/", data=sent.data, headers=headers)

    assert reply.status_code == 200, "errors are reported in the body"
    assert reply.json()["Response"]["Error"]["Code"] == code


def test_a_tampered_body_is_rejected(sandbox: Sandbox, http: requests.Session) -> None:
    sent = signed_request(sandbox, {"TargetAction": DETECT})
    reply = http.post(
        "http://faceid.intl.tencentcloudapi.com/", data=sent.data + b" ", headers=sent.headers
    )

    assert reply.json()["Response"]["Error"]["Code"] == "AuthFailure.SignatureFailure"


def test_content_type_and_host_must_be_signed(sandbox: Sandbox, http: requests.Session) -> None:
    """The signatures are valid, but cover too little."""
    body = json.dumps({"TargetAction": DETECT}).encode()
    host = "faceid.intl.tencentcloudapi.com"
    now = int(time.time())
    date = datetime.fromtimestamp(now, timezone.utc).strftime("%Y-%m-%d")
    sent = {"content-type": "application/json", "host": host}

    def code(*names: str, port: str = "") -> str | None:
        lines = "".join(f"{name}:{sent[name]}\n" for name in names)
        digest = hashlib.sha256(body).hexdigest()
        canonical = f"POST\n/\n\n{lines}\n{';'.join(names)}\n{digest}"
        keys = sandbox.credentials
        headers = {
            "Content-Type": sent["content-type"],
            "Host": f"{host}{port}",
            "X-TC-Action": "CreateUploadUrl",
            "X-TC-Version": "2018-03-01",
            "X-TC-Region": sandbox.region,
            "X-TC-Timestamp": str(now),
            "Authorization": "TC3-HMAC-SHA256 "
            f"Credential={keys.secret_id}/{date}/faceid/tc3_request, "
            f"SignedHeaders={';'.join(names)}, "
            f"Signature={signature_of(keys.secret_key, date, 'faceid', str(now), canonical)}",
        }
        response = http.post(f"http://{host}/", data=body, headers=headers).json()["Response"]
        received: str | None = response.get("Error", {}).get("Code")
        return received

    assert code("content-type", "host") is None
    assert code("host") == code("content-type") == "AuthFailure.SignatureFailure"
    # Clients differ in whether they sign the port of the Host header.
    assert code("content-type", "host", port=":80") is None
    sent["host"] = f"{host}:80"
    assert code("content-type", "host", port=":80") is None
    assert code("content-type", "host", port=":81") == "AuthFailure.SignatureFailure"


class Sent:
    def __init__(self, headers: dict[str, str], data: bytes) -> None:
        self.headers = headers
        self.data = data


def signed_request(sandbox: Sandbox, params: dict[str, Any]) -> Sent:
    """Return what the SDK sends, taken from the log of a successful request."""
    face_client(sandbox).call_json("CreateUploadUrl", params)
    logged = sandbox.requests[-1].headers
    names = (
        "Authorization",
        "Content-Type",
        "X-TC-Action",
        "X-TC-Timestamp",
        "X-TC-Version",
        "X-TC-Region",
    )
    return Sent({name: logged[name.lower()] for name in names}, json.dumps(params).encode())


def test_invalid_common_parameters_are_rejected(
    sandbox: Sandbox, pair: Callable[..., Pair]
) -> None:
    params = pair().params
    elsewhere = face_client(sandbox, region="ap-guangzhou")
    assert code_of(lambda: elsewhere.call_json(DETECT, params)) == "UnsupportedRegion"

    nowhere = face_client(sandbox)
    nowhere.region = ""
    assert code_of(lambda: nowhere.call_json(DETECT, params)) == "MissingParameter"

    old = face_client(sandbox)
    old._apiVersion = "2017-01-01"
    assert code_of(lambda: old.call_json(DETECT, params)) == "NoSuchVersion"
    assert (
        code_of(lambda: face_client(sandbox).call_json("DetectNothing", params)) == "InvalidAction"
    )


@pytest.mark.parametrize("name", ["LiveDataUrl", "LiveDataMd5", "ImageUrl", "ImageMd5"])
def test_every_parameter_is_required(
    sandbox: Sandbox, pair: Callable[..., Pair], name: str
) -> None:
    params = pair().params
    client = face_client(sandbox)

    without = {key: value for key, value in params.items() if key != name}

    assert code_of(lambda: client.call_json(DETECT, without)) == "MissingParameter"
    assert code_of(lambda: client.call_json(DETECT, {**params, name: 7})) == "InvalidParameter"


def test_an_unknown_parameter_is_rejected(sandbox: Sandbox, pair: Callable[..., Pair]) -> None:
    params = {**pair().params, "LiveDataURL": "typo"}
    assert code_of(lambda: face_client(sandbox).call_json(DETECT, params)) == "UnknownParameter"


def test_parameters_can_be_sent_by_get(sandbox: Sandbox, pair: Callable[..., Pair]) -> None:
    params = pair().params
    client = face_client(sandbox)
    client.profile.httpProfile.reqMethod = "GET"

    assert client.call_json(DETECT, params)["Response"]["Result"] == "Success"
    assert [request.method for request in sandbox.requests][:1] == ["GET"]

    more = {**params, "Sim": "99"}
    assert code_of(lambda: client.call_json(DETECT, more)) == "UnknownParameter"

    wrong_key = face_client(sandbox, Credentials(sandbox.credentials.secret_id, "0" * 32))
    wrong_key.profile.httpProfile.reqMethod = "GET"
    assert code_of(lambda: wrong_key.call_json(DETECT, params)) == "AuthFailure.SignatureFailure"


def test_other_methods_are_rejected(http: requests.Session) -> None:
    reply = http.put("http://faceid.intl.tencentcloudapi.com/", data=b"{}")
    assert reply.json()["Response"]["Error"]["Code"] == "UnsupportedProtocol"


def test_a_request_has_a_maximum_size(sandbox: Sandbox, pair: Callable[..., Pair]) -> None:
    """10 MB by POST, 32 KB by GET."""
    client, params = face_client(sandbox), pair().params

    def padded(count: int) -> dict[str, str]:
        padding = "&x-cos-security-token="  # which a permanent key does not need
        return {**params, "ImageUrl": params["ImageUrl"] + padding + "x" * count}

    too_much, too_long = padded(10 * 1024 * 1024), padded(32 * 1024)

    assert code_of(lambda: client.call_json(DETECT, too_much)) == "RequestSizeLimitExceeded"
    assert client.call_json(DETECT, too_long)["Response"]["Result"] == "Success"

    client.profile.httpProfile.reqMethod = "GET"
    assert code_of(lambda: client.call_json(DETECT, too_long)) == "RequestSizeLimitExceeded"


def test_more_than_five_requests_per_second_are_rejected(
    sandbox: Sandbox, pair: Callable[..., Pair]
) -> None:
    judged = pair()
    for _ in range(5):
        judged.judge()
    assert code_of(judged.judge) == "RequestLimitExceeded"
    assert len(sandbox.faceid.calls) == 5, "a rejected request is not a call"
    assert sandbox.requests[-1].error_code == "RequestLimitExceeded"

    sandbox.faceid.rate_limit = None
    judged.judge()


@pytest.mark.parametrize(
    "host",
    [
        f"{BUCKET}.cos.ap-hongkong.myqcloud.com",
        f"{BUCKET}.cos-internal.ap-singapore.tencentcos.cn",
        f"{BUCKET}.cos.ap-singapore.tencentcos.cn",
        "faces.example.com",
        "cos.ap-singapore.myqcloud.com",
    ],
)
def test_only_default_cos_domains_of_the_region_are_accepted(
    sandbox: Sandbox, pair: Callable[..., Pair], host: str
) -> None:
    judged = pair()
    url = judged.params["LiveDataUrl"].replace(f"{BUCKET}.cos.ap-singapore.myqcloud.com", host)

    with pytest.raises(TencentCloudSDKException) as caught:
        judged.judge(LiveDataUrl=url)
    assert (caught.value.code, caught.value.message) == (
        "InvalidParameterValue",
        "invalid resourceUrl",
    )


def test_links_are_actually_downloaded(sandbox: Sandbox, pair: Callable[..., Pair]) -> None:
    judged = pair()
    expired = cos_client(sandbox).get_presigned_url(BUCKET, "pair/live.bin", "GET", Expired=-1)
    unsigned = judged.params["ImageUrl"].partition("?")[0]

    for changed in ({"LiveDataUrl": expired}, {"ImageUrl": unsigned}):
        assert code_of(lambda: judged.judge(**changed)) == "FailedOperation.DownLoadError"  # noqa: B023

    fetched = [request for request in sandbox.requests if request.service == "cos"]
    assert {request.user_agent for request in fetched} == {"faceid-resource-fetcher"}
    assert {request.method for request in fetched} == {"GET"}
    assert [call.code for call in sandbox.faceid.calls] == ["FailedOperation.DownLoadError"] * 2
    assert sandbox.faceid.billed == []


def test_https_links_are_fetched_over_http(pair: Callable[..., Pair]) -> None:
    judged = pair()
    assert (
        judged.judge(LiveDataUrl=judged.params["LiveDataUrl"].replace("http:", "https:"))["Result"]
        == "Success"
    )


@pytest.mark.parametrize("name", ["LiveDataMd5", "ImageMd5"])
def test_the_md5_of_each_input_is_checked(pair: Callable[..., Pair], name: str) -> None:
    judged = pair()
    with pytest.raises(TencentCloudSDKException) as caught:
        judged.judge(**{name: md5(b"something else")})
    assert (caught.value.code, caught.value.message) == ("InvalidParameterValue", "MD5 Error")
    assert judged.judge(**{name: judged.params[name].upper()})["Result"] == "Success"


def test_an_upload_link_ends_by_the_sandboxs_clock(
    sandbox: Sandbox, http: requests.Session
) -> None:
    created = face_client(sandbox).call_json("CreateUploadUrl", {"TargetAction": DETECT})
    link = created["Response"]["UploadUrl"]
    sandbox.clock.advance(2 * 3600 - 60)
    assert http.put(link, data=b"in time").status_code == 200

    sandbox.clock.advance(61)

    assert http.put(link, data=b"late").status_code == 403


@pytest.mark.parametrize("region", ["ap-hongkong", "ap-singapore", "ap-bangkok"])
def test_regional_hosts_are_served(sandbox: Sandbox, region: str) -> None:
    host = f"faceid.{region}.intl.tencentcloudapi.com"
    client = api_client(sandbox, "faceid", "2018-03-01", region=region, host=host)
    assert client.call_json("CreateUploadUrl", {"TargetAction": DETECT})["Response"]["UploadUrl"]


def test_uploaded_resources_can_be_judged_for_two_hours(
    sandbox: Sandbox, http: requests.Session, pair: Callable[..., Pair]
) -> None:
    client = face_client(sandbox)

    def uploaded(body: bytes) -> str:
        created = client.call_json("CreateUploadUrl", {"TargetAction": DETECT})["Response"]
        assert abs(created["ExpiredTimestamp"] - sandbox.clock.now().timestamp() - 7200) < 5
        assert http.put(created["UploadUrl"], data=iter([body])).status_code == 411, (
            "chunked uploads are rejected"
        )
        assert http.put(created["UploadUrl"], data=body).status_code == 200
        return str(created["ResourceUrl"])

    live, image = b"a live person", b"a face"
    params = {
        "LiveDataUrl": uploaded(live),
        "LiveDataMd5": md5(live),
        "ImageUrl": uploaded(image),
        "ImageMd5": md5(image),
    }

    assert client.call_json(DETECT, params)["Response"]["Result"] == "Success"
    # The resource is not public.
    assert http.get(params["ImageUrl"].replace("https:", "http:")).status_code == 403

    sandbox.clock.advance(2 * 3600 + 1)
    assert code_of(lambda: client.call_json(DETECT, params)) == "FailedOperation.DownLoadError"
    assert (
        code_of(lambda: client.call_json("CreateUploadUrl", {"TargetAction": "Nothing"}))
        == "InvalidParameterValue"
    )
