"""Every attack has an installation of its own, with the policies enforced."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import Cloud

from .cast import Cast


@pytest.fixture
def cast(cloud: Cloud) -> Iterator[Cast]:
    cast = Cast(cloud)
    yield cast
    cast.close()
