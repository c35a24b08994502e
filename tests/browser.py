"""A real Chromium for the tests of pages: one per module, and an empty profile per test.

Playwright keeps an event loop in the thread until it is stopped: no other test may run meanwhile.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# For a machine ten times slower than the one on which a step takes a few hundred milliseconds.
_TIMEOUT_MS = 30_000
WIDE = ViewportSize(width=1280, height=900)
NARROW = ViewportSize(width=360, height=740)


def chromium_path() -> str | None:
    """Return the installed browser; None if there is none."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = chromium_path()
    if path is None:
        message = "no Chromium is installed: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    # The sandbox is this process's proxy; the browser must reach the page without it.
    environment: dict[str, str | float | bool] = {
        name: text for name, text in os.environ.items() if "_proxy" not in name.lower()
    }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=list(_FLAGS), env=environment
        )
        yield browser
        browser.close()


@pytest.fixture
def problems() -> list[str]:
    """What scripts and the console report; a test that provokes some clears them."""
    return []


@pytest.fixture
def context(chromium: Browser, problems: list[str]) -> Iterator[BrowserContext]:
    """A profile without cookies, in English, whose pages must report no problem."""
    context = chromium.new_context(viewport=WIDE, locale="en-US")
    context.set_default_timeout(_TIMEOUT_MS)
    context.on("weberror", lambda error: problems.append(str(error.error)))
    context.on("console", lambda message: _note(problems, message.type, message.text))
    yield context
    context.close()
    assert problems == []


def _note(problems: list[str], kind: str, text: str) -> None:
    # A status that a test provokes is reported, too; it checks that itself.
    if kind == "error" and "Failed to load resource" not in text:
        problems.append(text)


@pytest.fixture
def tab(context: BrowserContext) -> Page:
    return context.new_page()
