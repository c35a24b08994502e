"""CLS by the vendor's own client: topics, indexes, alarms, their channels, dashboards."""

from __future__ import annotations

from typing import Any

import pytest
from tencentcloud.cls.v20201016 import models
from tencentcloud.cls.v20201016.cls_client import ClsClient

from liveness_sandbox import Credentials, Sandbox

from .clients import GeneratedClient, profile_of
from .test_scf_deployment import CREATION, Scf


class Cls(GeneratedClient):
    def __init__(self, sandbox: Sandbox, credentials: Credentials | None = None) -> None:
        super().__init__(ClsClient(*profile_of(sandbox, credentials)), models)


@pytest.fixture
def cls(sandbox: Sandbox) -> Cls:
    return Cls(sandbox)


@pytest.fixture
def topic(cls: Cls) -> dict[str, str]:
    """A log topic, as alarms name it."""
    logset = cls("CreateLogset", LogsetName="logs")["LogsetId"]
    created = cls("CreateTopic", LogsetId=logset, TopicName="function", Period=90)
    return {"LogsetId": logset, "TopicId": created["TopicId"]}


def receiver(**changed: Any) -> dict[str, Any]:
    return {
        "ReceiverType": "Uin",
        "ReceiverIds": [100000000001],
        "ReceiverChannels": ["Email"],
        "StartTime": "00:00:00",
        "EndTime": "23:59:59",
        **changed,
    }


def notice(**changed: Any) -> dict[str, Any]:
    return {"Name": "on call", "Type": "All", "NoticeReceivers": [receiver()], **changed}


def alarm(topic: dict[str, str], **changed: Any) -> dict[str, Any]:
    target = {
        **topic,
        "Query": 'event:"x" | select count(*) as n',
        "Number": 1,
        "StartTimeOffset": -15,
        "EndTimeOffset": 0,
    }
    return {
        "Name": "given up",
        "AlarmTargets": [target],
        "MonitorTime": {"Type": "Period", "Time": 5},
        "TriggerCount": 1,
        "AlarmPeriod": 15,
        "Condition": "$1.n > 0",
        **changed,
    }


def test_topics_are_listed_by_name_and_log_set(cls: Cls, topic: dict[str, str]) -> None:
    cls("CreateTopic", LogsetId=topic["LogsetId"], TopicName="function-2")

    def names(precise: int, **filters: str) -> list[str]:
        given = [{"Key": key, "Values": [text]} for key, text in filters.items()]
        reply = cls("DescribeTopics", Filters=given, PreciseSearch=precise)
        return [each["TopicName"] for each in reply["Topics"]]

    assert names(0, topicName="function") == ["function", "function-2"]
    assert names(1, topicName="function") == ["function"]
    assert names(0, logsetName="other") == []
    assert names(0, topicId=topic["TopicId"]) == ["function"]
    (shown,) = cls("DescribeLogsets")["Logsets"]
    assert (shown["LogsetName"], shown["TopicCount"]) == ("logs", 2)

    cls("ModifyTopic", TopicId=topic["TopicId"], Period=30)
    assert cls("DescribeTopics")["Topics"][0]["Period"] == 30
    refusal = cls.refused("DeleteLogset", LogsetId=topic["LogsetId"])
    assert refusal == "FailedOperation.LogsetNotEmpty"
    for each in cls("DescribeTopics")["Topics"]:
        cls("DeleteTopic", TopicId=each["TopicId"])
    cls("DeleteLogset", LogsetId=topic["LogsetId"])
    assert cls("DescribeLogsets")["TotalCount"] == 0


def key(name: str, kind: str = "text", **value: Any) -> dict[str, Any]:
    return {"Key": name, "Value": {"Type": kind, "SqlFlag": True, **value}}


def rule(*keys: dict[str, Any]) -> dict[str, Any]:
    return {"KeyValue": {"CaseSensitive": False, "KeyValues": list(keys)}}


