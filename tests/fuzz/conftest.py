"""One sandbox, one tampering proxy and one function per test file."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from liveness_sandbox import Sandbox
from tests.conftest import Cloud
from tests.fuzz.harness import Harness
from tests.fuzz.tampering import Proxy


@pytest.fixture(autouse=True)
def _collect_garbage() -> Iterator[None]:
    # The libraries leave connections with unreadable replies to the garbage collector.
    yield
    gc.collect()


@pytest.fixture(scope="module")
def harness() -> Iterator[Harness]:
    with pytest.MonkeyPatch.context() as patch, Sandbox(region="ap-singapore") as sandbox:
        sandbox.faceid.rate_limit = None
        patch.setattr("liveness_sandbox.faceid.service._UPLOAD_URLS_PER_SECOND", 10_000)
        proxy = Proxy(sandbox.port)
        with proxy.serving() as url:
            patch.setenv("http_proxy", url)
            patch.setenv("https_proxy", url)  # the proxy offers no tunnel
            patch.delenv("no_proxy", raising=False)
            yield Harness(Cloud(sandbox), proxy)
