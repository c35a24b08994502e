"""Who may access the page: one browser, by a one-time address and then a cookie. Pure.

Any program on this machine can connect to a loopback port, and any page in the reviewer's browser
can send requests to it. These keep them out: a random path below which everything is, a cookie that
is sent only below that path (cookies are not separated by port), the Host header (DNS rebinding),
Sec-Fetch-Site, and for a POST also the Origin and a token in the form.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from typing import NamedTuple

LOOPBACK = "127.0.0.1"
_TOKEN_BYTES = 32
_FOLDER_BYTES = 9

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
# A picture runs and loads nothing, even if a browser takes it for a document.
_PICTURE_POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'"
# Not no-referrer: with it browsers send `Origin: null` for the page's own forms.
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": _POLICY,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
PICTURE_HEADERS: Mapping[str, str] = {**HEADERS, "Content-Security-Policy": _PICTURE_POLICY}


class Refusal(NamedTuple):
    """Why a request is not answered, in words for the person who sees it."""

    status: int
    reason: str


class Gate:
    """The secrets of one run of the page, and the checks of every request against them."""

    cookie = "liveness-review"

    def __init__(self, port: int) -> None:
        self.host = f"{LOOPBACK}:{port}"
        self.origin = f"http://{self.host}"
        self.folder = f"/{secrets.token_urlsafe(_FOLDER_BYTES)}/"
        self._opening: str | None = secrets.token_urlsafe(_TOKEN_BYTES)
        self._session = secrets.token_urlsafe(_TOKEN_BYTES)
        self.form_token = secrets.token_urlsafe(_TOKEN_BYTES)
        self.first_address = f"{self.origin}{self.folder}open?token={self._opening}"

    def open(self, token: str) -> str | None:
        """Exchange the first address's token for the cookie's value; None after the first time."""
        if self._opening is None or not _equal(token, self._opening):
            return None
        self._opening = None
        return self._session

    def holds_session(self, cookie: str | None) -> bool:
        """Return whether this is the session's cookie value."""
        return cookie is not None and _equal(cookie, self._session)

    def refuse_opening(self, headers: Mapping[str, str]) -> Refusal | None:
        """Check a request for the first address, which may come from anywhere."""
        return self._refuse_host(headers)

    def refuse_read(self, headers: Mapping[str, str], cookie: str | None) -> Refusal | None:
        """Check a GET; None if it may be answered."""
        if refusal := self._refuse_host(headers):
            return refusal
        # `none`: typed by the reviewer. A page elsewhere, on another port too, gets nothing.
        if headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            return Refusal(403, "This request comes from another page.")
        if not self.holds_session(cookie):
            return Refusal(
                403,
                "This browser is not the one that opened the page. Open the address that "
                "`liveness review` printed; it works once. Start the command again for a new one.",
            )
        return None

    def refuse_write(
        self, headers: Mapping[str, str], cookie: str | None, form_token: str
    ) -> Refusal | None:
        """Check a POST; None if it may be carried out."""
        if refusal := self.refuse_read(headers, cookie):
            return refusal
        if headers.get("Origin") != self.origin:
            return Refusal(403, "This form was not sent by the page itself.")
        if headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            return Refusal(403, "This form was not sent by the page itself.")
        if not _equal(form_token, self.form_token):
            return Refusal(403, "This form is not from this run of the page: load it again.")
        return None

    def _refuse_host(self, headers: Mapping[str, str]) -> Refusal | None:
        if headers.get("Host") != self.host:
            return Refusal(421, f"This address is not the page's: use {self.origin}.")
        return None


def _equal(given: str, expected: str) -> bool:
    """Compare in constant time; the given text may be anything."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())
