"""A client so light that the server is what is measured: its requests are prepared bytes.

It reads a JSON plan from stdin and prints how many seconds all requests took.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import deque
from typing import Any


class Connection(asyncio.Protocol):
    """Sends requests one after another, each when the previous reply is complete."""

    def __init__(self, requests: deque[tuple[bytes, bool]]) -> None:
        self._requests = requests
        self._received = b""
        self._missing = -1
        self._is_head = False
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        if self._missing < 0:
            self._received += data
            head, end, body = self._received.partition(b"\r\n\r\n")
            if not end:
                return
            if not head.startswith(b"HTTP/1.1 200 "):
                self._fail(head.partition(b"\r\n")[0].decode())
                return
            length = head.lower().partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0]
            self._missing = 0 if self._is_head else int(length) - len(body)
        else:
            self._missing -= len(data)
        if self._missing == 0:
            self._send()

    def connection_lost(self, error: Exception | None) -> None:
        self._fail("the connection was closed")

    def _send(self) -> None:
        self._received, self._missing = b"", -1
        if self._requests:
            request, self._is_head = self._requests.popleft()
            self._transport.write(request)
        elif not self.done.done():
            self.done.set_result(None)
            self._transport.close()

    def _fail(self, reason: str) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionError(reason))


async def run(plan: dict[str, Any]) -> float:
    requests = deque(
        (request.encode(), request.startswith("HEAD "))
        for _ in range(plan["rounds"])
        for request in plan["requests"]
    )
    began = time.perf_counter()
    loop = asyncio.get_running_loop()
    connections = [
        (await loop.create_connection(lambda: Connection(requests), "127.0.0.1", plan["port"]))[1]
        for _ in range(plan["connections"])
    ]
    await asyncio.gather(*(connection.done for connection in connections))
    return time.perf_counter() - began


if __name__ == "__main__":
    print(asyncio.run(run(json.load(sys.stdin))))
