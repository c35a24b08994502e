"""A local stand-in for Tencent Cloud: COS, the face API and the function platform, on one port.

Written from the vendor's documents, and on purpose without a line of `liveness`: two readings of
one document check each other.
"""

from .cos.store import Bucket, StoredObject
from .credentials import Credentials
from .faceid.ledger import FaceCall
from .faults.fault import BadFault, Effect, Fault, Match
from .hooks import Delay, Drop, Hold
from .requestlog import LoggedRequest
from .runtime.function import Function
from .runtime.invocation import Invocation
from .runtime.status import Status
from .runtime.triggers import CosTrigger, TimerTrigger
from .sandbox import Sandbox
from .scenario_file import Scenario, load_scenario
from .serving import serve
from .wire import Reply

__all__ = [
    "BadFault",
    "Bucket",
    "CosTrigger",
    "Credentials",
    "Delay",
    "Drop",
    "Effect",
    "FaceCall",
    "Fault",
    "Function",
    "Hold",
    "Invocation",
    "LoggedRequest",
    "Match",
    "Reply",
    "Sandbox",
    "Scenario",
    "Status",
    "StoredObject",
    "TimerTrigger",
    "load_scenario",
    "serve",
]
