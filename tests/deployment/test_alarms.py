"""The log's index and the alarms in CLS: those of docs/operating.md, with one notice group."""

from __future__ import annotations

import re
from typing import Any

import pytest

from liveness_cli.deploy.alarms import ALARMS, has_index, index_with
from tests.conftest import ROOT
from tests.sandbox.clients import api_client

from .conftest import Deployment

TOPIC = "liveness-1250000000"


def cls(deployment: Deployment, action: str, **params: Any) -> dict[str, Any]:
    reply = api_client(deployment.sandbox, "cls", "2020-10-16").call_json(action, params)
    response: dict[str, Any] = reply["Response"]
    return response


def alarms(deployment: Deployment) -> dict[str, Any]:
    rows = cls(deployment, "DescribeAlarms", Limit=100)["Alarms"]
    return {row["Name"]: row for row in rows}


@pytest.mark.parametrize("language", ["", ".zh-CN"])
def test_the_alarms_are_those_of_the_documentation(language: str) -> None:
    text = (ROOT / f"docs/operating{language}.md").read_text(encoding="utf-8")
    queries = re.findall(r"^\| [^|]+ \| `((?:[^`|]|\\\|)+)`", text, re.MULTILINE)
    documented = [query.replace(r"\|", "|") for query in queries if "| select" in query]

    assert [alarm.query for alarm in ALARMS] == documented


def test_every_column_of_a_condition_is_one_of_its_query() -> None:
    for alarm in ALARMS:
        for column in re.findall(r"\$1\.(\w+)", alarm.condition):
            assert re.search(rf"\b{column}\b", alarm.query.partition("| select")[2]), alarm.name


def test_alarms_notify_one_group(deployment: Deployment) -> None:
    deployment.deploy("--yes", "--notify", "100000000007,100000000008")

    created = alarms(deployment)
    assert set(created) == {f"liveness: {alarm.name}" for alarm in ALARMS}
    (notice,) = cls(deployment, "DescribeAlarmNotices")["AlarmNotices"]
    assert {tuple(alarm["AlarmNoticeIds"]) for alarm in created.values()} == {
        (notice["AlarmNoticeId"],)
    }
    (receiver,) = notice["NoticeReceivers"]
    assert receiver["ReceiverIds"] == [100000000007, 100000000008]
    assert deployment.deploy("--yes", "--notify", "100000000007,100000000008") == {}


def test_without_notify_alarms_are_left_alone(deployment: Deployment) -> None:
    deployment.deploy("--yes")

    assert alarms(deployment) == {}


def test_other_receivers_replace_the_first(deployment: Deployment) -> None:
    deployment.deploy("--yes", "--notify", "100000000007")

    states = deployment.deploy("--yes", "--notify", "https://example.com/alarm")

    assert states == {"notice group liveness-operators": "done"}
    (notice,) = cls(deployment, "DescribeAlarmNotices")["AlarmNotices"]
    assert notice["NoticeReceivers"] == []
    assert notice["WebCallbacks"][0]["Url"] == "https://example.com/alarm"


def test_an_alarm_that_was_tuned_by_hand_stays(deployment: Deployment) -> None:
    options = ("--yes", "--notify", "100000000007")
    deployment.deploy(*options)
    name = "liveness: something fails"
    cls(
        deployment,
        "ModifyAlarm",
        AlarmId=alarms(deployment)[name]["AlarmId"],
        Condition="$1.times > 99",
    )

    assert deployment.deploy(*options) == {"alarm something fails": "left"}
    assert deployment.deploy(*options, "--mend") == {"alarm something fails": "done"}
    assert alarms(deployment)[name]["Condition"] == "$1.times > 20"


def test_the_topic_is_created_with_an_index(deployment: Deployment) -> None:
    deployment.deploy("--yes")

    assert has_index(cls(deployment, "DescribeIndex", TopicId=TOPIC)["Rule"])
    assert deployment.function.deployment.options.log_topic == (TOPIC, TOPIC)


def test_an_index_keeps_its_other_fields(deployment: Deployment) -> None:
    theirs = {"Key": "colour", "Value": {"Type": "text", "Tokenizer": "", "SqlFlag": True}}
    wrong = {"Key": "event", "Value": {"Type": "text", "Tokenizer": ".", "SqlFlag": False}}
    cls(deployment, "CreateLogset", LogsetName="mine", LogsetId="mine-1250000000")
    topic = cls(deployment, "CreateTopic", LogsetId="mine-1250000000", TopicName="mine")["TopicId"]
    cls(deployment, "CreateIndex", TopicId=topic, Rule={"KeyValue": {"KeyValues": [theirs, wrong]}})
    logs = {"logsetId": "mine-1250000000", "topicId": topic}
    deployment.manifest["inputs"]["cls"] = logs

    states = deployment.deploy("--yes")

    assert f"log topic {topic}" in states
    rule = cls(deployment, "DescribeIndex", TopicId=topic)["Rule"]
    assert has_index(rule)
    assert theirs in rule["KeyValue"]["KeyValues"]


def test_a_complete_index_is_not_changed() -> None:
    assert has_index(index_with({}))
    assert index_with(index_with({})) == index_with({})


@pytest.mark.parametrize("receivers", ["operators", "http://example.com", "", "1,,2"])
def test_receivers_must_be_numbers_or_a_url(deployment: Deployment, receivers: str) -> None:
    result = deployment.run("deploy", "--notify", receivers)

    assert result.exit_code == 2
    assert "https:// URL" in result.stderr
    assert deployment.sandbox.requests == []


def test_alarms_are_removed(deployment: Deployment) -> None:
    deployment.deploy("--yes", "--notify", "100000000007")

    value = deployment.value("remove", "--yes")

    assert alarms(deployment) == {}
    assert cls(deployment, "DescribeAlarmNotices")["AlarmNotices"] == []
    assert "the log topic in CLS" in [each["what"] for each in value["kept"]]
