"""A function from nothing by the vendor's own client: code, versions, aliases, triggers."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from qcloud_cos import CosS3Client
from tencentcloud.common.exception import TencentCloudSDKException
from tencentcloud.scf.v20180416 import models
from tencentcloud.scf.v20180416.scf_client import ScfClient

from liveness_sandbox import Credentials, Sandbox

from .clients import BUCKET, GeneratedClient, api_client, profile_of, wait_until

HOST = f"{BUCKET}.cos.ap-singapore.myqcloud.com"
TRUST = {
    "version": "2.0",
    "statement": [
        {
            "effect": "allow",
            "action": "name/sts:AssumeRole",
            "principal": {"service": "scf.qcloud.com"},
        }
    ],
}
RULE = {"event": "cos:ObjectCreated:*", "filter": {"Prefix": "in/", "Suffix": ""}}


def zipped(source: str, name: str = "index.py") -> str:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, source)
    return base64.b64encode(stream.getvalue()).decode()


def answering(word: str) -> str:
    return zipped(f"def main_handler(event, context):\n    return {word!r}\n")


# Longer than any test takes, so that a change ends when the test says so.
SETTLING_SECONDS = 600.0
BUSY = ("Creating", "Updating", "Publishing")
CREATION: dict[str, Any] = {
    "Code": {"ZipFile": answering("one")},
    "Handler": "index.main_handler",
    "Runtime": "Python3.10",
}


class Scf(GeneratedClient):
    """The vendor's generated client, whose requests are about the function `work`."""

    def __init__(self, sandbox: Sandbox, credentials: Credentials | None = None) -> None:
        self._sandbox = sandbox
        sandbox.platform.settling_seconds = SETTLING_SECONDS
        super().__init__(ScfClient(*profile_of(sandbox, credentials)), models)

    def request(self, action: str, params: Mapping[str, Any]) -> Any:
        request = super().request(action, params)
        if hasattr(request, "FunctionName") and request.FunctionName is None:
            request.FunctionName = "work"
        return request

    def settle(self) -> None:
        """Let the platform's time pass until every function is at rest."""
        self._sandbox.clock.advance(SETTLING_SECONDS)
        functions = self._sandbox.platform.functions
        wait_until(lambda: all(each.versions.status()[0] not in BUSY for each in functions))

    def create(self, **params: Any) -> None:
        self("CreateFunction", **{**CREATION, **params})
        self.settle()

    def result(self, qualifier: str = "$DEFAULT") -> Any:
        return json.loads(self("InvokeFunction", Qualifier=qualifier)["Result"]["RetMsg"])


@pytest.fixture
def scf(sandbox: Sandbox) -> Iterator[Scf]:
    sandbox.put_role("runner", TRUST, {})
    yield Scf(sandbox)


def test_what_was_uploaded_runs_when_an_object_arrives(
    sandbox: Sandbox, scf: Scf, cos: CosS3Client
) -> None:
    scf.create(
        Code={"ZipFile": zipped("def main_handler(event, context):\n    return event\n")},
        MemorySize=256,
        Timeout=30,
        Role="runner",
        Environment={"Variables": [{"Key": "COLOUR", "Value": "blue"}]},
        Description="One, two",
        Tags=[{"Key": "team", "Value": "faces"}],
    )
    created = scf(
        "CreateTrigger",
        TriggerName=HOST,
        Type="cos",
        TriggerDesc=json.dumps(RULE),
        Qualifier="$DEFAULT",
        Enable="OPEN",
    )["TriggerInfo"]
    assert (created["BindStatus"], created["AvailableStatus"]) == ("on", "Available")

    cos.put_object(BUCKET, b"", "elsewhere")
    cos.put_object(BUCKET, b"", "in/one")
    sandbox.wait_idle()

    function = sandbox.platform.find("work")
    assert function is not None
    (invocation,) = function.invocations
    assert invocation.result["Records"][0]["cos"]["cosObject"]["key"].endswith("/in/one")

    description = scf("GetFunction")
    assert description["Environment"] == {"Variables": [{"Key": "COLOUR", "Value": "blue"}]}
    assert (description["MemorySize"], description["Timeout"]) == (256, 30)
    assert (description["Role"], description["Description"]) == ("runner", "One, two")
    assert description["Tags"] == [{"Key": "team", "Value": "faces"}]
    assert description["CodeSize"] > 0
    assert [each["TriggerName"] for each in description["Triggers"]] == [HOST]


