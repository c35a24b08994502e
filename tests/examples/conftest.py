"""The browser of these tests is the one of `tests/browser.py`."""

from tests.browser import chromium

__all__ = ["chromium"]
