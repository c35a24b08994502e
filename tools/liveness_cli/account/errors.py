"""How a request to the account can fail.

The texts contain our own words and the service's code only: a library's text may quote a URL, and
a service's text may quote its input.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import meaning_of_code


class AccountError(Exception):
    """A request did not succeed; str() names the request and the reason."""


class RequestRefused(AccountError):
    """The service answered with an error code."""

    def __init__(self, request: str, code: str, meaning: str = "") -> None:
        meaning = meaning or meaning_of_code(code)
        super().__init__(f"{request}: {code}" + (f": {meaning}" if meaning else ""))
        self.request = request
        self.code = code


class RequestFailed(AccountError):
    """No intelligible reply arrived; a change may or may not have taken effect."""


@contextmanager
def parsing_reply(request: str) -> Iterator[None]:
    """Turn the errors of parsing a malformed reply into RequestFailed."""
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError):
        raise RequestFailed(f"{request}: the reply cannot be parsed") from None
