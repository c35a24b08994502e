"""Faults as JSON, by admin calls and in scenario files, and the reports of invalid ones."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from qcloud_cos import CosS3Client
from qcloud_cos.cos_exception import CosServiceError

from liveness_sandbox import Bucket, InvalidFault, Sandbox, load_scenario
from liveness_sandbox.faults.document import fault_document, parse_fault

from .clients import BUCKET, Pair

SLOW_DOWN = {"match": {"method": "PUT", "key": "a*", "times": 1}, "do": {"status": 503}}


def call(sandbox: Sandbox, method: str, path: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body)
    reply = requests.request(method, f"{sandbox.url}/_sandbox/{path}", data=data, timeout=10)
    return reply.json() if reply.content else reply.status_code


def test_faults_can_be_managed_by_admin_calls(sandbox: Sandbox, cos: CosS3Client) -> None:
    assert call(sandbox, "POST", "faults", SLOW_DOWN) == {"ids": ["1"]}
    assert call(sandbox, "POST", "faults", [SLOW_DOWN, SLOW_DOWN]) == {"ids": ["2", "3"]}

    with pytest.raises(CosServiceError, match="SlowDown"):
        cos.put_object(BUCKET, b"", "a")

    faults = call(sandbox, "GET", "faults")
    assert faults[0] == {"id": "1", "hits": 1, **SLOW_DOWN}
    assert [each["hits"] for each in faults] == [1, 0, 0]
    assert call(sandbox, "DELETE", "faults/2") == 204
    assert [each["id"] for each in call(sandbox, "GET", "faults")] == ["1", "3"]
    assert call(sandbox, "DELETE", "faults") == 204
    assert call(sandbox, "GET", "faults") == []

    cos.put_object(BUCKET, b"", "a")


def test_the_clock_can_be_advanced_by_an_admin_call(sandbox: Sandbox) -> None:
    before = sandbox.clock.now()
    message = call(sandbox, "POST", "clock", {"advance": 7200})["now"]

    later = before + timedelta(seconds=7199)  # in whole seconds
    assert sandbox.clock.now() > later
    assert later.strftime("%Y-%m-%dT%H:%M:%SZ") < message <= call(sandbox, "GET", "clock")["now"]


def test_the_face_api_can_be_managed_by_admin_calls(sandbox: Sandbox, pair: Any) -> None:
    judged: Pair = pair()
    response = judged.judge()
    message = call(sandbox, "GET", "faceid")

    assert (message["rate_limit"], message["limiter"], message["billed"]) == (
        5,
        "sliding-window",
        1,
    )
    [judgement] = message["calls"]
    assert judgement["request_id"] == response["RequestId"] and judgement["billed"] is True

    message = call(sandbox, "POST", "faceid", {"rate_limit": None, "limiter": "token-bucket"})
    assert (message["rate_limit"], message["limiter"]) == (None, "token-bucket")
    assert sandbox.faceid.rate_limit is None
    assert call(sandbox, "POST", "faceid", {"rate_limit": 2})["limiter"] == "token-bucket"


def test_requests_can_be_read_by_an_admin_call(
    sandbox: Sandbox, cos: CosS3Client, bucket: Bucket
) -> None:
    bucket.put("a b", b"four")
    token = {"x-cos-security-token": "secret"}
    link = cos.get_presigned_url(BUCKET, "a b", "GET", Expired=-1, Params=token)

    assert requests.get(link, proxies={"http": sandbox.url}, timeout=10).status_code == 403

    cos.get_object(BUCKET, "a b")["Body"].get_raw_stream().read()
    call(sandbox, "GET", "clock")
    refused, done = call(sandbox, "GET", "requests")

    assert (refused["status"], done["status"]) == (403, 200)
    assert (done["service"], done["method"], done["key"]) == ("cos", "GET", "a b")
    assert done["bytes_out"] == 4 and done["seconds"] > 0
    assert refused["query"]["q-ak"] == sandbox.credentials.secret_id
    assert not {"q-signature", "x-cos-security-token"} & refused["query"].keys()


@pytest.mark.parametrize(
    ("method", "path", "body", "message"),
    [
        ("POST", "faults", {}, "faults[0].do takes one of delay"),
        ("POST", "faults", [SLOW_DOWN, 7], "faults[1] must be an object, not 7"),
        ("POST", "clock", {"advance": -1}, "clock.advance must be 0 or more"),
        ("POST", "faceid", {"limiter": "x"}, "faceid.limiter must be one of sliding-window"),
        ("DELETE", "faults/9", None, "there is no fault '9'"),
        ("PUT", "faults", None, "does not implement PUT /_sandbox/faults"),
        ("GET", "moon", None, "does not implement GET /_sandbox/moon"),
    ],
)
def test_an_invalid_admin_call_is_reported(
    sandbox: Sandbox, method: str, path: str, body: object, message: str
) -> None:
    assert message in call(sandbox, method, path, body)["error"]
    assert call(sandbox, "GET", "faults") == [], "an invalid call is rejected as a whole"


def test_a_body_that_is_not_json_is_rejected(sandbox: Sandbox) -> None:
    reply = requests.post(f"{sandbox.url}/_sandbox/faults", data=b"\xff", timeout=10)
    assert (reply.status_code, reply.json()) == (400, {"error": "the body is not valid JSON"})


def test_a_scenario_file_is_applied(tmp_path: Path, sandbox: Sandbox, cos: CosS3Client) -> None:
    path = tmp_path / "scenario.json"
    document = {
        "comment": "a bad hour",
        "faults": [SLOW_DOWN],
        "clock": {"advance": 3600},
        "faceid": {"rate_limit": 1.5, "limiter": "fixed-window"},
    }
    path.write_text(json.dumps(document))
    before = sandbox.clock.now()

    load_scenario(path).apply(sandbox)

    assert (sandbox.clock.now() - before).total_seconds() >= 3600
    assert sandbox.faceid.rate_limit == 1.5
    assert sandbox.faceid.limiter.algorithm == "fixed-window"

    with pytest.raises(CosServiceError, match="SlowDown"):
        cos.put_object(BUCKET, b"", "a")


def test_an_empty_scenario_changes_nothing(tmp_path: Path, sandbox: Sandbox) -> None:
    path = tmp_path / "scenario.json"
    path.write_text("{}")

    assert load_scenario(path).apply(sandbox) == []
    assert (sandbox.faceid.rate_limit, sandbox.faceid.limiter.algorithm) == (5, "sliding-window")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "this must be an object, not []"),
        ("{\n]", "invalid JSON in line 2"),
        (b"\xff\xfe\xff", "invalid JSON"),
        ("[" * 100_000, "invalid JSON"),
        (
            '{"fault": []}',
            "fault is not a known field; known fields: faults, clock, faceid, cam, comment",
        ),
        ('{"faults": {}}', "faults must be a list, not {}"),
        ('{"faults": [{"on": {}}]}', "faults[0].on is not a known field; known fields: match, do"),
        ('{"clock": {"advance": "1h"}}', 'clock.advance must be a number, not "1h"'),
        (
            '{"clock": {"advance": 1e300}}',
            "clock.advance must be at most 1,000,000,000, not 1e+300",
        ),
        ('{"clock": {"advance": Infinity}}', "clock.advance must be at most 1,000,000,000"),
        ('{"clock": {"advance": NaN}}', "clock.advance must be a number, not NaN"),
        ('{"faceid": {"rate_limit": -1}}', "faceid.rate_limit must be 0 or more, or null"),
        ('{"faceid": {"rate_limit": true}}', "faceid.rate_limit must be a number, not true"),
        ('{"faceid": {"limiter": ["fixed-window"]}}', "faceid.limiter must be one of"),
    ],
)
def test_an_invalid_scenario_file_is_reported(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    path = tmp_path / "scenario.json"
    path.write_bytes(text.encode() if isinstance(text, str) else text)

    with pytest.raises(InvalidFault) as caught:
        load_scenario(path)
    assert str(caught.value).startswith(f"{path}: {message}")


def test_a_missing_scenario_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InvalidFault, match="No such file"):
        load_scenario(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("match", "do", "message"),
    [
        ({}, {}, "do takes one of delay, status, code, drop, reset, .* not nothing"),
        ({}, {"delay": 1, "drop": "after"}, "not delay and drop"),
        ({}, {"delay": 0}, "do.delay must be a number of seconds over 0, not 0"),
        ({}, {"delay": "1"}, 'do.delay must be a number, not "1"'),
        ({}, {"delay": True}, "do.delay must be a number, not true"),
        ({}, {"status": 200}, "do.status must be from 400 to 599, not 200"),
        ({}, {"status": 503.0}, "do.status must be an integer, not 503.0"),
        ({}, {"status": 403}, "do.status 403 needs do.code"),
        (
            {},
            {"code": "InternalError"},
            "do.code without do.status needs match.service, one of cam",
        ),
        ({}, {"drop": "now"}, 'do.drop must be "before" or "after", not \'now\''),
        ({}, {"drop": "after", "when": "after"}, "do.when cannot be combined with do.drop"),
        ({}, {"status": 500, "when": "soon"}, 'do.when must be "before" or "after"'),
        ({}, {"stale_list": -1}, "do.stale_list must be a number of seconds over 0"),
        ({"method": "GET"}, {"stale_list": 1}, "match may have only bucket, key, times"),
        ({"user_agent": "x"}, {"racing_puts": 1}, "do.racing_puts selects the requests to COS"),
        ({"service": "faceid"}, {"head_lag": 1}, "do.head_lag selects the requests to COS"),
        ({"service": "ecs"}, {"status": 500}, "match.service must be one of cos, cam"),
        ({"method": "get"}, {"status": 500}, "match.method must be one of GET, HEAD"),
        ({"method": ""}, {"status": 500}, "match.method must be one of GET, HEAD"),
        ({"times": 0}, {"status": 500}, "match.times must be 1 or more, not 0"),
        ({"times": 1.5}, {"status": 500}, "match.times must be an integer, not 1.5"),
        ({"probability": 0}, {"status": 500}, "match.probability must be over 0 and at most 1"),
        (
            {"keys": "a"},
            {"status": 500},
            "match.keys is not a known field; known fields: service, method",
        ),
        ({"key": None}, {"status": 500}, "match.key must be a string, not null"),
        ([], {"status": 500}, r"match must be an object, not \[\]"),
    ],
)
def test_an_invalid_fault_is_reported(match: object, do: object, message: str) -> None:
    with pytest.raises(InvalidFault, match=message):
        parse_fault({"match": match, "do": do})


@pytest.mark.parametrize(
    "document",
    [
        SLOW_DOWN,
        {"match": {}, "do": {"racing_puts": 1.5}},
        {
            "match": {"service": "faceid", "action": "Detect*", "probability": 0.25, "seed": 3},
            "do": {"code": "InternalError", "when": "after"},
        },
    ],
)
def test_a_fault_document_round_trips(document: dict[str, Any]) -> None:
    assert fault_document(parse_fault(document)) == document
