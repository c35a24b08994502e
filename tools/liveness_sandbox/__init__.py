"""A local stand-in for Tencent Cloud: COS, the face API and the function platform, on one port.

Written from the vendor's documents, and on purpose without a line of `liveness`: two readings of
one document check each other.
"""

from .cos.store import Bucket, StoredObject
from .credentials import Credentials
from .faceid.ledger import FaceCall
from .hooks import Delay, Drop, Hold
from .requestlog import LoggedRequest
from .runtime.function import Function, Invocation
from .runtime.triggers import CosTrigger, TimerTrigger
from .sandbox import Sandbox
from .serving import serve
from .wire import Reply

__all__ = [
    "Bucket",
    "CosTrigger",
    "Credentials",
    "Delay",
    "Drop",
    "FaceCall",
    "Function",
    "Hold",
    "Invocation",
    "LoggedRequest",
    "Reply",
    "Sandbox",
    "StoredObject",
    "TimerTrigger",
    "serve",
]