def test_a_function_without_a_role_gets_no_keys(scf: Scf) -> None:
    source = "import os\ndef main_handler(event, context):\n    return dict(os.environ)\n"
    scf.create(Code={"ZipFile": zipped(source)})
    assert "TENCENTCLOUD_SECRETID" not in scf.result()

    scf("UpdateFunctionConfiguration", Role="runner")
    scf.settle()

    assert scf.result()["TENCENTCLOUD_SECRETID"]


def test_code_in_cos_is_an_alternative(scf: Scf, cos: CosS3Client) -> None:
    cos.put_object(BUCKET, base64.b64decode(answering("from COS")), "code.zip")
    code = {"CosBucketName": "faces", "CosObjectName": "/code.zip"}

    scf.create(Code=code)
    assert scf.result() == "from COS"

    missing = {**code, "CosObjectName": "/other.zip"}
    assert scf.refused("UpdateFunctionCode", Code=missing) == "ResourceNotFound.CosObject"
    elsewhere = {**code, "CosBucketName": "other"}
    refusal = scf.refused("UpdateFunctionCode", Code=elsewhere)
    assert refusal == "InvalidParameterValue.CosBucketName"


def test_creation_and_changes_take_a_while(sandbox: Sandbox, scf: Scf) -> None:
    scf("CreateFunction", **CREATION)
    assert scf("GetFunction")["Status"] == "Creating"
    assert scf.refused("InvokeFunction") == "FailedOperation.FunctionStatusError"
    trigger = {"TriggerName": "minute", "Type": "timer", "TriggerDesc": "0 * * * * * *"}
    assert scf.refused("CreateTrigger", **trigger) == "FailedOperation.FunctionStatusError"
    scf.settle()
    assert scf("GetFunction")["Status"] == "Active"

    scf("UpdateFunctionCode", Code={"ZipFile": answering("two")})

    assert scf("GetFunction")["Status"] == "Updating"
    assert scf.result() == "one"  # what was there before goes on
    for action, params in (
        ("UpdateFunctionCode", {"Code": {"ZipFile": answering("three")}}),
        ("UpdateFunctionConfiguration", {"Timeout": 9}),
        ("PublishVersion", {}),
    ):
        assert scf.refused(action, **params) == f"FailedOperation.{action}"
    scf.settle()
    assert scf.result() == "two"

    scf("UpdateFunctionConfiguration", Timeout=9)

    assert scf("GetFunction")["Timeout"] == 9
    scf.settle()
    assert (scf("GetFunction")["Timeout"], scf.result()) == (9, "two")


@pytest.mark.parametrize("action", ["CreateFunction", "UpdateFunctionCode"])
def test_of_simultaneous_requests_one_succeeds(scf: Scf, action: str) -> None:
    params: dict[str, Any] = {"Code": {"ZipFile": answering("new")}}
    if action == "CreateFunction":
        params = {**CREATION, **params}
    else:
        scf.create()

    def send(number: int) -> str:
        try:
            scf(action, **params)
        except TencentCloudSDKException as error:
            return str(error.code)
        return "done"

    with ThreadPoolExecutor(8) as threads:
        outcomes = sorted(threads.map(send, range(8)))

    refusal = {
        "CreateFunction": "ResourceInUse.FunctionName",
        "UpdateFunctionCode": "FailedOperation.UpdateFunctionCode",
    }[action]
    assert outcomes == [*[refusal] * 7, "done"]
    scf.settle()
    assert scf.result() == "new"


def test_code_without_the_handlers_file_fails_after_it_was_accepted(scf: Scf) -> None:
    scf("CreateFunction", **{**CREATION, "Code": {"ZipFile": zipped("", "other.py")}})
    scf.settle()
    description = scf("GetFunction")
    assert description["Status"] == "CreateFailed"
    assert "entry file" in description["StatusReasons"][0]["ErrorMessage"]
    assert scf.refused("InvokeFunction") == "FailedOperation.FunctionStatusError"

    scf("UpdateFunctionCode", Code={"ZipFile": answering("mended")})
    scf.settle()
    assert scf.result() == "mended"

    scf("UpdateFunctionCode", Code={"ZipFile": zipped("", "other.py")})
    scf.settle()
    assert scf("GetFunction")["Status"] == "UpdateFailed"
    assert scf.result() == "mended"


