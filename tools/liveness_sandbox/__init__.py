"""A local emulator of Tencent Cloud: COS, the face API, the function platform and CAM, on one port.

It is written from the vendor's documents, and deliberately imports nothing of `liveness`: two
independent readings of the same documents check each other.
"""

from .cos.store import Bucket, StoredObject
from .credentials import Credentials
from .faceid.ledger import FaceCall
from .faults.fault import Fault, FaultAction, InvalidFault, Match
from .hooks import Delay, Drop, Pause
from .requestlog import RequestRecord
from .runtime.deployment import DeployOptions
from .runtime.function import Function
from .runtime.invocation import Invocation
from .runtime.quota import ReservationTooLarge
from .runtime.status import Status
from .runtime.triggers import CosTrigger, TimerTrigger
from .sandbox import Sandbox
from .scenario_file import ScenarioFile, load_scenario
from .serving import FunctionRole, RegionMismatch, serve
from .wire import Reply

__all__ = [
    "Bucket",
    "CosTrigger",
    "Credentials",
    "Delay",
    "DeployOptions",
    "Drop",
    "FaceCall",
    "Fault",
    "FaultAction",
    "Function",
    "FunctionRole",
    "InvalidFault",
    "Invocation",
    "Match",
    "Pause",
    "RegionMismatch",
    "Reply",
    "RequestRecord",
    "ReservationTooLarge",
    "Sandbox",
    "ScenarioFile",
    "Status",
    "StoredObject",
    "TimerTrigger",
    "load_scenario",
    "serve",
]
