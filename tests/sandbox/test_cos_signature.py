"""Requests need a valid signature, in a header, in the URL or in a form."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from urllib.parse import quote, urlencode

import pytest
import requests
from qcloud_cos import CosS3Client
from qcloud_cos.cos_exception import CosServiceError

from liveness_sandbox import Bucket, Credentials, Sandbox
from liveness_sandbox.cos.signature import (
    http_string,
    presigned_query,
    sign_key,
    signature_of,
)

from .clients import BUCKET, cos_client

TOKEN = "x-cos-security-token"


def error(call: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(CosServiceError) as caught:
        call()
    return caught.value.get_status_code(), caught.value.get_error_code()


def code_in(reply: requests.Response) -> tuple[int, str]:
    return reply.status_code, reply.text.partition("<Code>")[2].partition("</Code>")[0]


def test_the_example_of_the_document_is_reproduced() -> None:
    """The upload example of 436/7778, from its published SignKey to its published signature."""
    headers = [
        ("Date", "Thu, 16 May 2019 06:45:51 GMT"),
        ("Host", "examplebucket-1250000000.cos.ap-beijing.myqcloud.com"),
        ("Content-Type", "text/plain"),
        ("Content-Length", "13"),
        ("Content-MD5", "mQ/fVh815F3k6TAUm8m0eg=="),
        ("x-cos-acl", "private"),
        ("x-cos-grant-read", 'uin="100000000011"'),
    ]
    signed = http_string("PUT", "/exampleobject(腾讯云)", [], headers)

    key = "eb2519b498b02ac213cb1f3d1a3d27a3b3c9bc5f"

    assert (
        signature_of(key, "1557989151;1557996351", signed)
        == "3b8851a11a569213c17ba8fa7dcf2abec6935172"
    )


@pytest.mark.parametrize(
    ("secret_id", "code"),
    [(None, "SignatureDoesNotMatch"), ("AKIDnobody", "InvalidAccessKeyId")],
)
def test_wrong_and_unknown_keys_are_rejected(
    sandbox: Sandbox, secret_id: str | None, code: str
) -> None:
    keys = Credentials(secret_id or sandbox.credentials.secret_id, "0" * 32)
    client = cos_client(sandbox, keys)

    assert error(lambda: client.put_object(BUCKET, b"", "a")) == (403, code)
    assert sandbox.bucket(BUCKET).keys() == []


def test_anonymous_requests_are_rejected(
    sandbox: Sandbox, http: requests.Session, bucket: Bucket
) -> None:
    bucket.put("a", b"")
    anonymous = cos_client(sandbox, Anonymous=True)

    assert error(lambda: anonymous.get_object(BUCKET, "a")) == (403, "AccessDenied")
    assert code_in(http.get(f"http://{BUCKET}.cos.ap-singapore.myqcloud.com/a")) == (
        403,
        "AccessDenied",
    )
    assert [request.auth for request in sandbox.requests] == ["none", "none"]


def test_temporary_credentials_work_until_they_expire(sandbox: Sandbox) -> None:
    client = cos_client(sandbox, sandbox.temporary_credentials(lifetime_seconds=600))
    client.put_object(BUCKET, b"", "a")

    sandbox.clock.advance(601)

    assert error(lambda: client.get_object(BUCKET, "a")) == (403, "AccessDenied")
    cos_client(sandbox).get_object(BUCKET, "a")  # the permanent key is still valid


@pytest.mark.parametrize(
    ("token", "code"), [(None, "InvalidAccessKeyId"), ("another token", "AccessDenied")]
)
def test_temporary_credentials_need_their_own_token(
    sandbox: Sandbox, bucket: Bucket, token: str | None, code: str
) -> None:
    bucket.put("a", b"")
    keys = sandbox.temporary_credentials()
    client = cos_client(sandbox, Credentials(keys.secret_id, keys.secret_key, token))

    assert error(lambda: client.get_object(BUCKET, "a")) == (403, code)


def test_a_link_signed_with_temporary_credentials_needs_the_token(
    sandbox: Sandbox, http: requests.Session, bucket: Bucket
) -> None:
    bucket.put("a b+c", b"body")
    keys = sandbox.temporary_credentials()
    client = cos_client(sandbox, keys)
    url = client.get_presigned_url(BUCKET, "a b+c", "GET", Params={TOKEN: keys.token})

    assert http.get(url).content == b"body"

    # The trap of issue 162: this is what the SDK creates by default.
    bare = client.get_presigned_url(BUCKET, "a b+c", "GET")
    assert code_in(http.get(bare)) == (403, "InvalidAccessKeyId")
    assert http.get(f"{bare}&{TOKEN}={quote(keys.token or '')}").content == b"body", (
        "the token need not be signed"
    )
    assert [request.auth for request in sandbox.requests] == ["query"] * 3
    assert {request.principal for request in sandbox.requests} == {keys.secret_id}


def test_an_expired_link_is_rejected(
    cos: CosS3Client, http: requests.Session, bucket: Bucket
) -> None:
    bucket.put("a", b"body")
    reply = http.get(cos.get_presigned_url(BUCKET, "a", "GET", Expired=-1))

    assert code_in(reply) == (403, "AccessDenied")
    assert "Request has expired" in reply.text


def test_a_link_that_is_not_yet_valid_is_rejected(
    sandbox: Sandbox, http: requests.Session, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put("a", b"body")
    now = time.time()

    with monkeypatch.context() as patched:
        patched.setattr(time, "time", lambda: now + 3600)
        url = cos_client(sandbox).get_presigned_url(BUCKET, "a", "GET")

    assert code_in(http.get(url)) == (403, "AccessDenied")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("q-signature=", "q-signature=0"),
        (f"/{BUCKET}.", f"/other-{BUCKET.partition('-')[2]}."),
        ("/a?", "/b?"),
        ("versionId=null", "versionId=1"),
        ("q-url-param-list=versionid", "q-url-param-list="),
    ],
)
def test_a_tampered_link_is_rejected(
    sandbox: Sandbox, cos: CosS3Client, http: requests.Session, bucket: Bucket, old: str, new: str
) -> None:
    sandbox.create_bucket("other-1250000000").put("a", b"other bucket")
    bucket.put("a", b"body", version_id="null")
    bucket.put("b", b"other key")

    url = cos.get_presigned_url(BUCKET, "a", "GET", Params={"versionId": "null"})

    assert old in url
    assert code_in(http.get(url.replace(old, new))) == (403, "SignatureDoesNotMatch")


def test_editing_a_link_does_not_extend_its_lifetime(
    cos: CosS3Client, http: requests.Session, bucket: Bucket
) -> None:
    bucket.put("a", b"body")
    url = cos.get_presigned_url(BUCKET, "a", "GET", Expired=-1)
    now = int(time.time())
    head, _, tail = url.partition("q-sign-time=")
    edited = f"{head}q-sign-time={now - 60}%3B{now + 600}&{tail.partition('&')[2]}"

    assert code_in(http.get(edited)) == (403, "AccessDenied"), "q-key-time has expired, too"

    head, _, tail = edited.partition("q-key-time=")
    edited = f"{head}q-key-time={now - 60}%3B{now + 600}&{tail.partition('&')[2]}"
    assert code_in(http.get(edited)) == (403, "SignatureDoesNotMatch")


def test_the_sign_time_must_be_valid_too(
    sandbox: Sandbox, http: requests.Session, bucket: Bucket
) -> None:
    """The key is still valid, but the signature has expired."""
    bucket.put("a", b"body")
    now = int(time.time())
    key_time = f"{now - 600};{now + 600}"
    host = f"{BUCKET}.cos.ap-singapore.myqcloud.com"

    def link(sign_time: str) -> str:
        key = sign_key(sandbox.credentials.secret_key, key_time)
        signed = http_string("GET", "/a", [], [("host", host)])
        query = {
            "q-sign-algorithm": "sha1",
            "q-ak": sandbox.credentials.secret_id,
            "q-sign-time": sign_time,
            "q-key-time": key_time,
            "q-header-list": "host",
            "q-url-param-list": "",
            "q-signature": signature_of(key, sign_time, signed),
        }
        return f"http://{host}/a?{urlencode(query)}"

    assert http.get(link(key_time)).content == b"body"
    assert code_in(http.get(link(f"{now - 600};{now - 1}"))) == (403, "AccessDenied")


def test_a_link_is_valid_for_its_method_only(
    cos: CosS3Client, http: requests.Session, bucket: Bucket
) -> None:
    bucket.put("a", b"body")
    assert code_in(http.put(cos.get_presigned_url(BUCKET, "a", "GET"), data=b"x")) == (
        403,
        "SignatureDoesNotMatch",
    )


def test_signed_headers_must_arrive_as_signed(
    cos: CosS3Client, http: requests.Session, bucket: Bucket
) -> None:
    url = cos.get_presigned_url(BUCKET, "a", "PUT", Headers={"x-cos-forbid-overwrite": "true"})

    assert code_in(http.put(url, data=b"x")) == (403, "SignatureDoesNotMatch")
    assert http.put(url, data=b"x", headers={"x-cos-forbid-overwrite": "true"}).status_code == 200
    assert bucket.keys() == ["a"]


def test_a_signature_need_not_cover_the_host(
    sandbox: Sandbox, http: requests.Session, bucket: Bucket
) -> None:
    """The vendor's SDKs offer it (`SignHost`), and other clients sign no header at all."""
    bucket.put("a", b"body")
    hostless = cos_client(sandbox, SignHost=False)

    assert hostless.get_object(BUCKET, "a")["Body"].get_raw_stream().read() == b"body"
    # Links without a signed host are documented (440/35217), though not recommended.
    assert http.get(hostless.get_presigned_url(BUCKET, "a", "GET")).content == b"body"


