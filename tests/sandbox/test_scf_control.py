"""SCF's control plane by the vendor's SDK: the runtime follows what is set there."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from qcloud_cos import CosS3Client
from tencentcloud.common.exception import TencentCloudSDKException

from liveness_sandbox import CosTrigger, Credentials, Function, Sandbox, Status, TimerTrigger

from .clients import BUCKET, api_client, wait_until

Deploy = Callable[..., Function]
Call = Callable[..., dict[str, Any]]

ECHO = "def main_handler(event, context):\n    return event\n"
FAILS = "def main_handler(event, context):\n    raise RuntimeError('as always')\n"


@pytest.fixture
def call(sandbox: Sandbox) -> Call:
    """`call("GetFunction", Qualifier="$LATEST")`: about the function `liveness`."""
    client = api_client(sandbox, "scf", "2018-04-16")

    def send(action: str, **params: Any) -> dict[str, Any]:
        reply = client.call_json(action, {"FunctionName": "liveness", **params})["Response"]
        assert reply.pop("RequestId")
        response: dict[str, Any] = reply
        return response

    return send


def code_of(call: Call, action: str, **params: Any) -> str:
    with pytest.raises(TencentCloudSDKException) as caught:
        call(action, **params)
    return str(caught.value.code)


def test_get_function_describes_the_deployment(deploy: Deploy, call: Call) -> None:
    deploy(ECHO, environment={"A": "b"}, memory_mb=256, timeout_seconds=900, role="a-role")

    description = call("GetFunction", ShowCode="FALSE", Namespace="default")

    assert (description["MemorySize"], description["Timeout"], description["Role"]) == (
        256,
        900,
        "a-role",
    )
    assert description["Environment"] == {"Variables": [{"Key": "A", "Value": "b"}]}
    assert (description["Status"], description["Type"], description["AsyncRunEnable"]) == (
        "Active",
        "Event",
        "FALSE",
    )


def test_list_triggers_describes_each_trigger(deploy: Deploy, call: Call) -> None:
    deploy(
        ECHO,
        triggers=[
            CosTrigger(BUCKET, prefix="in/", suffix=".live", qualifier="$LATEST"),
            TimerTrigger("drain", "work", "0 * * * * * *", enabled=False),
        ],
    )

    page = call("ListTriggers", Limit=100)

    assert page["TotalCount"] == 2

    cos, timer = page["Triggers"]
    host = f"{BUCKET}.cos.ap-singapore.myqcloud.com"
    assert (cos["Type"], cos["TriggerName"], cos["Enable"]) == ("cos", host, 1)
    assert (cos["Qualifier"], timer["Qualifier"]) == ("$LATEST", "$DEFAULT")
    assert json.loads(cos["TriggerDesc"]) == {
        "bucketUrl": host,
        "event": "cos:ObjectCreated:*",
        "filter": {"Prefix": "in/", "Suffix": ".live"},
    }
    assert (timer["Type"], timer["TriggerName"], timer["Enable"]) == ("timer", "drain", 0)
    assert json.loads(timer["TriggerDesc"]) == {"cron": "0 * * * * * *"}
    assert timer["CustomArgument"] == "work"

    second = call("ListTriggers", Offset=1, Limit=1)
    assert (second["TotalCount"], second["Triggers"]) == (2, [timer])


def test_a_disabled_trigger_does_not_fire(
    sandbox: Sandbox, deploy: Deploy, cos: CosS3Client
) -> None:
    closed = deploy(
        ECHO,
        triggers=[
            CosTrigger(BUCKET, enabled=False),
            TimerTrigger("each minute", "", "0 * * * * * *", enabled=False),
        ],
    )
    open_one = deploy(
        ECHO,
        "open",
        triggers=[CosTrigger(BUCKET), TimerTrigger("each minute", "", "0 * * * * * *")],
    )
    cos.put_object(BUCKET, b"", "a")
    sandbox.clock.advance(61)
    wait_until(lambda: len(open_one.invocations) == 2)

    sandbox.wait_idle()

    assert closed.invocations == []


def test_a_quota_of_zero_stops_the_function_until_removed(
    sandbox: Sandbox, deploy: Deploy, call: Call
) -> None:
    function = deploy(ECHO)
    assert call("GetReservedConcurrencyConfig") == {"ReservedMem": None}
    assert function.invoke(1).status is Status.SUCCESS

    assert call("PutReservedConcurrencyConfig", ReservedConcurrencyMem=0) == {}

    assert call("GetReservedConcurrencyConfig") == {"ReservedMem": 0}
    assert function.invoke(2).status is Status.OVER_QUOTA

    function.queue(3)
    wait_until(lambda: len(function.invocations) == 3)

    call("DeleteReservedConcurrencyConfig")

    assert call("GetReservedConcurrencyConfig") == {"ReservedMem": None}
    assert function.invoke(4).result == 4

    sandbox.clock.advance(60)  # makes the waiting event due
    sandbox.wait_idle()
    assert function.invocations[-1].result == 3


WAITS = """
import os, time
def main_handler(event, context):
    while not os.path.exists(event):
        time.sleep(0.01)