def test_a_topic_has_one_index(cls: Cls, topic: dict[str, str]) -> None:
    id = {"TopicId": topic["TopicId"]}
    assert cls.refused("DescribeIndex", **id) == "ResourceNotFound.IndexNotExist"
    assert cls.refused("ModifyIndex", **id) == "ResourceNotFound.IndexNotExist"
    first = rule(key("event"), key("overdue_seconds", "long"))

    cls("CreateIndex", **id, Rule=first)

    assert cls("DescribeTopics")["Topics"][0]["Index"] is True
    assert cls.refused("CreateIndex", **id, Rule=first) == "InvalidParameter.IndexConflict"
    index = cls("DescribeIndex", **id)
    assert [each["Key"] for each in index["Rule"]["KeyValue"]["KeyValues"]] == [
        "event",
        "overdue_seconds",
    ]
    cls("ModifyIndex", **id, Rule=rule(key("event")), MetadataFlag=1)
    index = cls("DescribeIndex", **id)
    assert (len(index["Rule"]["KeyValue"]["KeyValues"]), index["MetadataFlag"]) == (1, 1)
    cls("DeleteIndex", **id)
    assert cls("DescribeTopics")["Topics"][0]["Index"] is False


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ([key("_event")], "InvalidParameter"),
        ([key("seconds", "long", Tokenizer=",")], "InvalidParameter"),
        ([key("event", "json")], "InvalidParameter"),
        ([key("event"), key("event")], "InvalidParameter"),
        ([key(f"k{number}") for number in range(301)], "LimitExceeded.IndexKeyOverLimit"),
    ],
)
def test_an_index_that_cannot_be_is_refused(
    cls: Cls, topic: dict[str, str], keys: list[dict[str, Any]], code: str
) -> None:
    assert cls.refused("CreateIndex", TopicId=topic["TopicId"], Rule=rule(*keys)) == code


def test_alarms_notify_a_group_which_stays_while_they_do(cls: Cls, topic: dict[str, str]) -> None:
    group = cls("CreateAlarmNotice", **notice())["AlarmNoticeId"]
    created = cls("CreateAlarm", **alarm(topic), AlarmNoticeIds=[group])["AlarmId"]

    (shown,) = cls("DescribeAlarms", Filters=[{"Key": "name", "Values": ["given"]}])["Alarms"]
    assert (shown["AlarmId"], shown["AlarmNoticeIds"], shown["Status"]) == (created, [group], True)
    assert shown["AlarmTargets"][0]["TopicName"] == "function"
    assert cls.refused("DeleteTopic", TopicId=topic["TopicId"]) == "FailedOperation.BindedAlarm"
    refusal = cls.refused("DeleteAlarmNotice", AlarmNoticeId=group)
    assert refusal == "OperationDenied.NoticeHasAlarm"

    cls("ModifyAlarm", AlarmId=created, Status=False, AlarmPeriod=60)
    (shown,) = cls("DescribeAlarms", Filters=[{"Key": "enable", "Values": ["0"]}])["Alarms"]
    assert (shown["AlarmPeriod"], shown["Condition"]) == (60, "$1.n > 0")

    callback = {"CallbackType": "WeCom", "Url": "https://example.com/hook"}
    cls("ModifyAlarmNotice", AlarmNoticeId=group, WebCallbacks=[callback])
    (channels,) = cls("DescribeAlarmNotices")["AlarmNotices"]
    assert channels["WebCallbacks"][0]["CallbackType"] == "WeCom"
    assert channels["NoticeReceivers"][0]["ReceiverIds"] == [100000000001]

    cls("DeleteAlarm", AlarmId=created)
    cls("DeleteAlarmNotice", AlarmNoticeId=group)
    assert cls("DescribeAlarms")["TotalCount"] == 0
    assert cls.refused("DeleteAlarm", AlarmId=created) == "ResourceNotFound.AlarmNotExist"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"Name": "a|b"}, "InvalidParameter"),
        ({"Name": "taken"}, "InvalidParameter.AlarmConflict"),
        ({"TriggerCount": 0}, "InvalidParameter"),
        ({"AlarmPeriod": 1441}, "InvalidParameter"),
        ({"Condition": None}, "InvalidParameter"),
        ({"MultiConditions": [{"Condition": "$1.n > 0"}]}, "InvalidParameter"),
        ({"MonitorTime": {"Type": "Period", "Time": 0}}, "InvalidParameter"),
        ({"MonitorTime": {"Type": "Cron", "CronExpression": "* *"}}, "InvalidParameter"),
        ({"AlarmNoticeIds": ["nobody"]}, "ResourceNotFound.AlarmNoticeNotExist"),
        ({"AlarmTargets": []}, "InvalidParameter"),
        ({"AlarmTargets": [{"Number": 1}]}, "MissingParameter"),
    ],
)
def test_an_alarm_that_cannot_be_is_refused(
    cls: Cls, topic: dict[str, str], changed: dict[str, Any], code: str
) -> None:
    cls("CreateAlarm", **alarm(topic, Name="taken"))
    assert cls.refused("CreateAlarm", **alarm(topic, **changed)) == code
    assert cls("DescribeAlarms")["TotalCount"] == 1


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("Number", 2, "InvalidParameter"),
        ("StartTimeOffset", 0, "InvalidParameter"),
        ("TopicId", "nothing", "ResourceNotFound.TopicNotExist"),
        ("LogsetId", "nothing", "ResourceNotFound.LogsetNotExist"),
    ],
)
def test_an_alarm_on_nothing_is_refused(
    cls: Cls, topic: dict[str, str], field: str, value: Any, code: str
) -> None:
    wanted = alarm(topic)
    wanted["AlarmTargets"][0][field] = value
    assert cls.refused("CreateAlarm", **wanted) == code


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"Name": "taken"}, "InvalidParameter.AlarmNoticeConflict"),
        ({"Type": "Sometimes"}, "InvalidParameter"),
        ({"NoticeReceivers": []}, "InvalidParameter"),
        ({"NoticeReceivers": [receiver(ReceiverChannels=["Fax"])]}, "InvalidParameter"),
        ({"NoticeReceivers": [receiver(StartTime="9:00")]}, "InvalidParameter"),
        ({"WebCallbacks": [{"CallbackType": "Http", "Url": "http://a"}]}, "InvalidParameter"),
        ({"NoticeRules": [{"Rule": "{}"}]}, "InvalidParameter"),
        ({"MonitorNotice": None, "DeliverConfig": {}}, "UnsupportedOperation"),
    ],
)
def test_a_group_that_cannot_be_is_refused(cls: Cls, changed: dict[str, Any], code: str) -> None:
    cls("CreateAlarmNotice", **notice(Name="taken"))
    wanted = {name: value for name, value in notice(**changed).items() if value is not None}
    assert cls.refused("CreateAlarmNotice", **wanted) == code


