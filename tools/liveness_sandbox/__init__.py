"""A local emulator of Tencent Cloud: COS, the face API, functions, CAM and STS, on one port.

It is written from the vendor's documents, and deliberately imports nothing of `liveness`: two
independent readings of the same documents check each other.
"""

from .cam.identities import Identities, RoleDocument, parse_identities
from .cam.invalid_policy import InvalidPolicy
from .cos.store import Bucket, StoredObject
from .credentials import Credentials
from .data import DataError
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
from .serving import RegionMismatch, serve
from .wire import Reply

__all__ = [
    "Bucket",
    "CosTrigger",
    "Credentials",
    "DataError",
    "Delay",
    "DeployOptions",
    "Drop",
    "FaceCall",
    "Fault",
    "FaultAction",
    "Function",
    "Identities",
    "InvalidFault",
    "InvalidPolicy",
    "Invocation",
    "Match",
    "Pause",
    "RegionMismatch",
    "Reply",
    "RequestRecord",
    "ReservationTooLarge",
    "RoleDocument",
    "Sandbox",
    "ScenarioFile",
    "Status",
    "StoredObject",
    "TimerTrigger",
    "load_scenario",
    "parse_identities",
    "serve",
]
