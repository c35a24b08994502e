"""What surrounds the example app's page: the rule of the bucket, and the server's two requests."""

from __future__ import annotations

import pytest
import requests

from allow_origin import allow_origin
from tests.conftest import BUCKET, Cloud


def test_a_rule_for_an_origin_leaves_the_others(cloud: Cloud) -> None:
    owner = {
        **cloud.sandbox.client_environment(),
        "LIVENESS_BUCKET": BUCKET,
        "LIVENESS_ENDPOINT_SCHEME": "http",
    }
    other = {"ID": "theirs", "AllowedOrigin": ["https://a.example.com"], "AllowedMethod": ["GET"]}
    cloud.client.put_bucket_cors(BUCKET, {"CORSRule": [other]})

    allow_origin(owner, "https://app.example.com/")
    allow_origin(owner, "https://new.example.com")

    rules = cloud.client.get_bucket_cors(BUCKET)["CORSRule"]
    assert [(rule["ID"], rule["AllowedOrigin"]) for rule in rules] == [
        ("liveness-upload", ["https://new.example.com"]),
        ("theirs", ["https://a.example.com"]),
    ]


def post(url: str, origin: str | None) -> int:
    """Send a request without a body past the sandbox's proxy; returns the status."""
    with requests.Session() as session:
        session.trust_env = False
        return session.post(url, headers={"Origin": origin} if origin else {}).status_code


@pytest.mark.parametrize("other", ["https://elsewhere.example.com", None])
def test_another_page_cannot_open_a_session(cloud: Cloud, origin: str, other: str | None) -> None:
    assert post(f"{origin}/sessions", other) == 403
    assert cloud.bucket.keys() == []


def test_keys_are_issued_for_own_sessions_only(origin: str) -> None:
    assert post(f"{origin}/sessions/of-another-person/keys", origin) == 404