@pytest.mark.parametrize(
    ("authorization", "parameters"),
    [
        ("AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host", {}),
        ("AWS AKIDexample:signature", {}),
        (None, {"X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Signature": "00"}),
        (None, {"AWSAccessKeyId": "AKIDexample", "Signature": "00", "Expires": "1"}),
    ],
)
def test_a_signature_of_s3_is_refused_as_not_served(
    http: requests.Session, authorization: str | None, parameters: dict[str, str]
) -> None:
    reply = http.get(
        f"http://{BUCKET}.cos.ap-singapore.myqcloud.com/a",
        headers={"Authorization": authorization},
        params=parameters,
    )
    assert code_in(reply) == (405, "MethodNotAllowed")
    assert "S3 signatures" in reply.text


@pytest.mark.parametrize("port", ["", ":80", ":8080"])
@pytest.mark.parametrize("signs_port", [False, True])
def test_a_port_of_the_host_may_be_signed_or_not(
    sandbox: Sandbox, http: requests.Session, bucket: Bucket, port: str, signs_port: bool
) -> None:
    bucket.put("a", b"body")
    host = f"{BUCKET}.cos.ap-singapore.myqcloud.com"
    signed = presigned_query(
        sandbox.credentials, "GET", host + port * signs_port, "/a", lifetime_seconds=60
    )

    reply = http.get(f"http://{host}{port}/a", params=signed, headers={"Host": host + port})

    assert reply.content == b"body"


