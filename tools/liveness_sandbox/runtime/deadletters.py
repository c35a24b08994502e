"""Dead letters: events that the platform gave up on, in the format of its queue (583/39704)."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from ..account import UIN
from .deployment import Deployment
from .environment import NAMESPACE
from .status import Status

_ZONE = timezone(timedelta(hours=8))
_FUNCTION_ERROR = -1


def dead_letter(
    deployment: Deployment,
    qualifier: str,
    source: str,
    request_id: str,
    event: Any,
    retries: int,
    reason: tuple[Status, str],
    moment: datetime,
) -> dict[str, Any]:
    status, message = reason
    over_quota = status is Status.OVER_QUOTA
    return {
        "RequestId": request_id,
        "ErrorCode": int(status) if over_quota else _FUNCTION_ERROR,
        "ErrorMessage": message,
        "Body": {
            "AppId": int(deployment.appid),
            "Uin": UIN,
            "SubAccountUin": UIN,
            "RequestSource": source,
            "FunctionName": deployment.name,
            "Namespace": NAMESPACE,
            "Qualifier": qualifier,
            "InvocationType": "Event",
            "ClientContext": json.dumps(event),
            "LogType": "",
            "TimeStampForInvoker": str(int(moment.timestamp() * 1000)),
            "RequestId": request_id,
            "PushTime": moment.astimezone(_ZONE).isoformat(),
            "RetryNum": retries,
            "Ttl": 0,
        },
    }


def write(letter: dict[str, Any], folder: Path) -> None:
    """Write the letter atomically: a reader of the folder never sees half of one."""
    path = folder / f"{letter['RequestId']}.json"
    draft = path.with_suffix(".draft")
    # The event contains its uploader's signature.
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        json.dump(letter, stream, indent=1)
    os.replace(draft, path)
