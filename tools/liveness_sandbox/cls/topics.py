"""Log sets, log topics and their indexes."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

from ..account import APPID
from ..api.errors import ApiError
from ..api.service import Action, Params
from ..clock import Clock
from ..credentials import Principal
from .table import (
    Row,
    Table,
    containing,
    equal,
    invalid,
    require_name,
    require_range,
    shown_time,
)

MAX_TOPICS = 500
"""Of an account in a region (614/12445)."""
MAX_INDEX_KEYS = 300
_FOREVER_DAYS = 3640
_MAX_DAYS = 3600
_DEFAULT_DAYS = 30
_OWN_ID = re.compile(rf"[a-z0-9][a-z0-9-]{{1,38}}[a-z0-9]-{APPID}")
_INDEX_KEY = re.compile(r"[A-Za-z0-9./@-][\w./@-]*", re.ASCII)
_TEXT, _NUMBERS = "text", ("long", "double")
_OF_TOPIC = frozenset(("LogsetId", "TopicId", "TopicName", "Period", "Describes", "Tags", "Status"))
# Further parameters of topics, with the values that request nothing special.
_NEUTRAL: Mapping[str, Any] = {
    "PartitionCount": 1,
    "AutoSplit": True,
    "MaxSplitPartitions": 50,
    "StorageType": "hot",
    "HotPeriod": 0,
    "BizType": 0,
    "IsWebTracking": False,
    "IsSourceFrom": False,
    "BillingMode": 0,
}


class Topics:
    """The log sets and topics of a region; the function platform finds its log topic here."""

    def __init__(self, clock: Clock, region: str) -> None:
        self.region = region
        self.clock = clock
        self.logsets = Table(
            clock, "logset", "LogsetId", "LogsetName", "ResourceNotFound.LogsetNotExist"
        )
        self.topics = Table(
            clock, "topic", "TopicId", "TopicName", "ResourceNotFound.TopicNotExist"
        )
        self.indexes: dict[str, Row] = {}

    def has_topic(self, logset_id: str, topic_id: str) -> bool:
        topic = self.topics.find(topic_id)
        return topic is not None and topic["LogsetId"] == logset_id


class TopicActions:
    def __init__(self, store: Topics, alarms: Table) -> None:
        self._store = store
        self._logsets = store.logsets
        self._topics = store.topics
        self._alarms = alarms

    def actions(self) -> Mapping[str, Action]:
        topic = ("TopicId",)
        return {
            "CreateLogset": Action(self._create_logset, ("LogsetName",), self._logset),
            "DescribeLogsets": Action(self._describe_logsets, (), self._logset),
            "DeleteLogset": Action(self._delete_logset, ("LogsetId",), self._logset),
            "CreateTopic": Action(self._create_topic, ("LogsetId", "TopicName"), self._logset),
            "ModifyTopic": Action(self._modify_topic, topic, self._topic),
            "DescribeTopics": Action(self._describe_topics, (), self._topic),
            "DeleteTopic": Action(self._delete_topic, topic, self._topic),
            "CreateIndex": Action(self._create_index, topic, self._topic),
            "ModifyIndex": Action(self._modify_index, topic, self._topic),
            "DescribeIndex": Action(self._describe_index, topic, self._topic),
            "DeleteIndex": Action(self._delete_index, topic, self._topic),
            "GetClsService": Action(lambda params, caller: {"Status": 0}),
        }

    def _logset(self, params: Params) -> str:
        return self._logsets.resource(self._store.region, params)

    def _topic(self, params: Params) -> str:
        return self._topics.resource(self._store.region, params)

    def _create_logset(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        name = params["LogsetName"]
        self._logsets.require_new_name(name, "InvalidParameter.LogsetConflict")
        id = _new_id(params.get("LogsetId"), self._logsets, "InvalidParameter.LogsetConflict")
        row = self._logsets.add({"LogsetName": name, "Tags": params.get("Tags", [])}, id)
        return {"LogsetId": row["LogsetId"]}

    def _describe_logsets(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        filters = {"logsetName": containing("LogsetName"), "logsetId": equal("LogsetId")}
        total, rows = self._logsets.page(params, filters)
        return {
            "TotalCount": total,
            "Logsets": [
                {
                    **{field: text for field, text in row.items() if field != "UpdateTime"},
                    "TopicCount": len(self._topics_of(row)),
                    "MetricTopicCount": 0,
                }
                for row in rows
            ],
        }

    def _delete_logset(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        logset = self._logsets.get(params)
        if self._topics_of(logset):
            raise ApiError("FailedOperation.LogsetNotEmpty", "The log set has topics.")
        self._logsets.remove(logset)
        return {}

    def _create_topic(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        logset = self._logsets.get(params)
        _require_played(params)
        name, days = params["TopicName"], params.get("Period", _DEFAULT_DAYS)
        require_name(name, "TopicName")
        _require_days(days)
        if any(each["TopicName"] == name for each in self._topics_of(logset)):
            raise ApiError(
                "InvalidParameter.TopicConflict", f"The log set has a topic {name} already."
            )
        if len(self._topics) >= MAX_TOPICS:
            raise ApiError("LimitExceeded.Topic", f"There are already {MAX_TOPICS} topics.")
        id = _new_id(params.get("TopicId"), self._topics, "InvalidParameter.TopicConflict")
        row = {
            "LogsetId": logset["LogsetId"],
            "TopicName": name,
            "Period": days,
            "Describes": params.get("Describes", ""),
            "Tags": params.get("Tags", []),
            "Status": True,
        }
        return {"TopicId": self._topics.add(row, id)["TopicId"]}

    def _modify_topic(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        topic = self._topics.get(params)
        _require_played(params)
        require_name(params.get("TopicName", topic["TopicName"]), "TopicName")
        _require_days(params.get("Period", topic["Period"]))
        self._topics.change(topic, {key: params[key] for key in params if key in _OF_TOPIC})
        return {}

    def _describe_topics(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        precise = params.get("PreciseSearch", 0)
        by_name = equal if precise in (1, 3) else containing
        by_logset = equal if precise in (2, 3) else containing

        def in_logset(row: Row, name: str) -> bool:
            logset = self._logsets.find(row["LogsetId"])
            return logset is not None and by_logset("LogsetName")(logset, name)

        filters = {
            "topicName": by_name("TopicName"),
            "topicId": equal("TopicId"),
            "logsetId": equal("LogsetId"),
            "logsetName": in_logset,
        }
        total, rows = self._topics.page(params, filters)
        return {"TotalCount": total, "Topics": [self._described(row) for row in rows]}

    def _described(self, topic: Row) -> dict[str, Any]:
        shown = {field: text for field, text in topic.items() if field != "UpdateTime"}
        index = self._store.indexes.get(topic["TopicId"])
        return {**_NEUTRAL, **shown, "Index": index is not None and index["Status"]}

    def _delete_topic(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        topic = self._topics.get(params)
        if any(
            target["TopicId"] == topic["TopicId"]
            for alarm in self._alarms
            for target in alarm["AlarmTargets"]
        ):
            raise ApiError("FailedOperation.BindedAlarm", "Alarms watch the topic.")
        self._topics.remove(topic)
        self._store.indexes.pop(topic["TopicId"], None)
        return {}

    def _create_index(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        topic = self._topics.get(params)
        if topic["TopicId"] in self._store.indexes:
            raise ApiError("InvalidParameter.IndexConflict", "The topic has an index already.")
        index = {"Status": True, "IncludeInternalFields": False, "MetadataFlag": 0, "Rule": {}}
        self._store.indexes[topic["TopicId"]] = self._changed_index(index, params)
        return {}

    def _modify_index(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        topic_id = self._topics.get(params)["TopicId"]
        self._store.indexes[topic_id] = self._changed_index(self._index(params), params)
        return {}

    def _describe_index(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        self._topics.get(params)
        return self._index(params)

    def _delete_index(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        self._topics.get(params)
        self._index(params)
        del self._store.indexes[params["TopicId"]]
        return {}

    def _index(self, params: Params) -> Row:
        index = self._store.indexes.get(params["TopicId"])
        if index is None:
            raise ApiError("ResourceNotFound.IndexNotExist", "The topic has no index.")
        return index

    def _changed_index(self, index: Row, params: Params) -> Row:
        _require_rule(params.get("Rule", {}))
        return {**index, **params, "ModifyTime": shown_time(self._store.clock.now())}

    def _topics_of(self, logset: Row) -> list[Row]:
        return [row for row in self._topics if row["LogsetId"] == logset["LogsetId"]]


def _new_id(own: str | None, table: Table, conflict: str) -> str:
    if own is None:
        return str(uuid.uuid4())
    if not _OWN_ID.fullmatch(own):
        raise invalid(f"{table.id} must be 3 to 40 small letters, digits or -, and -{APPID}.")
    if table.find(own) is not None:
        raise ApiError(conflict, f"There is already {own}.")
    return own


def _require_played(params: Params) -> None:
    for name, value in params.items():
        if name not in _OF_TOPIC and value != _NEUTRAL.get(name):
            raise ApiError("UnsupportedOperation", f"The sandbox does not implement {name}.")


def _require_days(days: int) -> None:
    if days != _FOREVER_DAYS:
        require_range(days, "Period", 1, _MAX_DAYS)


def _require_rule(rule: Params) -> None:
    keys = [key for part in ("KeyValue", "Tag") for key in rule.get(part, {}).get("KeyValues", [])]
    if len(keys) > MAX_INDEX_KEYS:
        raise ApiError(
            "LimitExceeded.IndexKeyOverLimit", f"An index has at most {MAX_INDEX_KEYS} keys."
        )
    if len({key.get("Key") for key in keys}) < len(keys):
        raise invalid("A key is given twice.")
    for key in keys:
        name, value = key.get("Key", ""), key.get("Value", {})
        if not _INDEX_KEY.fullmatch(name):
            raise invalid(
                f"Key {name!r} must have letters, digits and _-./@, and not begin with _."
            )
        kind = value.get("Type")
        if kind not in (_TEXT, *_NUMBERS):
            raise invalid(f"{name}: the sandbox knows the types text, long and double.")
        if kind in _NUMBERS and (value.get("Tokenizer") or value.get("ContainZH")):
            raise invalid(f"{name}: a number has no Tokenizer and no ContainZH.")