def test_a_malformed_authorization_header_is_rejected(http: requests.Session) -> None:
    url = f"http://{BUCKET}.cos.ap-singapore.myqcloud.com/a"
    for authorization in ("Bearer me", "q-sign-algorithm=sha1", "&&=;"):
        assert code_in(http.get(url, headers={"Authorization": authorization})) == (
            403,
            "AccessDenied",
        )


def test_buckets_of_other_accounts_are_not_accessible(
    sandbox: Sandbox, pair: Callable[..., object]
) -> None:
    pair().judge()  # type: ignore[attr-defined]
    assert error(lambda: cos_client(sandbox).list_objects("faceid-resource-sg-1254418846")) == (
        403,
        "AccessDenied",
    )


def signed_form(credentials: Credentials, policy: dict[str, object]) -> dict[str, str]:
    """Sign a form of POST Object, which signs its policy (436/14690)."""
    now = int(time.time())
    period = f"{now - 60};{now + 600}"
    raw = json.dumps(policy).encode()
    key = hmac.new(credentials.secret_key.encode(), period.encode(), hashlib.sha1).hexdigest()
    return {
        "policy": base64.b64encode(raw).decode(),
        "q-sign-algorithm": "sha1",
        "q-ak": credentials.secret_id,
        "q-key-time": period,
        "q-signature": hmac.new(
            key.encode(), hashlib.sha1(raw).hexdigest().encode(), hashlib.sha1
        ).hexdigest(),
    }


