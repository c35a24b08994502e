"""Calls on the sandbox itself, JSON in and out: `http://127.0.0.1:PORT/_sandbox/...`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from .clock import Clock, iso_date
from .faceid.service import FaceIdService
from .faults.active import ActiveFault, Faults
from .faults.document import fault_document
from .faults.fault import InvalidFault
from .requestlog import RequestLog, RequestRecord
from .scenario_file import parse_scenario_file
from .wire import Reply, WireRequest

_PREFIX = "/_sandbox/"
_GREETING = Reply(200, b"liveness sandbox\n", {"Content-Type": "text/plain"})
# Whoever has these could fetch what was signed.
_SECRETS = ("q-signature", "x-cos-security-token")


class Admin:
    def __init__(
        self, faults: Faults, clock: Clock, requests: RequestLog, faceid: FaceIdService
    ) -> None:
        self.faults = faults
        self.clock = clock
        self.faceid = faceid
        self._requests = requests

    async def handle(self, request: WireRequest) -> Reply:
        if not request.path.startswith(_PREFIX):
            return _GREETING
        name, _, id = request.path.removeprefix(_PREFIX).partition("/")
        try:
            return self._call(request.method, name, id, await request.read())
        except InvalidFault as error:
            return _json(400, {"error": str(error)})

    def _call(self, method: str, name: str, id: str, body: bytes) -> Reply:
        match method, name, id:
            case "GET", "faults", "":
                return _json(200, [_fault(active) for active in self.faults.snapshot()])
            case "POST", "faults", "":
                given = _parsed(body)
                faults = given if isinstance(given, list) else [given]
                return _json(201, {"ids": parse_scenario_file({"faults": faults}).apply(self)})
            case "DELETE", "faults", "":
                self.faults.clear()
                return Reply(204)
            case "DELETE", "faults", _:
                self.faults.remove(id)
                return Reply(204)
            case "GET" | "POST", "clock", "":
                if method == "POST":
                    parse_scenario_file({"clock": _parsed(body)}).apply(self)
                return _json(200, {"now": iso_date(self.clock.now())})
            case "GET" | "POST", "faceid", "":
                if method == "POST":
                    parse_scenario_file({"faceid": _parsed(body)}).apply(self)
                return _json(200, self._faceid())
            case "GET", "requests", "":
                played = (each for each in self._requests.snapshot() if each.service != "admin")
                return _json(200, [_request(each) for each in played])
        raise InvalidFault(f"the sandbox has no call {method} {_PREFIX}{name}")

    def _faceid(self) -> dict[str, Any]:
        calls = self.faceid.calls
        return {
            "rate_limit": self.faceid.rate_limit,
            "limiter": self.faceid.limiter.algorithm,
            "billed": sum(call.billed for call in calls),
            "calls": [{**asdict(call), "at": iso_date(call.at)} for call in calls],
        }


def _fault(active: ActiveFault) -> dict[str, Any]:
    return {"id": active.id, "hits": active.hits, **fault_document(active.fault)}


def _request(logged: RequestRecord) -> dict[str, Any]:
    seconds = None if logged.ended is None else round(logged.ended - logged.started, 6)
    return {
        "service": logged.service,
        "method": logged.method,
        "host": logged.host,
        "bucket": logged.bucket,
        "key": logged.key,
        "query": {name: text for name, text in logged.query.items() if name not in _SECRETS},
        "action": logged.action,
        "user_agent": logged.user_agent,
        "status": logged.status,
        "error_code": logged.error_code,
        "bytes_in": logged.bytes_in,
        "bytes_out": logged.bytes_out,
        "seconds": seconds,
    }


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidFault("the body is no JSON") from None


def _json(status: int, document: Any) -> Reply:
    # A surrogate that a client sent for a byte that is no UTF-8 stays readable as an escape.
    body = json.dumps(document, indent=1).encode() + b"\n"
    return Reply(status, body, {"Content-Type": "application/json"})
