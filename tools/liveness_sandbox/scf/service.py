"""SCF's API (API 3.0, version 2018-04-16). The runtime follows what is set here."""

from __future__ import annotations

from ..api.fields import Models
from ..api.service import ActionService
from ..cam.roles import Roles
from ..clock import Clock
from ..cls.topics import Topics
from ..cos.store import Store
from ..credentials import KeyRing
from ..runtime.platform import Platform
from .functions import FunctionActions
from .invocations import InvocationActions
from .lookup import Lookup
from .settings import SettingActions
from .triggers import TriggerActions
from .versions import VersionActions

SERVICE = "scf"
API_VERSION = "2018-04-16"


class ScfService(ActionService):
    def __init__(
        self,
        platform: Platform,
        store: Store,
        roles: Roles,
        topics: Topics,
        keys: KeyRing,
        clock: Clock,
    ) -> None:
        lookup = Lookup(platform)
        actions = {
            **FunctionActions(platform, lookup, store, roles, topics).actions(),
            **VersionActions(platform, lookup, clock).actions(),
            **TriggerActions(platform, lookup, store, clock).actions(),
            **SettingActions(platform, lookup).actions(),
            **InvocationActions(lookup).actions(),
        }
        models = Models("scf.v20180416")
        super().__init__(SERVICE, API_VERSION, actions, models, keys, (platform.region,))