"""


@pytest.mark.parametrize("before", [None, 128])
def test_an_instance_releases_memory_to_the_quota_it_acquired(
    sandbox: Sandbox, deploy: Deploy, call: Call, tmp_path: Any, before: int | None
) -> None:
    """Memory is released to the quota that it was acquired from, so that no quota grows."""
    function = deploy(WAITS, memory_mb=128, reserved_mb=before, instances=3)
    gate = tmp_path / "gate"
    function.queue(str(gate))
    wait_until(lambda: not sandbox_idle(sandbox))
    call("PutReservedConcurrencyConfig", ReservedConcurrencyMem=0)
    gate.touch()
    sandbox.wait_idle()

    assert function.invocations[-1].status is Status.SUCCESS, "a running instance is not stopped"
    assert function.invoke(str(gate)).status is Status.OVER_QUOTA

    call("PutReservedConcurrencyConfig", ReservedConcurrencyMem=128)
    assert function.invoke(str(gate)).status is Status.SUCCESS

    call("PutReservedConcurrencyConfig", ReservedConcurrencyMem=127)
    assert function.invoke(str(gate)).status is Status.OVER_QUOTA


def sandbox_idle(sandbox: Sandbox) -> bool:
    try:
        sandbox.wait_idle(timeout_seconds=0.01)
    except TimeoutError:
        return False
    return True


def test_a_minimum_must_stay_unreserved(deploy: Deploy, call: Call) -> None:
    deploy(ECHO)
    deploy(ECHO, "other", reserved_mb=1_200)
    code = "LimitExceeded.FunctionReservedConcurrencyMemory"
    too_much = {"ReservedConcurrencyMem": 50_001}

    assert code_of(call, "PutReservedConcurrencyConfig", **too_much) == code
    assert code_of(call, "PutReservedConcurrencyConfig", ReservedConcurrencyMem=-1) == code
    assert call("GetReservedConcurrencyConfig") == {"ReservedMem": None}

    for _ in range(2):  # its previous reservation counts as free
        call("PutReservedConcurrencyConfig", ReservedConcurrencyMem=50_000)
    call("DeleteReservedConcurrencyConfig")
    call("PutReservedConcurrencyConfig", FunctionName="other", ReservedConcurrencyMem=51_200)


def test_retries_and_event_age_can_be_set(sandbox: Sandbox, deploy: Deploy, call: Call) -> None:
    function = deploy(FAILS)
    assert call("GetFunctionEventInvokeConfig", Qualifier="$LATEST") == {
        "AsyncTriggerConfig": {"MsgTTL": 21600, "RetryConfig": [{"RetryNum": 2}, {"RetryNum": -1}]}
    }

    config = {"MsgTTL": 600, "RetryConfig": [{"RetryNum": 0}]}
    assert call("UpdateFunctionEventInvokeConfig", AsyncTriggerConfig=config) == {}

    description = call("GetFunctionEventInvokeConfig")["AsyncTriggerConfig"]
    assert (description["MsgTTL"], description["RetryConfig"][0]) == (600, {"RetryNum": 0})

    function.queue(None)
    sandbox.wait_idle()
    assert len(function.invocations) == 1, "given up after the first try"

    call("PutReservedConcurrencyConfig", ReservedConcurrencyMem=0)
    function.queue(None)
    wait_until(lambda: len(function.invocations) == 2)
    sandbox.clock.advance(601)
    sandbox.wait_idle()

    assert len(function.invocations) == 2, "too old, so it is not even tried"
    assert len(function.dead_letters) == 2


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"MsgTTL": 600, "RetryConfig": [{"RetryNum": 3}]}, "LimitExceeded.RetryNum"),
        ({"MsgTTL": 59, "RetryConfig": [{"RetryNum": 1}]}, "LimitExceeded.MsgTTL"),
        ({"MsgTTL": 21601, "RetryConfig": [{"RetryNum": 1}]}, "LimitExceeded.MsgTTL"),
        ({"MsgTTL": 600, "RetryConfig": []}, "InvalidParameterValue.AsyncTriggerConfig"),
        ({"RetryConfig": [{"RetryNum": 1}]}, "InvalidParameterValue.AsyncTriggerConfig"),
        ({"MsgTTL": "600", "RetryConfig": [{"RetryNum": 1}]}, "InvalidParameter"),
    ],
)
def test_invalid_retry_settings_are_rejected(
    deploy: Deploy, call: Call, config: dict[str, Any], code: str
) -> None:
    function = deploy(ECHO)
    before = function.rules

    assert code_of(call, "UpdateFunctionEventInvokeConfig", AsyncTriggerConfig=config) == code
    assert function.rules == before


@pytest.mark.parametrize(
    ("action", "params", "code"),
    [
        ("GetFunction", {"FunctionName": "nobody"}, "ResourceNotFound.Function"),
        ("GetFunction", {"Namespace": "other"}, "ResourceNotFound.Namespace"),
        ("GetFunction", {"Qualifier": "7"}, "ResourceNotFound.FunctionVersion"),
        ("GetFunction", {"FunctionName": None}, "MissingParameter"),
        ("GetFunction", {"Nonsense": 1}, "UnknownParameter"),
        ("PutReservedConcurrencyConfig", {"ReservedConcurrencyMem": "1"}, "InvalidParameter"),
        ("PutReservedConcurrencyConfig", {"ReservedConcurrencyMem": True}, "InvalidParameter"),
        ("PutReservedConcurrencyConfig", {}, "MissingParameter"),
        ("ListTriggers", {"Limit": 101}, "InvalidParameterValue"),
        ("ListTriggers", {"Filters": [{"Name": "Qualifier"}]}, "InvalidParameterValue.Filters"),
        ("CopyFunction", {}, "InvalidAction"),
    ],
)
def test_an_invalid_request_is_rejected(
    deploy: Deploy, call: Call, action: str, params: dict[str, Any], code: str
) -> None:
    deploy(ECHO)
    assert code_of(call, action, **params) == code


def test_the_signature_is_verified(sandbox: Sandbox) -> None:
    keys = sandbox.credentials
    forged = Credentials(keys.secret_id, "0" * 32)

    for product, version in (("scf", "2018-04-16"), ("cam", "2019-01-16")):
        client = api_client(sandbox, product, version, forged)
        with pytest.raises(TencentCloudSDKException) as caught:
            client.call_json("GetFunction", {})
        assert caught.value.code == "AuthFailure.SignatureFailure"


def test_a_signature_is_valid_for_one_product_only(sandbox: Sandbox, deploy: Deploy) -> None:
    deploy(ECHO)
    client = api_client(sandbox, "cam", "2018-04-16", host="scf.tencentcloudapi.com")

    with pytest.raises(TencentCloudSDKException) as caught:
        client.call_json("GetFunction", {"FunctionName": "liveness"})
    assert caught.value.code == "AuthFailure.SignatureFailure"


def test_functions_exist_only_in_their_region(sandbox: Sandbox, deploy: Deploy) -> None:
    deploy(ECHO)
    client = api_client(sandbox, "scf", "2018-04-16", region="ap-hongkong")

    with pytest.raises(TencentCloudSDKException) as caught:
        client.call_json("GetFunction", {"FunctionName": "liveness"})
    assert caught.value.code == "UnsupportedRegion"


def test_requests_are_logged(sandbox: Sandbox, deploy: Deploy, call: Call) -> None:
    deploy(ECHO)
    call("GetFunction")

    record = sandbox.requests[-1]
    assert (record.service, record.action, record.status) == ("scf", "GetFunction", 200)
    assert record.principal == sandbox.credentials.secret_id
