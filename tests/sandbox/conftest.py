"""A sandbox for each test."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from qcloud_cos import CosS3Client

from liveness_sandbox import Bucket, DeployOptions, Function, Sandbox

from .clients import BUCKET, JPEG, Pair, cos_client


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        running.create_bucket(BUCKET)
        yield running


@pytest.fixture
def bucket(sandbox: Sandbox) -> Bucket:
    return sandbox.bucket(BUCKET)


@pytest.fixture
def cos(sandbox: Sandbox) -> CosS3Client:
    return cos_client(sandbox)


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[requests.Session]:
    """A plain HTTP client behind the proxy, for requests that the SDK never sends."""
    with requests.Session() as session:
        session.proxies = {"http": sandbox.url}
        session.trust_env = False
        yield session


@pytest.fixture
def pair(sandbox: Sandbox) -> Callable[..., Pair]:
    """`pair(frame="missing")` makes a package with a scenario, `pair()` an ordinary one."""

    def make(live: bytes | None = None, image: bytes = JPEG, **scenario: Any) -> Pair:
        if live is None:
            live = (
                json.dumps({"sandbox": True, **scenario}).encode()
                if scenario
                else b"\x00 a live person"
            )
        return Pair(sandbox, live, image)

    return make


@pytest.fixture
def deploy(sandbox: Sandbox, tmp_path: Path) -> Callable[..., Function]:
    """`deploy(source, **options)`: a function whose index.py is this source."""

    def deploy_source(source: str, name: str = "liveness", **options: Any) -> Function:
        code = tmp_path / name
        code.mkdir(exist_ok=True)
        (code / "index.py").write_text(textwrap.dedent(source))
        return sandbox.deploy(name, code, DeployOptions(**options))

    return deploy_source
