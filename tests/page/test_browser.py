"""The page in a real Chromium: by keyboard, in Chinese, narrow, dark, printed, and under attack."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from liveness.keys import SLOT_SECONDS, drain_slot_key
from liveness_sandbox import Reply
from tests.browser import NARROW, WIDE
from tests.conftest import JPEG, marker_body
from tests.page.conftest import Judge, Reviewing, Start
from tests.review.conftest import SETTINGS

pytestmark = pytest.mark.browser

VIEWS = ("", "waiting", "overview", "threshold")


@pytest.fixture
def page(start: Start, judge: Judge) -> Reviewing:
    """A page with results of several outcomes, a pair that waits, and a backlog."""
    judge("kyc-1", {"sim": 95})
    judge("kyc-2", {"sim": 71})
    judge("kyc-3", {"sim": 55})
    judge("kyc-4", {"code": "FailedOperation.ActionLightDark"})
    page = start()
    page.cloud.put("kyc-5", "reference.jpg", JPEG)
    page.cloud.put("kyc-6", "selfie.heic", b"not an input")
    page.cloud.bucket.put(
        f"liveness/ledger/pending/20200101T000000Z-{'0' * 64}-a", marker_body("q")
    )
    page.refresh()
    return page


def assert_accessible(tab: Page) -> None:
    """Fail for whatever axe calls serious or critical."""
    violations = Axe().run(tab).response["violations"]
    serious = [
        (item["id"], [node["html"] for node in item["nodes"]])
        for item in violations
        if item["impact"] in ("serious", "critical")
    ]
    assert serious == []


def assert_fits(tab: Page) -> None:
    """The page does not scroll sideways."""
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), tab.url


def assert_pictures_are_shown(tab: Page) -> None:
    pictures = tab.locator(".picture img")
    expect(pictures).to_have_count(2)
    assert pictures.evaluate_all("all => all.every(i => i.complete && i.naturalWidth > 0)")
    # Two faces can only be compared at the same size.
    boxes = [picture.bounding_box() for picture in pictures.all()]
    assert all(box and box["width"] > 100 for box in boxes)
    assert len({(round(box["width"]), round(box["height"])) for box in boxes if box}) == 1


def stored(page: Reviewing, *pair_ids: str) -> list[str]:
    return [d["decision"] for pair_id in pair_ids for d in page.decisions(pair_id)]


def test_a_reviewer_decides_by_keyboard_and_survives_a_reload(page: Reviewing, tab: Page) -> None:
    page.open(tab)
    tab.keyboard.press("j")
    expect(tab.locator("tr[data-row] a").nth(0)).to_be_focused()
    tab.keyboard.press("/")
    tab.keyboard.type("kyc-")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**q=kyc-**")
    expect(tab.locator("tr[data-row]")).to_have_count(4)
    tab.locator("tr[data-row] a", has_text="kyc-2").focus()
    tab.keyboard.press("Enter")
    tab.wait_for_load_state("networkidle")
    assert_pictures_are_shown(tab)
    tab.keyboard.press("z")
    expect(tab.locator("#pictures")).to_have_attribute("data-zoom", "2")
    tab.keyboard.press("r")
    tab.reload(wait_until="networkidle")
    assert stored(page, "kyc-2") == []
    tab.keyboard.press("a")
    tab.keyboard.press("Enter")
    expect(tab.locator(".notice.good")).to_have_text("Stored: Approved for kyc-2")
    assert stored(page, "kyc-2") == ["approve"]
    # The next one that nobody has decided on is open already.
    expect(tab.locator("h1")).to_have_text("kyc-1")
    tab.keyboard.press("4")
    tab.keyboard.press("m")
    tab.keyboard.type("A screen? n p u are letters here.")
    tab.keyboard.press("Enter")
    expect(tab.locator(".notice.good")).to_contain_text("kyc-1")
    (decision,) = page.decisions("kyc-1")
    assert decision["reason"] == {"code": "not-live", "note": "A screen? n p u are letters here."}
    tab.keyboard.press("u")
    tab.wait_for_url("**q=kyc-**")
    expect(tab.locator("tr[data-row] .decided")).to_have_count(2)
    tab.keyboard.press("?")
    expect(tab.locator("#keys")).to_be_visible()


def test_every_view_is_accessible_in_light_and_dark_and_fits(page: Reviewing, tab: Page) -> None:
    page.open(tab)
    for scheme, size in (("light", WIDE), ("dark", NARROW)):
        tab.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        tab.set_viewport_size(size)
        for view in (*VIEWS, "pair?id=kyc-2", "pair?id=kyc-5", "?least=101"):
            tab.goto(page.address(view))
            assert_accessible(tab)
            assert_fits(tab)


def test_chinese(page: Reviewing, tab: Page) -> None:
    page.open(tab)
    tab.get_by_role("link", name="中文").click()
    expect(tab.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(tab.get_by_role("navigation", name="视图")).to_contain_text("结果")
    for view in (*VIEWS, "pair?id=kyc-3"):
        tab.goto(page.address(view))  # the language is kept
        expect(tab.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(tab.locator(".status.rejected")).to_have_text("不通过")
    expect(tab.locator(".timeline")).to_contain_text("第 1 次尝试")
    expect(tab.get_by_text("不会再有处理：结果为最终结果。")).to_be_visible()
    tab.get_by_role("link", name="English").click()
    expect(tab.locator(".status.rejected")).to_have_text("Rejected")


def test_the_printed_pair_is_the_evidence_without_the_controls(page: Reviewing, tab: Page) -> None:
    page.open(tab, "pair", id="kyc-2")
    tab.wait_for_load_state("networkidle")
    tab.emulate_media(media="print")
    assert_pictures_are_shown(tab)
    for hidden in ("#decide", "header", "footer", "#print"):
        expect(tab.locator(hidden).first).to_be_hidden()
    expect(tab.locator(".evidence")).to_be_visible()
    expect(tab.locator(".printed")).to_contain_text("Printed")
    assert tab.pdf(prefer_css_page_size=True).startswith(b"%PDF")


def test_the_backlog_and_those_who_wait(page: Reviewing, tab: Page) -> None:
    page.open(tab, "overview")
    expect(tab.locator(".facts")).to_contain_text("nobody at the moment")
    owner = {"name": "liveness", "version": "$LATEST", "request_id": "drainer-1"}
    now = page.cloud.sandbox.clock.now().timestamp()
    for slot in range(60):  # of ten seconds each: the machine may be slow
        key = drain_slot_key(SETTINGS, now + slot * SLOT_SECONDS)
        page.cloud.bucket.put(key, json.dumps({"owner": owner}).encode())
    tab.reload()
    expect(tab.locator(".facts")).to_contain_text("Pairs parked")
    expect(tab.locator(".facts dd").nth(0)).to_have_text("1")
    expect(tab.locator(".facts")).to_contain_text("drainer-1")
    tab.goto(page.address("waiting"))
    expect(tab.locator("main")).to_contain_text("kyc-5")
    expect(tab.locator("main")).to_contain_text("selfie.heic")


def test_the_threshold_moves(page: Reviewing, tab: Page) -> None:
    page.open(tab, "threshold")
    tab.locator("#at").focus()
    expect(tab.locator("[data-cell=passing]")).to_have_text("2")
    before = tab.locator("#histogram .line").get_attribute("x1")
    for _ in range(5):
        tab.keyboard.press("ArrowRight")
    expect(tab.locator("#at-value")).to_have_text("75")
    expect(tab.locator("[data-cell=passing]")).to_have_text("1")
    expect(tab.locator("[data-cell=newly-failing]")).to_have_text("1")
    assert tab.locator("#histogram .line").get_attribute("x1") != before
    expect(tab.locator("[data-cell=fmr]")).to_have_text("no data")
    tab.locator("#newly-failing").click()
    expect(tab.locator("tr[data-row]")).to_have_count(1)
    expect(tab.locator("tr[data-row]")).to_contain_text("kyc-2")


def test_an_empty_bucket(start: Start, tab: Page) -> None:
    page = start()
    page.open(tab)
    expect(tab.locator("main")).to_contain_text("There is no result yet")
    for view in VIEWS:
        tab.goto(page.address(view))
        assert_accessible(tab)


def test_cos_fails_and_comes_back(page: Reviewing, tab: Page) -> None:
    page.open(tab)

    def fail(request: Any, phase: str) -> Reply | None:
        return Reply(503, b"", {}) if request.service == "cos" and phase == "before" else None

    page.cloud.sandbox.hooks.append(fail)
    tab.goto(page.address("pair", id="kyc-1"))
    expect(tab.get_by_role("alert")).to_contain_text("COS did not answer as expected")
    page.cloud.sandbox.hooks.remove(fail)
    tab.get_by_role("link", name="Try again").click()
    expect(tab.locator("h1")).to_have_text("kyc-1")


@contextmanager
def another_site(html: str) -> Iterator[str]:
    """Serve a page on another port of this machine, which browsers count as the same site."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.server.cookies.append(self.headers.get("Cookie"))  # type: ignore[attr-defined]
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *args: object) -> None:
            """Print nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.cookies = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        assert set(server.cookies) <= {None}, "the session's cookie went to another port"  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_another_page_in_the_same_browser_can_neither_post_nor_get_the_cookie(
    start: Start, judge: Judge, tab: Page, problems: list[str]
) -> None:
    judge("kyc-1")
    page = start()
    page.open(tab, "pair", id="kyc-1")
    assert page.cookie == "", "the browser must have got its cookie from the first address"
    view = tab.locator("input[name=view]").get_attribute("value")
    # The worst case: the other page knows the folder, the view and even the form's token.
    form = (
        f'<form method="post" action="{page.address("decide")}">'
        f'<input name="form_token" value="{page.gate.form_token}">'
        f'<input name="view" value="{view}"><input name="choice" value="reject/not-live"></form>'
        "<script>document.forms[0].submit()</script>"
    )
    with another_site(form) as address, tab.context.expect_page():
        other = tab.context.new_page()
        with other.expect_response("**/decide") as sent:
            other.goto(address, wait_until="commit")
        assert sent.value.status == 403
    assert stored(page, "kyc-1") == []
    embedding = f'<iframe src="{page.address()}"></iframe><img src="{page.address()}">'
    with another_site(embedding) as address:
        other.goto(address)
        assert other.frames[1].locator("tr[data-row]").count() == 0
    assert any("frame-ancestors" in problem for problem in problems), problems
    problems.clear()


def test_a_pair_id_full_of_html_runs_nothing(
    start: Start, judge: Judge, tab: Page, problems: list[str]
) -> None:
    pair_id = '"><img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
    judge(pair_id, {"code": "FailedOperation.Unheard", "description": pair_id})
    page = start()
    page.open(tab)
    tab.get_by_role("link", name=pair_id).click()
    expect(tab.locator("h1")).to_have_text(pair_id)
    assert tab.evaluate("window.hacked") is None
    assert problems == []
    # Even if something were injected, the policy would not run it.
    tab.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"hacked=1\">')"
    )
    tab.wait_for_load_state("networkidle")
    assert tab.evaluate("window.hacked") is None
    assert ["Content Security Policy" in problem for problem in problems] == [True]
    problems.clear()
