"""Dashboards: their charts are stored queries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..api.service import Action, Params
from ..credentials import Principal
from .table import Table, containing, equal

_CONFLICT = "InvalidParameter.DashboardNameConflict"


class DashboardActions:
    def __init__(self, dashboards: Table, region: str) -> None:
        self._dashboards = dashboards
        self._region = region

    def actions(self) -> Mapping[str, Action]:
        resource, id = self._resource, ("DashboardId",)
        return {
            "CreateDashboard": Action(self._create, ("DashboardName",), resource),
            "ModifyDashboard": Action(self._modify, id, resource),
            "DescribeDashboards": Action(self._describe, (), resource),
            "DeleteDashboard": Action(self._delete, id, resource),
        }

    def _resource(self, params: Params) -> str:
        return self._dashboards.resource(self._region, params)

    def _create(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        self._dashboards.require_new_name(params["DashboardName"], _CONFLICT)
        row = self._dashboards.add({"Data": "", "Tags": [], **params})
        return {"DashboardId": row["DashboardId"]}

    def _modify(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        dashboard = self._dashboards.get(params)
        name = params.get("DashboardName", dashboard["DashboardName"])
        self._dashboards.require_new_name(name, _CONFLICT, besides=dashboard)
        self._dashboards.change(dashboard, params)
        return {}

    def _describe(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        filters = {
            "dashboardName": containing("DashboardName"),
            "dashboardId": equal("DashboardId"),
        }
        total, rows = self._dashboards.page(params, filters)
        shown = [{**row, "DashboardRegion": self._region} for row in rows]
        return {"TotalCount": total, "DashboardInfos": shown}

    def _delete(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        self._dashboards.remove(self._dashboards.get(params))
        return {}