def test_a_published_version_stays_as_it_was(scf: Scf) -> None:
    scf.create()

    published = scf("PublishVersion", Description="first")

    assert (published["FunctionVersion"], published["Description"]) == ("1", "first")
    assert scf("GetFunction", Qualifier="1")["Status"] == "Publishing"
    scf.settle()
    scf("UpdateFunctionCode", Code={"ZipFile": answering("two")})
    scf.settle()
    assert [scf.result("1"), scf.result("$LATEST"), scf.result()] == ["one", "two", "two"]
    listed = scf("ListVersionByFunction")
    assert listed["FunctionVersion"] == ["$LATEST", "1"]
    assert [each["Status"] for each in listed["Versions"]] == ["Active", "Active"]
    assert scf("GetFunction", Qualifier="1")["FunctionVersion"] == "1"
    assert scf.refused("GetFunction", Qualifier="2") == "ResourceNotFound.FunctionVersion"


def publish_two(scf: Scf) -> None:
    scf.create()
    scf("PublishVersion")
    scf.settle()
    scf("UpdateFunctionCode", Code={"ZipFile": answering("two")})
    scf.settle()
    scf("PublishVersion")
    scf.settle()


def test_aliases_route_events_to_versions(sandbox: Sandbox, scf: Scf, cos: CosS3Client) -> None:
    publish_two(scf)
    scf(
        "CreateTrigger",
        TriggerName=HOST,
        Type="cos",
        TriggerDesc=json.dumps(RULE),
        Qualifier="$DEFAULT",
    )

    def upload() -> Any:
        cos.put_object(BUCKET, b"", "in/one")
        sandbox.wait_idle()
        function = sandbox.platform.find("work")
        assert function is not None
        return function.invocations[-1].result

    scf("UpdateAlias", Name="$DEFAULT", FunctionVersion="1")
    assert (scf.result(), upload()) == ("one", "one")

    scf(
        "UpdateAlias",
        Name="$DEFAULT",
        FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": [{"Version": "2", "Weight": 1.0}]},
    )
    assert (scf.result(), upload()) == ("two", "two")
    routing = scf("GetAlias", Name="$DEFAULT")["RoutingConfig"]
    assert routing["AdditionalVersionWeights"] == [{"Version": "2", "Weight": 1.0}]

    scf("UpdateAlias", Name="$DEFAULT", FunctionVersion="2")
    assert scf("GetAlias", Name="$DEFAULT")["RoutingConfig"]["AdditionalVersionWeights"] == []
    scf("CreateAlias", Name="previous", FunctionVersion="1", Description="the one before")
    assert [scf.result(), scf.result("previous")] == ["two", "one"]
    assert scf.refused("CreateAlias", Name="previous", FunctionVersion="1") == "ResourceInUse.Alias"
    names = [alias["Name"] for alias in scf("ListAliases")["Aliases"]]
    assert names == ["$DEFAULT", "previous"]

    for action in ("DeleteFunction", "DeleteFunctionVersion"):
        assert scf.refused(action, Qualifier="1") == "UnsupportedOperation.AliasBind"
    scf("DeleteAlias", Name="previous")
    scf("DeleteFunctionVersion", Qualifier="1")
    assert scf.refused("DeleteFunction", Qualifier="1") == "ResourceNotFound.FunctionVersion"
    assert scf.refused("InvokeFunction", Qualifier="1") == "ResourceNotFound.FunctionVersion"
    assert scf("ListVersionByFunction")["FunctionVersion"] == ["$LATEST", "2"]


def test_an_alias_shares_its_traffic_by_weight(scf: Scf) -> None:
    publish_two(scf)
    weights = [{"Version": "2", "Weight": 0.5}]
    routing = {"AdditionalVersionWeights": weights}
    scf("UpdateAlias", Name="$DEFAULT", FunctionVersion="1", RoutingConfig=routing)

    # By chance one of them is missing once in 2**39 runs.
    assert {scf.result() for _ in range(40)} == {"one", "two"}


