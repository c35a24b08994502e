"""`make screenshots`: the pictures of the page in the documents, from the demo."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Literal

import click
from PIL import Image, ImageOps
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from liveness_cli.console import progress
from liveness_cli.environment import load_target
from liveness_review.index import ResultIndex
from liveness_review.page import ReviewServer, running

from .people import IMPOSTOR_PASSED
from .world import REVIEWERS, demo_world

_FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_WIDTH = 1120
_SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
_BITS = 6  # of each color: half the size, and no visible difference


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def main(folder: Path) -> None:
    """Write list, pair and threshold, light and dark, as PNG files into FOLDER."""
    chromium = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if chromium is None:
        raise click.ClickException("no Chromium is installed: apt-get install chromium")
    folder.mkdir(parents=True, exist_ok=True)
    with (
        progress() as update,
        tempfile.TemporaryDirectory() as cache,
        demo_world(lambda done, total: update("people", done, total)) as world,
    ):
        os.environ.update(world.environment_of(REVIEWERS[0]))
        index = ResultIndex(Path(cache) / "results.sqlite3")
        server = ReviewServer(
            load_target(announce=False), index, 0, lambda text: click.echo(text, err=True)
        )
        server.results.read()
        with running(server), sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=list(_FLAGS))
            _take(browser, server, folder)
            browser.close()


def _take(browser: Browser, server: ReviewServer, folder: Path) -> None:
    tab = browser.new_context(locale="en-US").new_page()
    tab.goto(server.gate.first_address)
    page = server.gate.origin + server.gate.folder
    tab.wait_for_url(page)
    for scheme in _SCHEMES:
        tab.emulate_media(color_scheme=scheme)
        tab.goto(page)
        _save(tab, folder / f"review-list-{scheme}.png", 640)
        # Another person, and passed: what a reviewer is for.
        tab.goto(f"{page}?status=passed&least={IMPOSTOR_PASSED}&most={IMPOSTOR_PASSED}")
        tab.locator("tr[data-row] a").click()
        tab.wait_for_load_state("networkidle")
        tab.keyboard.press("r")
        _save(tab, folder / f"review-pair-{scheme}.png", 790)
        tab.goto(f"{page}threshold?at=75")
        _save(tab, folder / f"review-threshold-{scheme}.png", 1000)


def _save(tab: Page, path: Path, height: int) -> None:
    tab.set_viewport_size(ViewportSize(width=_WIDTH, height=height))
    tab.mouse.move(0, 0)
    tab.screenshot(path=path)
    with Image.open(path) as picture:
        reduced = ImageOps.posterize(picture.convert("RGB"), _BITS)
    reduced.save(path, optimize=True)
    click.echo(f"{path}: {path.stat().st_size // 1024} kB")


main()
