"""`python -m bench.sandbox_speed`: how many small COS requests per second the sandbox answers.

The sandbox runs in this process, the client in another. The SDK signs the requests beforehand; the
sandbox verifies every signature.
"""

from __future__ import annotations

import json
import os
import sys

from qcloud_cos import CosConfig, CosS3Client

from liveness_sandbox import Sandbox

from .environment import BENCH, BUCKET, run_process

BODY = "x" * 1024
TARGET_PER_SECOND = 1000
CONNECTIONS = 8
KEYS = 50
ROUNDS = 40
METHODS = ("PUT", "HEAD", "GET")
_CLIENT_SECONDS = 120


def measure(rounds: int = ROUNDS) -> float:
    """Return the requests per second. Raises RunFailed if a reply is not 200."""
    with Sandbox() as sandbox:
        bucket = sandbox.create_bucket(BUCKET)
        keys = [f"liveness/incoming/pair-{number}/live.bin" for number in range(KEYS)]
        for key in keys:
            bucket.put(key, BODY)
        requests = [_signed(sandbox, method, key) for key in keys for method in METHODS]
        plan = {
            "port": sandbox.port,
            "connections": CONNECTIONS,
            "rounds": rounds,
            "requests": requests,
        }
        client = [sys.executable, str(BENCH / "raw_client.py")]
        run = run_process(client, json.dumps(plan), os.environ, _CLIENT_SECONDS)
        return rounds * len(requests) / float(run.stdout)


def _signed(sandbox: Sandbox, method: str, key: str) -> str:
    keys = sandbox.credentials
    client = CosS3Client(
        CosConfig(
            Region=sandbox.region, SecretId=keys.secret_id, SecretKey=keys.secret_key, Scheme="http"
        )
    )
    host = f"{BUCKET}.cos.{sandbox.region}.myqcloud.com"
    body = BODY if method == "PUT" else ""
    lines = [
        f"{method} http://{host}/{key} HTTP/1.1",
        f"Host: {host}",
        "User-Agent: raw",
        "Accept: */*",
        f"Authorization: {client.get_auth(Method=method, Bucket=BUCKET, Key=key, Expired=3600)}",
        *([f"Content-Length: {len(body)}"] if body else []),
    ]
    return "\r\n".join(lines) + "\r\n\r\n" + body


def main() -> int:
    """Print the speed. A missed target is not an error: the machine may be busy."""
    load = os.getloadavg()[0]
    speed = measure()
    verdict = "met" if speed >= TARGET_PER_SECOND else "NOT MET"
    print(
        f"{speed:.0f} small COS requests per second (PUT, HEAD and GET of {len(BODY)} bytes, "
        f"{CONNECTIONS} connections, signatures verified); target {TARGET_PER_SECOND}: {verdict}\n"
        f"{os.cpu_count()} cores, load {load:.1f} before, Python {sys.version.split()[0]}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