@pytest.mark.parametrize(
    ("action", "params", "code"),
    [
        ("UpdateAlias", {"FunctionVersion": "9"}, "ResourceNotFound.FunctionVersion"),
        ("UpdateAlias", {"Name": "other", "FunctionVersion": "1"}, "ResourceNotFound.Alias"),
        ("DeleteAlias", {}, "FailedOperation.DeleteAlias"),
        ("CreateAlias", {"Name": "1st", "FunctionVersion": "1"}, "InvalidParameterValue.Alias"),
        (
            "UpdateAlias",
            {
                "FunctionVersion": "1",
                "RoutingConfig": {"AdditionalVersionWeights": [{"Version": "1", "Weight": 0.5}]},
            },
            "InvalidParameterValue.RoutingConfig",
        ),
        (
            "UpdateAlias",
            {
                "FunctionVersion": "1",
                "RoutingConfig": {"AdditionalVersionWeights": [{"Version": "$LATEST"}]},
            },
            "InvalidParameterValue.AdditionalVersionWeights",
        ),
        (
            "UpdateAlias",
            {
                "FunctionVersion": "1",
                "RoutingConfig": {"AddtionVersionMatchs": [{"Version": "1", "Key": "k"}]},
            },
            "UnsupportedOperation",
        ),
    ],
)
def test_an_alias_that_cannot_be_is_refused(
    scf: Scf, action: str, params: dict[str, Any], code: str
) -> None:
    scf.create()
    scf("PublishVersion")
    scf.settle()
    assert scf.refused(action, **{"Name": "$DEFAULT", **params}) == code


def variables(**values: str) -> dict[str, Any]:
    return {"Variables": [{"Key": key, "Value": text} for key, text in values.items()]}


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"FunctionName": "1st"}, "InvalidParameterValue.FunctionName"),
    ({"Handler": "index"}, "InvalidParameterValue.Handler"),
    ({"Runtime": "Python4.2"}, "InvalidParameterValue.Runtime"),
    ({"Runtime": "Nodejs18.15"}, "UnsupportedOperation"),
    ({"Runtime": None}, "MissingParameter.Runtime"),
    ({"MemorySize": 192}, "InvalidParameterValue.MemorySize"),
    ({"MemorySize": 3200}, "InvalidParameterValue.MemorySize"),
    ({"Timeout": 901}, "LimitExceeded.Timeout"),
    ({"InitTimeout": 2}, "LimitExceeded.InitTimeout"),
    ({"Description": "a; b"}, "InvalidParameterValue.Description"),
    ({"Environment": variables(A1="x" * 4095)}, "InvalidParameterValue.EnvironmentExceededLimit"),
    ({"Environment": variables(SCF_X="1")}, "InvalidParameterValue.EnvironmentSystemProtect"),
    ({"Environment": variables(A1="")}, "InvalidParameterValue.Environment"),
    ({"Role": "nobody"}, "ResourceNotFound.Role"),
    ({"Role": "for-others"}, "InvalidParameter.RoleCheck"),
    ({"Code": {"ZipFile": "..."}}, "InvalidParameterValue.ZipFileBase64BinasciiError"),
    ({"Code": {"ZipFile": "AAAA"}}, "InvalidParameterValue.ZipFile"),
    ({"Code": {"DemoId": "demo-1"}}, "UnsupportedOperation"),
    ({"Code": {}}, "InvalidParameterValue.Code"),
    ({"AsyncRunEnable": "TRUE"}, "UnsupportedOperation"),
    ({"Namespace": "other"}, "ResourceNotFound.Namespace"),
]


@pytest.mark.parametrize(("params", "code"), REFUSED)
def test_a_function_that_cannot_be_is_refused(
    sandbox: Sandbox, scf: Scf, params: dict[str, Any], code: str
) -> None:
    sandbox.put_role(
        "for-others",
        {"version": "2.0", "statement": [{**TRUST["statement"][0], "principal": {"qcs": ["x"]}}]},  # type: ignore[dict-item]
        {},
    )
    assert scf.refused("CreateFunction", **{**CREATION, **params}) == code
    assert scf("ListFunctions")["Functions"] == []


def test_a_request_is_held_against_the_vendors_model(sandbox: Sandbox) -> None:
    """Below the top, too: a list, an object in it, and the type of a field there."""
    client = api_client(sandbox, "scf", "2018-04-16")
    for params, code in (
        ({"Code": {"Zip": ""}}, "UnknownParameter"),
        ({"Environment": {"Variables": [{"Name": "A"}]}}, "UnknownParameter"),
        ({"Environment": {"Variables": [{"Key": 1}]}}, "InvalidParameter"),
        ({"Environment": {"Variables": {}}}, "InvalidParameter"),
        ({"Timeout": "3"}, "InvalidParameter"),
        ({"IgnoreSysLog": False}, "UnknownParameter"),  # only of UpdateFunctionConfiguration
    ):
        with pytest.raises(TencentCloudSDKException) as caught:
            client.call_json("CreateFunction", {"FunctionName": "work", **CREATION, **params})
        assert (params, caught.value.code) == (params, code)


