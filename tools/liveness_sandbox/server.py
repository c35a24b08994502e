"""The HTTP server: logs, hooks, dispatches and answers requests for all hosts on one port."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import time
from collections.abc import Iterator, Mapping
from typing import Protocol

from aiohttp import web

from .admin import Account, Admin
from .api.service import ActionService
from .api.signature import claimed_secret_id
from .blobs import BlobSlice
from .clock import Clock, http_date
from .cos.errors import CosError
from .cos.identifiers import Identifiers
from .cos.service import CosService
from .cos.signature import claim_in
from .faceid.service import FaceIdService
from .faults.active import Faults
from .hooks import Drop, Hook, Outcome, run_hooks
from .hosts import (
    ControlHost,
    CosHost,
    CosServiceHost,
    FaceIdHost,
    Host,
    LocalHost,
    UnknownHost,
    host_of,
)
from .requestlog import RequestLog, RequestRecord
from .wire import MalformedTarget, Reply, WireRequest

# An encoded key has up to 2,550 bytes; a session token, a prefix and a marker may be added to it.
_MAX_LINE_BYTES = 64 * 1024
_SHUTDOWN_SECONDS = 0.5

_log = logging.getLogger(__name__)
_SERVICES = {
    CosHost: "cos",
    CosServiceHost: "cos",
    FaceIdHost: "faceid",
    LocalHost: "admin",
    UnknownHost: "unknown",
}
_API_HOSTS = (ControlHost, FaceIdHost)


class Settings(Account, Protocol):
    """What a test may change while the server runs."""

    hooks: list[Hook]
    faults: Faults
    cos_latency_seconds: float


class Server:
    def __init__(
        self,
        cos: CosService,
        faceid: FaceIdService,
        control: Mapping[str, ActionService],
        requests: RequestLog,
        settings: Settings,
        clock: Clock,
    ) -> None:
        self._cos = cos
        self._faceid = faceid
        self._control = control
        self._requests = requests
        self._settings = settings
        self._clock = clock
        self._admin = Admin(settings.faults, clock, requests, faceid, settings)
        self._runner: web.ServerRunner | None = None
        self._connections: web.Server | None = None
        self._listening: socket.socket | None = None

    async def start(self, port: int) -> int:
        """Listen on the loopback address, and return the port."""
        server = web.Server(
            self._handle,
            max_line_size=_MAX_LINE_BYTES,
            max_field_size=_MAX_LINE_BYTES,
            auto_decompress=False,
            access_log=None,
        )
        self._connections = server
        self._runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_SECONDS)
        await self._runner.setup()
        self._listening = socket.create_server(("127.0.0.1", port), backlog=1024)
        await web.SockSite(self._runner, self._listening, backlog=1024).start()
        bound_port: int = self._listening.getsockname()[1]
        return bound_port

    async def stop(self) -> None:
        """Stop listening, and end every connection."""
        if self._runner is None or self._connections is None or self._listening is None:
            return
        # asyncio leaks a connection whose server closes while it is being accepted, and aiohttp
        # does not end one that is not waiting for a request yet.
        asyncio.get_running_loop().remove_reader(self._listening)
        for _ in range(2):
            await asyncio.sleep(0)
        transports = [each.transport for each in self._connections.connections]
        await self._runner.cleanup()
        # A connection with an unsent reply would close only when its client has read the reply, or
        # never, because the loop ends first.
        for transport in transports:
            if transport is not None:
                transport.abort()
        await asyncio.sleep(0)  # they close now

    async def _handle(self, connection: web.BaseRequest) -> web.StreamResponse:
        _acknowledge_at_once(connection)
        if connection.method == "CONNECT":
            # The reason phrase is what clients show when a tunnel is refused.
            return web.Response(status=501, reason="The sandbox does not support TLS: use http")
        try:
            request = WireRequest(connection)
        except MalformedTarget as error:
            refusal = CosError(400, "InvalidURI", "The request target is not UTF-8")
            reply = refusal.reply(connection.method, str(error), Identifiers())
            return web.Response(status=reply.status, body=reply.body, headers=reply.headers)
        host = host_of(request.host)
        entry = _log_entry(request, host)
        self._requests.add(entry)
        try:
            outcome = await self._outcome(request, host, entry)
            if isinstance(outcome, Drop):
                # Receive the body first: a client that is still sending could miss the reset, and
                # see an end without a reply instead.
                await request.discard()
            # Before the reply is sent: a client that has it may inspect the log immediately.
            entry.bytes_in = request.bytes_in
            entry.ended = time.monotonic()
            if isinstance(outcome, Drop):
                return _end(connection, outcome)
            return await self._send(outcome, connection, entry)
        except ConnectionError:
            if connection.transport is not None:
                raise
            _log.debug("the client disconnected in the middle of its request")
            return web.Response()
        finally:
            entry.bytes_in = request.bytes_in
            entry.ended = time.monotonic()

    async def _outcome(self, request: WireRequest, host: Host, entry: RequestRecord) -> Outcome:
        if entry.service == "cos" and self._settings.cos_latency_seconds:
            await asyncio.sleep(self._settings.cos_latency_seconds)
        outcome = await run_hooks(self._hooks(), entry, "before")
        if outcome is None:
            outcome = await self._dispatch(request, host)
            entry.error_code = request.error_code
            if isinstance(outcome, Reply):
                entry.status = outcome.status
                outcome = await run_hooks(self._hooks(), entry, "after") or outcome
        entry.status = outcome.status if isinstance(outcome, Reply) else None
        return outcome

    def _hooks(self) -> list[Hook]:
        return [*self._settings.hooks, *self._settings.faults.hooks]

    async def _dispatch(self, request: WireRequest, host: Host) -> Outcome:
        if isinstance(host, (CosHost, CosServiceHost)):
            return await self._cos.handle(request, host)
        if isinstance(host, FaceIdHost):
            return await self._faceid.handle(request)
        if isinstance(host, ControlHost):
            return await self._control[host.service].handle(request)
        if isinstance(host, LocalHost):
            return await self._admin.handle(request)
        return Reply(
            502, b"the sandbox does not emulate this host\n", {"Content-Type": "text/plain"}
        )

    async def _send(
        self, reply: Reply, connection: web.BaseRequest, entry: RequestRecord
    ) -> web.StreamResponse:
        headers = {"Date": http_date(self._clock.now()), **reply.headers}
        response = web.StreamResponse(status=reply.status, headers=headers)
        length = reply.body.length if isinstance(reply.body, BlobSlice) else len(reply.body)
        if reply.status not in (204, 304):
            response.content_length = length
        try:
            await response.prepare(connection)
            if connection.method != "HEAD":
                for chunk in _chunks(reply.body):
                    entry.bytes_out += len(chunk)
                    await response.write(chunk)
            await response.write_eof()
        except ConnectionError:
            _log.debug("the client disconnected before the end of the reply")
        return response


def _log_entry(request: WireRequest, host: Host) -> RequestRecord:
    auth_location, claim = claim_in(request)
    secret_id = claim.get("q-ak", "")
    if isinstance(host, _API_HOSTS):
        secret_id = claimed_secret_id(request.headers.get("authorization", ""))
    return RequestRecord(
        service=host.service if isinstance(host, ControlHost) else _SERVICES[type(host)],
        method=request.method,
        host=request.host,
        bucket=host.bucket if isinstance(host, CosHost) else "",
        key=request.path[1:],
        query=request.query,
        headers=request.headers,
        action=request.headers.get("x-tc-action", ""),
        auth=auth_location,
        principal=secret_id,
        user_agent=request.headers.get("user-agent", ""),
        started=time.monotonic(),
    )


def _chunks(body: bytes | BlobSlice) -> Iterator[bytes]:
    return iter([body]) if isinstance(body, bytes) else body.chunks()


def _acknowledge_at_once(connection: web.BaseRequest) -> None:
    """Spare a proxied client the 40 ms that a delayed ACK costs.

    urllib3 leaves Nagle's algorithm enabled when it talks to a proxy, so it sends a body only after
    the headers are acknowledged. When it talks to the cloud directly it does not wait.
    """
    transport = connection.transport
    sock = transport.get_extra_info("socket") if transport is not None else None
    if sock is not None and hasattr(socket, "TCP_QUICKACK"):  # Linux
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def _end(connection: web.BaseRequest, drop: Drop) -> web.StreamResponse:
    """End the connection without a reply: what is returned here is never sent."""
    transport = connection.transport
    if transport is not None:
        sock = transport.get_extra_info("socket")
        if drop.reset and sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response()
