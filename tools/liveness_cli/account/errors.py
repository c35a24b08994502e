"""How a request about the account can fail. Texts are ours and the service's code: a library's
own text may quote a URL, and a service's what it was given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class AccountError(Exception):
    """One of the two; the text says what was asked for, and why it was not had."""


class Refused(AccountError):
    """The service said no."""

    def __init__(self, asked: str, code: str) -> None:
        super().__init__(f"{asked}: {code}")
        self.code = code


class Unreachable(AccountError):
    """Nothing that can be understood came back; what was to be changed may be changed, or not."""


@contextmanager
def understanding(asked: str) -> Iterator[None]:
    """Around the reading of an answer: one of another shape is as good as none."""
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError):
        raise Unreachable(f"{asked}: the answer cannot be understood") from None
