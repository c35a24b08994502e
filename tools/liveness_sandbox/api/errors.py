"""Errors of API 3.0, which are codes in a normal HTTP reply."""

from __future__ import annotations

import json
import uuid

from ..wire import Reply


class ApiError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message

    def reply(self, request_id: str, status: int = 200) -> Reply:
        error = {"Code": self.code, "Message": self.message}
        body = json.dumps({"Response": {"Error": error, "RequestId": request_id}})
        return Reply(status, body.encode(), {"Content-Type": "application/json"})


def new_request_id() -> str:
    return str(uuid.uuid4())