def test_names_are_taken_until_the_function_is_deleted(sandbox: Sandbox, scf: Scf) -> None:
    scf.create()
    assert scf.refused("CreateFunction", **CREATION) == "ResourceInUse.FunctionName"
    scf("PutReservedConcurrencyConfig", ReservedConcurrencyMem=1280)
    assert scf("GetAccount")["AccountUsage"]["TotalAllocatedConcurrencyMem"] == 1280
    assert [each["FunctionName"] for each in scf("ListFunctions")["Functions"]] == ["work"]

    scf("DeleteFunction")

    assert scf.refused("GetFunction") == "ResourceNotFound.Function"
    assert scf("GetAccount")["AccountUsage"]["TotalAllocatedConcurrencyMem"] == 0
    scf.create(Code={"ZipFile": answering("anew")})
    assert scf.result() == "anew"


def cos_trigger(event: str = "cos:ObjectCreated:*", **filters: str) -> dict[str, Any]:
    rule = {"event": event, "filter": {"Prefix": "", "Suffix": "", **filters}}
    return {"TriggerName": HOST, "Type": "cos", "TriggerDesc": json.dumps(rule)}


TIMER: dict[str, Any] = {
    "TriggerName": "minute",
    "Type": "timer",
    "TriggerDesc": "0 * * * * * *",
    "CustomArgument": "work",
}


def test_rules_of_one_bucket_do_not_overlap(sandbox: Sandbox, scf: Scf) -> None:
    scf.create()
    scf.create(FunctionName="other")
    scf("CreateTrigger", FunctionName="other", **cos_trigger(Prefix="in/"))

    conflict = "InvalidParameterValue.CosNotifyRuleConflict"
    assert scf.refused("CreateTrigger", **cos_trigger(Prefix="in/a/")) == conflict
    assert scf.refused("CreateTrigger", **cos_trigger()) == conflict
    put = "cos:ObjectCreated:Put"
    assert scf.refused("CreateTrigger", **cos_trigger(put, Prefix="in/")) == conflict

    scf("CreateTrigger", **cos_trigger(Prefix="out/", Suffix=".a"))
    scf("CreateTrigger", **cos_trigger(Prefix="out/", Suffix=".b"))
    assert scf.refused("CreateTrigger", **cos_trigger(Suffix="x.a")) == conflict
    refusal = scf.refused("CreateTrigger", **cos_trigger(Prefix="out/", Suffix=".a"))
    assert refusal == "ResourceInUse.Trigger"


def test_a_trigger_is_closed_opened_and_deleted(
    sandbox: Sandbox, scf: Scf, cos: CosS3Client
) -> None:
    source = "def main_handler(event, context):\n    return event.get('Type', 'Cos')\n"
    scf.create(Code={"ZipFile": zipped(source)})
    scf("CreateTrigger", Enable="CLOSE", **cos_trigger())
    scf("CreateTrigger", Enable="CLOSE", **TIMER)
    function = sandbox.platform.find("work")
    assert function is not None

    def fired() -> list[Any]:
        """Let both have a reason to fire, and return what has fired since the beginning."""
        cos.put_object(BUCKET, b"", "a")
        sandbox.clock.advance(61)
        sandbox.wait_idle()
        return [invocation.result for invocation in function.invocations]

    assert fired() == []
    assert [each["Enable"] for each in scf("ListTriggers")["Triggers"]] == [0, 0]

    scf("UpdateTriggerStatus", Enable="OPEN", **cos_trigger())
    scf("UpdateTriggerStatus", Enable="OPEN", TriggerName="minute", Type="timer")
    # The timer may be due again while this waits.
    wait_until(lambda: {"Cos", "Timer"} <= set(fired()))

    event = json.dumps({"event": "cos:ObjectCreated:*"})
    scf("DeleteTrigger", **{**cos_trigger(), "TriggerDesc": event})
    scf("DeleteTrigger", TriggerName="minute", Type="timer")
    assert scf("ListTriggers")["TotalCount"] == 0
    assert scf.refused("DeleteTrigger", **cos_trigger()) == "ResourceNotFound.Trigger"
    sandbox.wait_idle()
    before = len(function.invocations)
    assert len(fired()) == before


