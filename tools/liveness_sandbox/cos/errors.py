"""Errors of COS, and the XML they are told in."""

from __future__ import annotations

from .markup import document, element


class CosError(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message

    def body(self, resource: str, request_id: str) -> bytes:
        return document(
            element(
                "Error",
                element("Code", self.code),
                element("Message", self.message),
                element("Resource", resource),
                element("RequestId", request_id),
                element("TraceId", request_id),
            )
        )
