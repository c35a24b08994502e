"""The environment of a worker and the context of an invocation, as documented."""

from __future__ import annotations

import json
import os
from typing import Any

from ..account import UIN
from ..credentials import Credentials
from .deployment import Deployment

NAMESPACE = "default"


def worker_environment(deployment: Deployment, credentials: Credentials | None) -> dict[str, str]:
    """Build a worker's environment. Of this machine's environment it inherits only PATH."""
    keys = {}
    if credentials is not None:
        keys = {
            "TENCENTCLOUD_SECRETID": credentials.secret_id,
            "TENCENTCLOUD_SECRETKEY": credentials.secret_key,
            "TENCENTCLOUD_SESSIONTOKEN": credentials.token or "",
        }
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "x",
        "http_proxy": deployment.proxy_url,
        "NETRC": os.devnull,  # an instance has no ~/.netrc with passwords, unlike this machine
        "TENCENTCLOUD_RUNENV": "SCF",
        "TENCENTCLOUD_REGION": deployment.region,
        "TENCENTCLOUD_APPID": deployment.appid,
        "TENCENTCLOUD_UIN": UIN,
        **keys,
        "SCF_FUNCTIONNAME": deployment.name,
        "SCF_FUNCTIONVERSION": deployment.version,
        "SCF_NAMESPACE": NAMESPACE,
        "USER_CODE_ROOT": f"{deployment.code}/",
        **deployment.options.environment,
    }


def context(deployment: Deployment, request_id: str) -> dict[str, Any]:
    variables = {"SCF_NAMESPACE": NAMESPACE, **deployment.options.environment}
    return {
        "request_id": request_id,
        "function_name": deployment.name,
        "function_version": deployment.version,
        "namespace": NAMESPACE,
        "memory_limit_in_mb": deployment.options.memory_mb,
        "time_limit_in_ms": int(deployment.options.timeout_seconds * 1000),
        "tencentcloud_region": deployment.region,
        "tencentcloud_appid": deployment.appid,
        "tencentcloud_uin": UIN,
        "environment": json.dumps(variables),
        "environ": ";".join(f"{name}={value}" for name, value in variables.items()),
    }