def test_a_form_upload_is_authenticated_by_its_signed_policy(
    sandbox: Sandbox, http: requests.Session, bucket: Bucket
) -> None:
    url = f"http://{BUCKET}.cos.ap-singapore.myqcloud.com/"
    form = signed_form(
        sandbox.credentials, {"expiration": "2999-01-01T00:00:00.000Z", "conditions": []}
    )
    fields = {"key": "in/${filename}", "x-cos-meta-a": "1", "Content-Type": "text/plain", **form}

    assert http.post(url, data=fields, files={"file": ("a b.txt", b"body")}).status_code == 204
    stored = bucket.get("in/a b.txt")
    assert stored is not None and stored.body() == b"body" and stored.content_type == "text/plain"

    reply = http.post(
        url, data={**fields, "success_action_status": "201"}, files={"file": ("a b.txt", b"body")}
    )
    assert (reply.status_code, f"<Location>{url}in/a%20b.txt</Location>" in reply.text) == (
        201,
        True,
    )

    for changed in ({"policy": "e30="}, {"q-signature": "0" * 40}, {"q-ak": "AKIDnobody"}):
        assert http.post(url, data={**fields, **changed}, files={"file": b"x"}).status_code == 403

    old = signed_form(
        sandbox.credentials, {"expiration": "2000-01-01T00:00:00.000Z", "conditions": []}
    )
    assert "expired" in http.post(url, data={**fields, **old}, files={"file": b"x"}).text
    assert bucket.keys() == ["in/a b.txt"]


@pytest.mark.parametrize(
    ("condition", "fields", "expected"),
    [
        ({"bucket": BUCKET}, {}, 204),
        ({"bucket": "other-1250000000"}, {}, "AccessDenied"),
        ({"key": "in/a"}, {}, 204),
        ({"key": "in/b"}, {}, "AccessDenied"),
        (["starts-with", "$key", "in/"], {}, 204),
        (["starts-with", "$key", "in/"], {"key": "out/a"}, "AccessDenied"),
        (["starts-with", "$key", "in/"], {"key": "${filename}"}, "AccessDenied"),
        (["eq", "$x-cos-acl", "private"], {"x-cos-acl": "private"}, 204),
        (["eq", "$x-cos-acl", "private"], {"x-cos-acl": "public-read"}, "AccessDenied"),
        (["eq", "$x-cos-acl", "private"], {}, "AccessDenied"),
        (["content-length-range", 4, 4], {}, 204),
        (["content-length-range", 5, 9], {}, "EntityTooSmall"),
        (["content-length-range", 0, 3], {}, "EntityTooLarge"),
        (["ends-with", "$key", "a"], {}, "AccessDenied"),
        ("nonsense", {}, "AccessDenied"),
        (
            {"q-sign-algorithm": "sha1"},
            {"success_action_redirect": "https://a"},
            "MethodNotAllowed",
        ),
        ({"key": "in/a"}, {"Pic-Operations": "{}"}, "MethodNotAllowed"),
    ],
)
def test_a_form_must_be_as_its_policy_says(
    sandbox: Sandbox,
    http: requests.Session,
    bucket: Bucket,
    condition: object,
    fields: dict[str, str],
    expected: int | str,
) -> None:
    policy: dict[str, object] = {"expiration": "2999-01-01T00:00:00Z", "conditions": [condition]}
    form = {"key": "in/a", **fields, **signed_form(sandbox.credentials, policy)}
    url = f"http://{BUCKET}.cos.ap-singapore.myqcloud.com/"

    reply = http.post(url, data=form, files={"file": ("b", b"body")})

    assert expected == reply.status_code or f"<Code>{expected}</Code>" in reply.text
    assert bucket.keys() == (["in/a"] if expected == 204 else [])


@pytest.mark.parametrize("content_type", ["", "; boundary=", "; boundary=b"])
@pytest.mark.parametrize("body", [b"", b"abc", b"--b\r\n\r\n\xff\r\n--b--", b"--b--"])
def test_what_is_no_form_is_refused_without_a_traceback(
    http: requests.Session, bucket: Bucket, content_type: str, body: bytes
) -> None:
    reply = http.post(
        f"http://{BUCKET}.cos.ap-singapore.myqcloud.com/",
        data=body,
        headers={"Content-Type": f"multipart/form-data{content_type}"},
    )

    assert code_in(reply) == (400, "MalformedPOSTRequest")