def test_dashboards_are_kept(cls: Cls) -> None:
    id = cls("CreateDashboard", DashboardName="liveness", Data="{}")["DashboardId"]
    refusal = cls.refused("CreateDashboard", DashboardName="liveness")
    assert refusal == "InvalidParameter.DashboardNameConflict"

    cls("ModifyDashboard", DashboardId=id, Data='{"charts": []}')

    (shown,) = cls("DescribeDashboards")["DashboardInfos"]
    assert (shown["DashboardName"], shown["Data"]) == ("liveness", '{"charts": []}')
    cls("DeleteDashboard", DashboardId=id)
    assert cls("DescribeDashboards")["TotalCount"] == 0


def test_a_function_sends_its_logs_only_to_a_topic_that_exists(
    sandbox: Sandbox, cls: Cls, topic: dict[str, str]
) -> None:
    scf = Scf(sandbox)
    logs = {"ClsLogsetId": topic["LogsetId"], "ClsTopicId": topic["TopicId"]}
    wrong = {**logs, "ClsTopicId": "nothing"}
    assert scf.refused("CreateFunction", **CREATION, **wrong) == "InvalidParameterValue.Cls"

    scf.create(**logs)

    shown = scf("GetFunction")
    assert (shown["ClsLogsetId"], shown["ClsTopicId"]) == (topic["LogsetId"], topic["TopicId"])
    refusal = scf.refused("UpdateFunctionConfiguration", **wrong)
    assert refusal == "InvalidParameterValue.Cls"


def test_a_user_works_on_what_its_policy_names(sandbox: Sandbox, cls: Cls) -> None:
    region = "qcs::cls:ap-singapore:uin/100000000001"
    allowed = {"effect": "allow", "action": "cls:*", "resource": f"{region}:alarmNotice/*"}
    policy = {"version": "2.0", "statement": [allowed]}
    user = Cls(sandbox, sandbox.put_user("deployer", {"deploy": policy}))

    group = user("CreateAlarmNotice", **notice())["AlarmNoticeId"]
    user("ModifyAlarmNotice", AlarmNoticeId=group, Type="Trigger")
    assert user.refused("DescribeAlarms") == "AuthFailure.UnauthorizedOperation"
    assert user.refused("CreateLogset", LogsetName="x") == "AuthFailure.UnauthorizedOperation"
