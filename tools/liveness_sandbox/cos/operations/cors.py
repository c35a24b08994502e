"""Cross-origin resource sharing: rules of a bucket (436/8279), preflight (436/8288), headers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from xml.etree import ElementTree

from ...cam.conditions import wildcard
from ...numerals import whole_number
from ...wire import Reply, WireRequest
from .. import request_body
from ..errors import CosError
from ..store import Bucket
from .operation import XML, Operation

MAX_RULES = 100
_METHODS = ("GET", "PUT", "POST", "HEAD", "DELETE")


class CorsOperations:
    async def get(self, operation: Operation) -> Reply:
        """GET Bucket cors (436/8274)."""
        if operation.bucket.cors is None:
            raise CosError(404, "NoSuchCORSConfiguration", "The CORS configuration does not exist")
        return Reply(200, operation.bucket.cors.encode(), XML)

    async def put(self, operation: Operation) -> Reply:
        """PUT Bucket cors (436/8279): replaces all rules."""
        tree = await request_body.read(operation.request, "CORSConfiguration")
        rules = tree.findall("CORSRule")
        if not 1 <= len(rules) <= MAX_RULES:
            raise request_body.malformed(f"There must be 1 to {MAX_RULES} rules")
        for rule in rules:
            _check(rule)
        operation.bucket.configure(cors=ElementTree.tostring(tree, encoding="unicode"))
        return Reply(200)

    async def delete(self, operation: Operation) -> Reply:
        """DELETE Bucket cors (436/8283)."""
        operation.bucket.configure(cors=None)
        return Reply(204)


def preflight(bucket: Bucket, request: WireRequest) -> Reply:
    """OPTIONS Object, which browsers send without a signature before the request itself."""
    origin = request.headers.get("origin", "")
    method = request.headers.get("access-control-request-method", "")
    if not origin or not method:
        raise CosError(400, "InvalidRequest", "Origin or Access-Control-Request-Method is missing")
    requested = request.headers.get("access-control-request-headers", "")
    names = [name.strip() for name in requested.split(",") if name.strip()]
    for rule in _rules(bucket.cors):
        if rule.permits(origin, method) and all(
            _matches(rule.allowed_headers, name) for name in names
        ):
            headers = rule.headers_for(origin)
            if names:
                headers["Access-Control-Allow-Headers"] = ",".join(names)
            if rule.max_age_seconds:
                headers["Access-Control-Max-Age"] = rule.max_age_seconds
            return Reply(200, headers=headers)
    raise CosError(403, "AccessForbidden", "CORSResponse: This CORS request is not allowed.")


def headers_for_page(bucket: Bucket, request: WireRequest) -> Mapping[str, str]:
    """Return the headers of the first rule that permits the origin and method, or none."""
    origin = request.headers["origin"]
    for rule in _rules(bucket.cors):
        if rule.permits(origin, request.method):
            return rule.headers_for(origin)
    return {}


@dataclass(frozen=True)
class _Rule:
    origins: Sequence[str]
    methods: Sequence[str]
    allowed_headers: Sequence[str]
    exposed_headers: Sequence[str]
    max_age_seconds: str
    varies: bool

    def permits(self, origin: str, method: str) -> bool:
        return method in self.methods and _matches(self.origins, origin)

    def headers_for(self, origin: str) -> dict[str, str]:
        headers = {
            "Access-Control-Allow-Origin": "*" if "*" in self.origins else origin,
            "Access-Control-Allow-Methods": ",".join(self.methods),
        }
        if self.exposed_headers:
            headers["Access-Control-Expose-Headers"] = ",".join(self.exposed_headers)
        if self.varies:
            headers["Vary"] = "Origin"
        return headers


@lru_cache(maxsize=16)
def _rules(stored: str | None) -> Sequence[_Rule]:
    if stored is None:
        return ()
    tree = ElementTree.fromstring(stored)
    varies = tree.findtext("ResponseVary") == "true"
    return [
        _Rule(
            _texts(rule, "AllowedOrigin"),
            _texts(rule, "AllowedMethod"),
            _texts(rule, "AllowedHeader"),
            _texts(rule, "ExposeHeader"),
            rule.findtext("MaxAgeSeconds", ""),
            varies,
        )
        for rule in tree.findall("CORSRule")
    ]


def _texts(rule: ElementTree.Element, name: str) -> list[str]:
    return [each.text or "" for each in rule.findall(name)]


def _matches(patterns: Sequence[str], value: str) -> bool:
    """Match case-insensitively, as hosts and header names do."""
    return any(wildcard(pattern.lower()).fullmatch(value.lower()) for pattern in patterns)


def _check(rule: ElementTree.Element) -> None:
    origins, methods = _texts(rule, "AllowedOrigin"), _texts(rule, "AllowedMethod")
    if not origins or not methods:
        raise request_body.malformed("A rule must have an AllowedOrigin and an AllowedMethod")
    if unknown := [method for method in methods if method not in _METHODS]:
        raise CosError(400, "InvalidArgument", f"{unknown[0]} is not an AllowedMethod")
    if wrong := [origin for origin in origins if origin.count("*") > 1]:
        raise CosError(400, "InvalidArgument", f"{wrong[0]}: an AllowedOrigin has at most one *")
    if whole_number(rule.findtext("MaxAgeSeconds", "0")) is None:
        raise CosError(400, "InvalidArgument", "MaxAgeSeconds must be an integer")
