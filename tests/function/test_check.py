"""The self-check of a new version: it reaches everything, and writes and pays for nothing."""

from __future__ import annotations

import json

import pytest

from liveness.errors import ConfigurationError
from liveness_sandbox import Drop, Reply
from liveness_sandbox.hooks import Outcome
from liveness_sandbox.requestlog import RequestRecord
from tests.conftest import Cloud

CHECK: dict[str, object] = {"check": {}}


def answer(cloud: Cloud, code: str) -> None:
    """Have the face API refuse every call with that code."""
    response = {"Error": {"Code": code, "Message": "Refused."}, "RequestId": "1"}
    body = json.dumps({"Response": response}).encode()
    reply = Reply(200, body, {"Content-Type": "application/json"})

    def hook(request: RequestRecord, phase: str) -> Outcome | None:
        return reply if request.service == "faceid" else None

    cloud.sandbox.hooks.append(hook)


def test_everything_is_reached_and_nothing_is_written_or_billed(cloud: Cloud) -> None:
    summary = cloud.instance()(CHECK)

    assert summary["check"]["buckets"] == "readable"
    assert summary["check"]["face_api"] == "MissingParameter"
    assert cloud.billed == 0
    requests = [each for each in cloud.sandbox.requests if each.service == "cos"]
    assert {each.method for each in requests} == {"HEAD", "GET"}
    assert all(each.status in (200, 404) for each in requests)


@pytest.mark.parametrize("setting", ["RESULT_BUCKET", "LEDGER_BUCKET"])
def test_a_bucket_that_does_not_exist_is_named(cloud: Cloud, setting: str) -> None:
    function = cloud.instance(**{setting: "absent-1250000000"})

    with pytest.raises(ConfigurationError, match="absent-1250000000"):
        function(CHECK)


@pytest.mark.parametrize(
    "code", ["InvalidAction", "AuthFailure.SecretIdNotFound", "ResourceUnavailable.InArrears"]
)
def test_an_api_that_refuses_the_account_is_reported(cloud: Cloud, code: str) -> None:
    answer(cloud, code)

    with pytest.raises(ConfigurationError, match=code):
        cloud.instance()(CHECK)


@pytest.mark.parametrize("code", ["RequestLimitExceeded", "InternalError", "MissingParameter"])
def test_an_api_that_is_busy_is_good_enough(cloud: Cloud, code: str) -> None:
    answer(cloud, code)

    assert cloud.instance()(CHECK)["check"]["face_api"] == code


def test_an_api_that_cannot_be_reached_is_reported(cloud: Cloud) -> None:
    def hook(request: RequestRecord, phase: str) -> Outcome | None:
        return Drop() if request.service == "faceid" else None

    cloud.sandbox.hooks.append(hook)

    with pytest.raises(ConfigurationError, match="cannot be reached"):
        cloud.instance()(CHECK)