def test_a_function_has_ten_triggers_of_a_kind(scf: Scf) -> None:
    scf.create()
    for number in range(10):
        scf("CreateTrigger", **{**TIMER, "TriggerName": f"timer-{number}"})
        scf("CreateTrigger", **cos_trigger(Prefix=f"{number}/"))
    assert scf.refused("CreateTrigger", **TIMER) == "LimitExceeded.Trigger"
    assert scf.refused("CreateTrigger", **cos_trigger(Prefix="x/")) == "LimitExceeded.Trigger"
    scf.create(FunctionName="other")
    refusal = scf.refused("CreateTrigger", FunctionName="other", **cos_trigger(Prefix="x/"))
    assert refusal == "LimitExceeded.Trigger"  # of the bucket


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({**TIMER, "TriggerDesc": "* * *"}, "InvalidParameterValue.TriggerDesc"),
        ({**TIMER, "TriggerName": "a b"}, "InvalidParameterValue.TriggerName"),
        ({**TIMER, "Qualifier": "7"}, "ResourceNotFound.FunctionVersion"),
        ({**TIMER, "Enable": "on"}, "InvalidParameterValue.Enable"),
        ({**TIMER, "Type": "mps"}, "InvalidParameterValue.Type"),
        ({**cos_trigger(), "TriggerDesc": "cos:*"}, "InvalidParameterValue.TriggerDesc"),
        (cos_trigger("cos:*"), "InvalidParameterValue.TriggerDesc"),
        ({**cos_trigger(), "TriggerName": BUCKET}, "InvalidParameterValue.TriggerName"),
        ({**cos_trigger(), "TriggerName": f"x-{HOST}"}, "ResourceNotFound.Cos"),
        ({**cos_trigger(), "CustomArgument": "x"}, "InvalidParameterValue.CustomArgument"),
    ],
)
def test_a_trigger_that_cannot_be_is_refused(scf: Scf, params: dict[str, Any], code: str) -> None:
    scf.create()
    assert scf.refused("CreateTrigger", **params) == code


def test_a_timer_that_exists_is_refused(scf: Scf) -> None:
    scf.create()
    scf("CreateTrigger", **TIMER)
    other = {**TIMER, "TriggerDesc": "0 0 * * * * *"}
    assert scf.refused("CreateTrigger", **other) == "ResourceInUse.Trigger"


def test_an_asynchronous_invocation_is_followed_by_its_id(sandbox: Sandbox, scf: Scf) -> None:
    scf.create()
    result = scf("Invoke", InvocationType="Event", ClientContext="{}")["Result"]
    assert result["RetMsg"] == ""

    sandbox.wait_idle()

    status = scf("GetRequestStatus", FunctionRequestId=result["FunctionRequestId"])
    assert (status["TotalCount"], status["Data"][0]["RetCode"]) == (1, 0)
    assert json.loads(status["Data"][0]["RetMsg"]) == "one"
    assert scf("Invoke", ClientContext="{}")["Result"]["RetMsg"] == '"one"'
    refusal = scf.refused("Invoke", ClientContext="no JSON")
    assert refusal == "InvalidParameterValue.ClientContext"


def test_a_role_is_given_only_by_those_who_may_pass_it_on(sandbox: Sandbox) -> None:
    everything_of_scf = {"effect": "allow", "action": "scf:*", "resource": "*"}
    passing = {
        "effect": "allow",
        "action": "cam:PassRole",
        "resource": "qcs::cam::uin/100000000001:roleName/runner",
    }
    sandbox.put_role("runner", TRUST, {})
    sandbox.put_role("other", TRUST, {})

    def policy(*statements: dict[str, Any]) -> dict[str, Any]:
        return {"p": {"version": "2.0", "statement": list(statements)}}

    keys = sandbox.put_user("deployer", policy(everything_of_scf))
    scf = Scf(sandbox, keys)
    refusal = "AuthFailure.UnauthorizedOperation"
    assert scf.refused("CreateFunction", **CREATION, Role="runner") == refusal

    sandbox.put_user("deployer", policy(everything_of_scf, passing))
    scf.create(Role="runner")
    assert scf.refused("UpdateFunctionConfiguration", Role="other") == refusal

    narrow = {
        "effect": "allow",
        "action": "scf:*",
        "resource": f"qcs::scf:ap-singapore:uin/{100000000001}:namespace/default/function/work",
    }
    sandbox.put_user("deployer", policy(narrow))
    assert scf("GetFunction")["FunctionName"] == "work"
    assert scf.refused("GetFunction", FunctionName="other") == refusal
    assert scf.refused("ListFunctions") == refusal
