"""Log set, topic, index and alarms in CLS (API 3.0, product cls, version 2020-10-16)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..account.api import Api
from ..account.errors import RequestRefused, parsing_reply

KEPT_DAYS = 30
_PAGE_SIZE = 100


class LogService:
    """All methods raise RequestRefused and RequestFailed."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def has_topic(self, topic: str) -> bool:
        return bool(self._rows("DescribeTopics", "Topics", "topicId", topic))

    def create_topic(self, logset: str, topic: str, name: str) -> None:
        """Create log set and topic; the log set may exist already."""
        if not self._rows("DescribeLogsets", "Logsets", "logsetId", logset):
            self._api("CreateLogset", LogsetName=name, LogsetId=logset)
        self._api("CreateTopic", LogsetId=logset, TopicName=name, TopicId=topic, Period=KEPT_DAYS)

    def index(self, topic: str) -> dict[str, Any] | None:
        """Return the index rule of a topic; None if it has no index."""
        try:
            reply = self._api("DescribeIndex", TopicId=topic)
        except RequestRefused as error:
            if error.code == "ResourceNotFound.IndexNotExist":
                return None
            raise
        with parsing_reply("DescribeIndex"):
            return dict(reply.get("Rule") or {})

    def put_index(self, topic: str, rule: Mapping[str, Any]) -> None:
        action = "CreateIndex" if self.index(topic) is None else "ModifyIndex"
        self._api(action, TopicId=topic, Rule=dict(rule), Status=True)

    def alarms(self, prefix: str) -> dict[str, dict[str, Any]]:
        """Return the alarms whose names begin with the prefix, by name."""
        return self._named("DescribeAlarms", "Alarms", prefix)

    def notices(self, prefix: str) -> dict[str, dict[str, Any]]:
        """Return the notice groups whose names begin with the prefix, by name."""
        return self._named("DescribeAlarmNotices", "AlarmNotices", prefix)

    def create_notice(self, name: str, receivers: Mapping[str, Any]) -> None:
        self._api("CreateAlarmNotice", Name=name, **receivers)

    def update_notice(self, notice_id: str, receivers: Mapping[str, Any]) -> None:
        # A list that is not given would stay unchanged.
        both: dict[str, Any] = {"NoticeReceivers": [], "WebCallbacks": []}
        self._api("ModifyAlarmNotice", AlarmNoticeId=notice_id, **{**both, **receivers})

    def create_alarm(self, fields: Mapping[str, Any]) -> None:
        self._api("CreateAlarm", **fields)

    def update_alarm(self, alarm_id: str, fields: Mapping[str, Any]) -> None:
        self._api("ModifyAlarm", AlarmId=alarm_id, **fields)

    def delete_alarm(self, alarm_id: str) -> None:
        self._api("DeleteAlarm", AlarmId=alarm_id)

    def delete_notice(self, notice_id: str) -> None:
        self._api("DeleteAlarmNotice", AlarmNoticeId=notice_id)

    def _named(self, action: str, rows: str, prefix: str) -> dict[str, dict[str, Any]]:
        with parsing_reply(action):
            return {
                str(row["Name"]): row
                for row in self._rows(action, rows, "name", prefix)
                if str(row["Name"]).startswith(prefix)
            }

    def _rows(self, action: str, rows: str, key: str, value: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            reply = self._api(
                action,
                Filters=[{"Key": key, "Values": [value]}],
                Offset=len(found),
                Limit=_PAGE_SIZE,
            )
            with parsing_reply(action):
                page = list(reply.get(rows) or [])
                found += page
                if not page or len(found) >= int(reply["TotalCount"]):
                    return found
