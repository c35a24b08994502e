"""What a customer's backend has, and a browser: the one of `tests/browser.py`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from backend import Backend
from liveness_cli.main import main
from liveness_cli.permissions.roles import policy_of
from server import make_server
from tests.browser import chromium
from tests.conftest import BUCKET, JPEG, Cloud

from .deployment import SETTINGS

__all__ = ["chromium"]


@pytest.fixture
def environ(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What a customer's backend has: the keys of two sub-accounts, and a printed policy."""
    keys = {
        "BACKEND": cloud.sandbox.put_user(
            "backend", {role: policy_of(role, SETTINGS) for role in ("backend", "reader")}
        ),
        "APP": cloud.sandbox.put_user("app", {"app": policy_of("app", SETTINGS)}),
    }
    settings = {"LIVENESS_BUCKET": BUCKET, "TENCENTCLOUD_REGION": cloud.sandbox.region}
    command = ["policies", "--role", "app", "--pair", "PAIR_ID"]
    printed = CliRunner().invoke(main, command, env=settings)
    policy = tmp_path / "app-policy.json"
    policy.write_text(printed.stdout)
    return {
        **settings,
        "LIVENESS_ENDPOINT_SCHEME": "http",
        "APP_POLICY_FILE": str(policy),
        **{f"{name}_SECRET_ID": key.secret_id for name, key in keys.items()},
        **{f"{name}_SECRET_KEY": key.secret_key for name, key in keys.items()},
    }


@pytest.fixture
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home folder with a password for every host."""
    (tmp_path / ".netrc").write_text("default login mallory password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)


@pytest.fixture
def origin(environ: dict[str, str]) -> Iterator[str]:
    """The address of the app's own server."""
    server = make_server(Backend(environ), JPEG, 0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
