"""A headless Chromium, Debian's, driven by Playwright; it reaches no network but a sandbox."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, BrowserContext, ProxySettings, sync_playwright

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium; where the machine has none, skip the test, or fail it in CI."""
    path = shutil.which("chromium")
    if path is None:
        reason = "Chromium is needed for the tests of pages: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def context_behind(browser: Browser, sandbox_url: str) -> BrowserContext:
    """Open a new profile whose requests go to a sandbox, except for those to this machine."""
    proxy = ProxySettings(server=sandbox_url, bypass="localhost,127.0.0.1")
    return browser.new_context(proxy=proxy)
