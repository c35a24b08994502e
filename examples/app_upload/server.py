"""The page of the example app, and the two requests that it makes to the backend.

    python examples/app_upload/server.py --photo FILE

It serves this machine only. In a real app both requests belong behind the person's login, and the
photo is the one in that person's record.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(_HERE.parent))

from backend import Backend, decide  # noqa: E402

_FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript"),
    "/upload.js": ("upload.js", "text/javascript"),
    "/style.css": ("style.css", "text/css"),
    "/cos.js": ("node_modules/cos-js-sdk-v5/dist/cos-js-sdk-v5.min.js", "text/javascript"),
}
_PATIENCE_SECONDS = 60


def make_server(backend: Backend, photo: bytes, port: int) -> ThreadingHTTPServer:
    """Return a server for the one person in the photo; port 0 means any free one."""
    sessions: set[str] = set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path in _FILES:
                name, content_type = _FILES[self.path]
                self._reply(200, (_HERE / name).read_bytes(), content_type)
            elif (pair_id := self._session("/verdict")) is not None:
                result = backend.await_result(pair_id, _PATIENCE_SECONDS)
                hint = result["reason"]["hint"]["en"] if result else "We are still checking."
                self._json({"decision": decide(result) if result else "wait", "hint": hint})
            else:
                self._reply(404, b"", "text/plain")

        def do_POST(self) -> None:
            if self.headers.get("origin") not in origins:
                self._reply(403, b"", "text/plain")  # a request from another page
            elif self.path == "/sessions":
                session = backend.open_session(photo)
                sessions.add(session["pair_id"])
                self._json(session)
            elif (pair_id := self._session("/keys")) is not None:
                self._json(backend.issue_keys(pair_id))
            else:
                self._reply(404, b"", "text/plain")

        def _session(self, suffix: str) -> str | None:
            """Return the pair id in `/sessions/<pair id><suffix>`, if the session is known."""
            pair_id = self.path.removeprefix("/sessions/").removesuffix(suffix)
            return pair_id if self.path.endswith(suffix) and pair_id in sessions else None

        def _json(self, value: dict[str, Any]) -> None:
            self._reply(200, json.dumps(value).encode(), "application/json")

        def _reply(self, status: int, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("content-type", content_type)
            self.send_header("content-length", str(len(body)))
            self.send_header("cache-control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    origins = [f"http://{host}:{server.server_port}" for host in ("localhost", "127.0.0.1")]
    return server


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve the example app.")
    parser.add_argument("--photo", type=Path, required=True, help="the person's reference photo")
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args()
    if not (_HERE / _FILES["/cos.js"][0]).exists():
        sys.exit(
            "The vendor's SDK is missing: npm ci --prefix examples/app_upload --ignore-scripts"
        )
    server = make_server(Backend(os.environ), options.photo.read_bytes(), options.port)
    print(f"The app is at http://localhost:{server.server_port}/", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
