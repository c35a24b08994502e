"""A local file of results, brought up to date over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from liveness.cloud.clients import CloudClients
from liveness.cloud.credentials import Credentials
from liveness.cloud.system import SystemRandom, ThreadConcurrency
from liveness.settings import read_settings
from liveness.store import RetryingStore
from liveness_review.index import ResultIndex
from liveness_review.inputs import refresh_inputs
from liveness_review.refresh import refresh
from liveness_review.rows import RefreshSummary
from tests.clocks import SleeplessClock
from tests.conftest import BUCKET, Cloud

SETTINGS = read_settings(
    {
        "TENCENTCLOUD_REGION": "ap-singapore",
        "LIVENESS_BUCKET": BUCKET,
        "LIVENESS_ENDPOINT_SCHEME": "http",
        "http_proxy": "http://127.0.0.1:1",  # as of a sandbox; each test has its own
    }
)
Refresh = Callable[[], RefreshSummary]


@pytest.fixture
def index(tmp_path: Path) -> ResultIndex:
    return ResultIndex(tmp_path / "liveness/results.sqlite3")


@pytest.fixture
def store(cloud: Cloud) -> RetryingStore:
    """The operator's access to the bucket: the real SDK, with retries that do not wait."""
    clock = SleeplessClock()
    keys = cloud.sandbox.credentials
    clients = CloudClients(clock, ThreadConcurrency())
    credentials = Credentials(keys.secret_id, keys.secret_key, None)
    return RetryingStore(clients.connect(SETTINGS, credentials).store, clock, SystemRandom())


@pytest.fixture
def read_results(index: ResultIndex, store: RetryingStore) -> Refresh:
    """Bring the file up to date."""
    return lambda: refresh(index, SETTINGS, store)


@pytest.fixture
def read_inputs(index: ResultIndex, store: RetryingStore) -> Callable[[], None]:
    """List the inputs into the file."""
    return lambda: refresh_inputs(index, SETTINGS, store)
