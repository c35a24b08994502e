"""The part of CLS that configures logs and alarms (API 3.0, version 2020-10-16).

It stores the configuration only: no log arrives, nothing is searched, and no alarm is raised.
"""

from __future__ import annotations

from ..api.fields import Models
from ..api.service import ActionService
from ..clock import Clock
from ..credentials import KeyRing
from .alarms import AlarmActions
from .dashboards import DashboardActions
from .table import Table
from .topics import TopicActions, Topics

SERVICE = "cls"
VERSION = "2020-10-16"


class ClsService(ActionService):
    def __init__(self, topics: Topics, keys: KeyRing, clock: Clock) -> None:
        alarms = Table(clock, "alarm", "AlarmId", "Name", "ResourceNotFound.AlarmNotExist")
        notices = Table(
            clock, "alarmNotice", "AlarmNoticeId", "Name", "ResourceNotFound.AlarmNoticeNotExist"
        )
        dashboards = Table(
            clock,
            "dashboard",
            "DashboardId",
            "DashboardName",
            "ResourceNotFound.DashboardRecordNotExist",
        )
        actions = {
            **TopicActions(topics, alarms).actions(),
            **AlarmActions(topics, alarms, notices).actions(),
            **DashboardActions(dashboards, topics.region).actions(),
        }
        models = Models("cls.v20201016")
        super().__init__(SERVICE, VERSION, actions, models, keys, (topics.region,))
