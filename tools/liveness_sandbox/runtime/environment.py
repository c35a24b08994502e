"""What a worker finds in its environment and in the context of an invocation, as documented."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..credentials import Credentials

UIN = "100000000001"
NAMESPACE = "default"
VERSION = "$LATEST"


@dataclass(frozen=True)
class Deployment:
    """What was deployed; the platform knows no more of a function than this."""

    name: str
    code: Path
    handler: str
    dependencies: Sequence[Path] | None
    """Further folders to import from; None: what is installed for `python`."""
    environment: Mapping[str, str]
    timeout_s: float
    memory_mb: int
    region: str
    appid: str
    python: str
    proxy_url: str
    role: str | None = None


def worker_environment(deployment: Deployment, credentials: Credentials) -> dict[str, str]:
    """Nothing of the machine's own environment but PATH: a function must not lean on it."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "x",
        "http_proxy": deployment.proxy_url,
        "TENCENTCLOUD_RUNENV": "SCF",
        "TENCENTCLOUD_REGION": deployment.region,
        "TENCENTCLOUD_APPID": deployment.appid,
        "TENCENTCLOUD_UIN": UIN,
        "TENCENTCLOUD_SECRETID": credentials.secret_id,
        "TENCENTCLOUD_SECRETKEY": credentials.secret_key,
        "TENCENTCLOUD_SESSIONTOKEN": credentials.token or "",
        "SCF_FUNCTIONNAME": deployment.name,
        "SCF_FUNCTIONVERSION": VERSION,
        "SCF_NAMESPACE": NAMESPACE,
        "USER_CODE_ROOT": f"{deployment.code}/",
        **deployment.environment,
    }


def context(deployment: Deployment, request_id: str) -> dict[str, Any]:
    own = {"SCF_NAMESPACE": NAMESPACE, **deployment.environment}
    return {
        "request_id": request_id,
        "function_name": deployment.name,
        "function_version": VERSION,
        "namespace": NAMESPACE,
        "memory_limit_in_mb": deployment.memory_mb,
        "time_limit_in_ms": int(deployment.timeout_s * 1000),
        "tencentcloud_region": deployment.region,
        "tencentcloud_appid": deployment.appid,
        "tencentcloud_uin": UIN,
        "environment": json.dumps(own),
        "environ": ";".join(f"{name}={value}" for name, value in own.items()),
    }
