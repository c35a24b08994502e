"""The sandbox's own API, in JSON: `http://127.0.0.1:PORT/_sandbox/...`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, Protocol

from .cam.identities import Identities
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
# These parameters would let a reader of the log repeat the signed request.
_SECRETS = ("q-signature", "x-cos-security-token")


class Account(Protocol):
    """The account whose users and roles can be changed."""

    @property
    def identities(self) -> list[str]: ...

    def put_identities(self, identities: Identities) -> None: ...

    def client_environment(self, identity: str | None = None) -> dict[str, str]: ...


class Admin:
    def __init__(
        self,
        faults: Faults,
        clock: Clock,
        requests: RequestLog,
        faceid: FaceIdService,
        account: Account,
    ) -> None:
        self.faults = faults
        self.clock = clock
        self.faceid = faceid
        self._requests = requests
        self._account = account

    def put_identities(self, identities: Identities) -> None:
        self._account.put_identities(identities)

    async def handle(self, request: WireRequest) -> Reply:
        if not request.path.startswith(_PREFIX):
            return _GREETING
        # Browsers also send Sec-Fetch-Site without an Origin, for example when they load images.
        site = request.headers.get("sec-fetch-site", "none")
        if "origin" in request.headers or site != "none":
            return _json(403, {"error": "web pages cannot control the sandbox"})
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
                document = _parsed(body)
                faults = document if isinstance(document, list) else [document]
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
                return _json(200, self._face_api())
            case "GET" | "POST", "cam", "":
                if method == "POST":
                    parse_scenario_file({"cam": _parsed(body)}).apply(self)
                return _json(200, {"identities": self._account.identities})
            case "GET", "environment", "":
                return _json(200, self._account.client_environment())
            case "GET", "environment", _ if id in self._account.identities:
                return _json(200, self._account.client_environment(id))
            case "GET", "environment", _:
                return _json(404, {"error": f"there is no user or role {id}"})
            case "GET", "requests", "":
                records = self._requests.snapshot()
                return _json(200, [_request(each) for each in records if each.service != "admin"])
        raise InvalidFault(f"the sandbox does not implement {method} {_PREFIX}{name}")

    def _face_api(self) -> dict[str, Any]:
        calls = self.faceid.calls
        return {
            "rate_limit": self.faceid.rate_limit,
            "limiter": self.faceid.limiter.algorithm,
            "billed": sum(call.billed for call in calls),
            "calls": [{**asdict(call), "at": iso_date(call.at)} for call in calls],
        }


def _fault(active: ActiveFault) -> dict[str, Any]:
    return {"id": active.id, "hits": active.hits, **fault_document(active.fault)}


def _request(record: RequestRecord) -> dict[str, Any]:
    seconds = None if record.ended is None else round(record.ended - record.started, 6)
    return {
        "service": record.service,
        "method": record.method,
        "host": record.host,
        "bucket": record.bucket,
        "key": record.key,
        "query": {name: text for name, text in record.query.items() if name not in _SECRETS},
        "action": record.action,
        "user_agent": record.user_agent,
        "status": record.status,
        "error_code": record.error_code,
        "bytes_in": record.bytes_in,
        "bytes_out": record.bytes_out,
        "seconds": seconds,
    }


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidFault("the body is not valid JSON") from None


def _json(status: int, document: Any) -> Reply:
    # Surrogates stand for bytes of a request that are not UTF-8; escaping keeps them readable.
    body = json.dumps(document, indent=1).encode() + b"\n"
    return Reply(status, body, {"Content-Type": "application/json"})
