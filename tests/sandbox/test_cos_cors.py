"""Cross-origin resource sharing: what lets a page of another origin upload with temporary keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests
from qcloud_cos import CosS3Client

from liveness_sandbox import Bucket, Sandbox

from .clients import BUCKET, cos_client
from .test_cos_buckets import refused

URL = f"http://{BUCKET}.cos.ap-singapore.myqcloud.com/in/live.bin"
PAGE = "https://app.example.com"
RULE = {
    "ID": "app",
    "AllowedOrigin": [PAGE, "https://*.example.org"],
    "AllowedMethod": ["PUT", "POST"],
    "AllowedHeader": ["authorization", "content-type", "x-cos-*"],
    "ExposeHeader": ["ETag", "x-cos-request-id"],
    "MaxAgeSeconds": "600",
}


@pytest.fixture
def rules(cos: CosS3Client) -> None:
    cos.put_bucket_cors(BUCKET, {"CORSRule": [{**RULE, "AllowedMethod": ["GET"]}, RULE]})


def preflight(
    http: requests.Session, origin: str = PAGE, method: str = "PUT", names: str | None = None
) -> requests.Response:
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    if names is not None:
        headers["Access-Control-Request-Headers"] = names
    return http.options(URL, headers=headers)


def cors_headers(reply: requests.Response) -> dict[str, str]:
    return {
        name.removeprefix("Access-Control-"): value
        for name, value in reply.headers.items()
        if name.startswith("Access-Control-")
    }


def test_the_rules_are_stored_and_removed(cos: CosS3Client) -> None:
    assert refused(cos.get_bucket_cors, BUCKET) == (404, "NoSuchCORSConfiguration")

    cos.put_bucket_cors(BUCKET, {"CORSRule": [RULE]})
    assert cos.get_bucket_cors(BUCKET)["CORSRule"] == [RULE]

    cos.delete_bucket_cors(BUCKET)
    assert refused(cos.get_bucket_cors, BUCKET) == (404, "NoSuchCORSConfiguration")


def test_the_rules_outlive_a_sandbox_with_a_data_directory(tmp_path: Path) -> None:
    with Sandbox(data=tmp_path) as first:
        first.create_bucket(BUCKET)
        cos_client(first).put_bucket_cors(BUCKET, {"CORSRule": [RULE]})
    with Sandbox(data=tmp_path) as second:
        assert cos_client(second).get_bucket_cors(BUCKET)["CORSRule"] == [RULE]


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ({"AllowedOrigin": ["*"]}, "MalformedXML"),
        ({"AllowedMethod": ["PUT"]}, "MalformedXML"),
        ({**RULE, "AllowedMethod": ["PATCH"]}, "InvalidArgument"),
        ({**RULE, "AllowedOrigin": ["https://*.*.org"]}, "InvalidArgument"),
        ({**RULE, "MaxAgeSeconds": "long"}, "InvalidArgument"),
    ],
)
def test_an_invalid_rule_is_rejected(cos: CosS3Client, rule: Any, code: str) -> None:
    assert refused(cos.put_bucket_cors, BUCKET, {"CORSRule": [rule]}) == (400, code)
    assert refused(cos.put_bucket_cors, BUCKET, {"CORSRule": [RULE] * 101}) == (400, "MalformedXML")


@pytest.mark.usefixtures("rules")
def test_a_preflight_request_needs_no_signature(http: requests.Session) -> None:
    reply = preflight(http, names="Content-Type, Authorization, x-cos-security-token")

    assert (reply.status_code, reply.content) == (200, b"")
    assert cors_headers(reply) == {
        "Allow-Origin": PAGE,
        "Allow-Methods": "PUT,POST",
        "Allow-Headers": "Content-Type,Authorization,x-cos-security-token",
        "Expose-Headers": "ETag,x-cos-request-id",
        "Max-Age": "600",
    }


@pytest.mark.usefixtures("rules")
@pytest.mark.parametrize(
    "request_",
    [
        {"origin": "https://evil.example.com"},
        {"origin": "http://app.example.com"},
        {"origin": "https://example.org"},
        {"method": "DELETE"},
        {"names": "x-other"},
        {"names": "x-cos-acl,x-other"},
    ],
)
def test_a_preflight_request_that_no_rule_permits_is_refused(
    http: requests.Session, request_: dict[str, str]
) -> None:
    reply = preflight(http, **request_)

    assert reply.status_code == 403
    assert "<Code>AccessForbidden</Code>" in reply.text
    assert cors_headers(reply) == {}


def test_without_rules_every_preflight_request_is_refused(http: requests.Session) -> None:
    assert preflight(http).status_code == 403


@pytest.mark.usefixtures("rules")
def test_a_preflight_request_must_say_what_it_asks_for(http: requests.Session) -> None:
    assert http.options(URL, headers={"Origin": PAGE}).status_code == 400


@pytest.mark.usefixtures("rules")
def test_an_origin_may_be_a_pattern(http: requests.Session) -> None:
    assert cors_headers(preflight(http, "https://a.example.org"))["Allow-Origin"] == (
        "https://a.example.org"
    )


@pytest.mark.usefixtures("rules")
def test_a_page_may_read_the_reply_to_its_upload(
    cos: CosS3Client, http: requests.Session, bucket: Bucket
) -> None:
    link = cos.get_presigned_url(BUCKET, "in/live.bin", "PUT")

    uploaded = http.put(link, data=b"body", headers={"Origin": PAGE})
    refusal = http.put(URL, data=b"body", headers={"Origin": PAGE})
    elsewhere = http.put(link, data=b"body", headers={"Origin": "https://evil.example.com"})

    assert (uploaded.status_code, bucket.keys()) == (200, ["in/live.bin"])
    assert cors_headers(uploaded)["Allow-Origin"] == PAGE
    assert "ETag" in cors_headers(uploaded)["Expose-Headers"]
    # An error, too, or the page could not tell why.
    assert (refusal.status_code, cors_headers(refusal)["Allow-Origin"]) == (403, PAGE)
    # The browser enforces the rules for such requests: COS accepts them.
    assert (elsewhere.status_code, cors_headers(elsewhere)) == (200, {})


def test_any_origin_and_vary(cos: CosS3Client, http: requests.Session) -> None:
    rule = {"AllowedOrigin": ["*"], "AllowedMethod": ["PUT"]}
    cos.put_bucket_cors(BUCKET, {"CORSRule": [rule], "ResponseVary": "true"})

    reply = preflight(http)

    assert cors_headers(reply) == {"Allow-Origin": "*", "Allow-Methods": "PUT"}
    assert reply.headers["Vary"] == "Origin"
