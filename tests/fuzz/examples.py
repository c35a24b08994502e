"""The number of examples per property, and whether they are random.

`make test` draws the same examples every time, so that only a change of the code can make it fail.
`HYPOTHESIS_PROFILE=deep python -m pytest tests/fuzz` draws twenty times as many, different ones
every time.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings

T = TypeVar("T", bound=Callable[..., None])

_DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
_SECONDS = 3600 if _DEEP else 600


def examples(number: int) -> Callable[[T], T]:
    """Run a property on this number of examples; each may process several pairs over HTTP."""

    def decorate(test: T) -> T:
        decorated: T = settings(
            max_examples=number * 20 if _DEEP else number,
            derandomize=not _DEEP,
            database=None,
            phases=(Phase.explicit, Phase.generate, Phase.shrink),
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )(test)
        marked: T = pytest.mark.timeout(_SECONDS)(decorated)
        return marked

    return decorate
