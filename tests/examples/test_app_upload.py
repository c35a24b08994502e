"""The example backend and its app's page, in a real browser, with enforced policies."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, Page, ProxySettings, Route, expect

from allow_origin import allow_origin
from backend import KEYS_SECONDS
from liveness_sandbox import Drop, RequestRecord
from tests.conftest import BUCKET, PACKAGE, ROOT, Cloud

from .deployment import FUNCTION, deploy

pytestmark = pytest.mark.browser

SDK = ROOT / "examples/app_upload/node_modules/cos-js-sdk-v5"
MEGABYTE = 1024 * 1024
FORGOTTEN_SESSION = """sessionStorage.setItem('liveness-session', JSON.stringify({
    pair_id: 'gone', bucket: 'faces-1250000000', region: 'ap-singapore',
    key: 'liveness/incoming/gone/live.bin', scheme: 'http',
}))"""
LARGE = b"\0" * (5 * MEGABYTE)  # three parts


class App(NamedTuple):
    """The page, open in a browser, and what is behind it."""

    page: Page
    cloud: Cloud

    def send(self, path: Path) -> None:
        self.page.set_input_files("#file", path)
        self.page.click("#send")

    def expect_decision(self, decision: str) -> None:
        expect(self.page.locator("#status")).to_have_attribute(
            "data-decision", decision, timeout=60_000
        )

    @property
    def packages(self) -> list[str]:
        return [
            key for key in self.cloud.bucket.keys("liveness/incoming/") if key.endswith("/live.bin")
        ]


@pytest.fixture
def page(cloud: Cloud, chromium: Browser, origin: str) -> Iterator[Page]:
    """The app's page, in a browser that reaches nothing but the sandbox and this machine."""
    if not SDK.exists():
        reason = "the vendor's JavaScript SDK is missing; `make test` installs it where npm is"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    proxy = ProxySettings(server=cloud.sandbox.url, bypass="localhost,127.0.0.1")
    with chromium.new_context(proxy=proxy) as context:
        page = context.new_page()
        page.goto(origin)
        yield page


@pytest.fixture
def app(cloud: Cloud, page: Page, origin: str) -> App:
    deploy(cloud, FUNCTION)
    owner = {**cloud.sandbox.client_environment(), "LIVENESS_BUCKET": BUCKET}
    allow_origin({**owner, "LIVENESS_ENDPOINT_SCHEME": "http"}, origin)
    return App(page, cloud)


@pytest.fixture
def package(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(content: bytes) -> Path:
        path = tmp_path / "recording.bin"
        path.write_bytes(content)
        return path

    return write


def test_a_person_is_checked(app: App, package: Callable[[bytes], Path]) -> None:
    app.send(package(PACKAGE))

    app.expect_decision("accept")
    expect(app.page.locator("#status")).to_have_text("Verification passed.")


def test_a_person_who_is_not_live_is_rejected(app: App, package: Callable[[bytes], Path]) -> None:
    app.send(package(b'{"sandbox": true, "code": "FailedOperation.LivessDetectFake"}'))

    app.expect_decision("reject")


def test_a_large_package_is_uploaded_in_parts(app: App, package: Callable[[bytes], Path]) -> None:
    app.send(package(LARGE))

    app.expect_decision("accept")
    (key,) = app.packages
    assert app.cloud.stored(key).body() == LARGE
    assert app.cloud.stored(key).etag.strip('"').endswith("-3")


def only_the_first_part_arrives(request: RequestRecord, phase: str) -> Drop | None:
    """A hook that cuts an upload off."""
    return Drop() if request.query.get("partNumber", "1") != "1" else None


def test_an_upload_goes_on_where_it_was_cut_off(app: App, package: Callable[[bytes], Path]) -> None:
    path = package(LARGE)
    app.cloud.sandbox.hooks.append(only_the_first_part_arrives)
    app.send(path)
    app.expect_decision("interrupted")

    app.cloud.sandbox.hooks.clear()
    app.page.reload()
    app.send(path)

    app.expect_decision("accept")
    arrived = [
        request.query["partNumber"]
        for request in app.cloud.sandbox.requests
        if request.method == "PUT" and "partNumber" in request.query and request.status == 200
    ]
    assert arrived == ["1", "2", "3"]
    (key,) = app.packages
    assert app.cloud.stored(key).body() == LARGE


def test_an_upload_goes_on_with_new_keys_where_the_first_ones_expired(
    app: App, package: Callable[[bytes], Path]
) -> None:
    path = package(LARGE)
    app.cloud.sandbox.hooks.append(only_the_first_part_arrives)
    app.send(path)
    app.expect_decision("interrupted")

    def as_by_the_browsers_clock(route: Route) -> None:
        reply = route.fetch()
        keys = reply.json()
        for name in ("StartTime", "ExpiredTime"):
            keys[name] -= int(app.cloud.advanced)
        route.fulfill(response=reply, json=keys)

    app.page.route("**/keys", as_by_the_browsers_clock)
    app.cloud.sandbox.hooks.clear()
    app.cloud.advance(KEYS_SECONDS + 1)
    app.send(path)

    app.expect_decision("accept")
    assert len(app.packages) == 1


def test_a_session_that_the_backend_has_forgotten_is_replaced(
    app: App, package: Callable[[bytes], Path]
) -> None:
    app.page.evaluate(FORGOTTEN_SESSION)
    app.send(package(PACKAGE))
    app.expect_decision("interrupted")

    app.send(package(PACKAGE))

    app.expect_decision("accept")


@pytest.mark.parametrize("content", [PACKAGE, LARGE], ids=["whole", "in parts"])
def test_an_upload_whose_reply_is_lost_counts(
    app: App, package: Callable[[bytes], Path], content: bytes
) -> None:
    """The next try meets the object of this one, and must neither overwrite it nor give up."""
    method = "PUT" if content == PACKAGE else "POST"
    lost: list[str] = []

    def lose_the_reply(request: RequestRecord, phase: str) -> Drop | None:
        final = request.key.endswith("/live.bin") and "uploads" not in request.query
        if phase == "after" and request.method == method and final and not lost:
            lost.append(request.key)
            return Drop()
        return None

    app.cloud.sandbox.hooks.append(lose_the_reply)
    app.send(package(content))

    app.expect_decision("accept")
    assert lost == app.packages


def test_without_the_rule_for_its_origin_the_page_cannot_upload(
    cloud: Cloud, page: Page, package: Callable[[bytes], Path]
) -> None:
    app = App(page, cloud)

    app.send(package(PACKAGE))

    app.expect_decision("interrupted")
    assert app.packages == []
