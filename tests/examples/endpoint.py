"""A customer's endpoint: it verifies webhooks, and holds the newest verdict on each pair."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from receiver import Held, is_new, newest, read_webhook


class Endpoint:
    """Answers 204, unless `answers` has another status for the next requests; None hangs up."""

    def __init__(self, secret: str) -> None:
        self.answers: list[int | None] = []
        self.received: list[Held] = []
        """What every request said, those included that were not accepted."""
        self.acted_on: list[Held] = []
        """The verdicts that were accepted and new."""
        self.message_ids: list[str] = []
        self.authorizations: list[str] = []
        """The `Authorization` headers that came: no request needs one."""
        self._held: dict[str, Held] = {}
        self._lock = threading.Lock()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                if "authorization" in headers:
                    endpoint.authorizations.append(headers["authorization"])
                status = endpoint._take(secret, headers, body)
                if status is None:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhooks"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _take(self, secret: str, headers: dict[str, str], body: bytes) -> int | None:
        received = read_webhook(secret, headers, body, time.time())
        with self._lock:
            self.received.append(received)
            self.message_ids.append(headers["webhook-id"])
            status = self.answers.pop(0) if self.answers else 204
            if status is not None and status < 300:
                held = self._held.get(received.pair_id)
                if is_new(held, received):
                    self.acted_on.append(received)
                self._held[received.pair_id] = newest(held, received)
        return status
