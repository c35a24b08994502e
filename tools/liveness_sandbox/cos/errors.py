"""Errors of COS, and their XML (436/7730)."""

from __future__ import annotations

from ..wire import Reply
from .identifiers import Identifiers
from .markup import document, element


class CosError(Exception):
    def __init__(self, status: int, code: str, message: str, **details: str) -> None:
        """`details`: further elements of the XML, by their names."""
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.details = details

    def reply(self, method: str, resource: str, identifiers: Identifiers) -> Reply:
        """Build the reply; `resource` is the host and path of the request."""
        if method == "HEAD":
            # A reply to HEAD has no body, only a status; the SDK can handle that.
            return Reply(self.status, headers=identifiers.headers())
        body = document(
            element(
                "Error",
                element("Code", self.code),
                element("Message", self.message),
                *(element(name, text) for name, text in self.details.items()),
                element("Resource", resource),
                element("RequestId", identifiers.request_id),
                element("TraceId", identifiers.trace_id),
            )
        )
        return Reply(
            self.status, body, {"Content-Type": "application/xml", **identifiers.headers()}
        )
