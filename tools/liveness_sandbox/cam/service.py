"""The part of CAM that manages roles and policies (API 3.0, version 2019-01-16)."""

from __future__ import annotations

from ..api.fields import Models
from ..api.service import ActionService
from ..credentials import KeyRing
from .policy_actions import PolicyActions
from .role_actions import RoleActions
from .roles import Roles

SERVICE = "cam"
VERSION = "2019-01-16"


class CamService(ActionService):
    def __init__(self, roles: Roles, keys: KeyRing) -> None:
        actions = {**RoleActions(roles).actions(), **PolicyActions(roles).actions()}
        super().__init__(SERVICE, VERSION, actions, Models("cam.v20190116"), keys)
