"""Who is let in: everything that is not the browser which opened the first address is refused."""

from __future__ import annotations

import asyncio
import gc
import re
import socket
from pathlib import Path
from urllib.parse import urlencode

import pytest

from liveness_cli.environment import load_target
from liveness_review.index import ResultIndex
from liveness_review.page import ReviewServer
from tests.page.conftest import Answer, Judge, Reviewing, Start

PATHS = (
    "",
    "pair?id=p",
    "overview",
    "threshold",
    "waiting",
    "refresh",
    "static/review.css",
    "none",
)


@pytest.fixture
def page(start: Start) -> Reviewing:
    return start()


def path(page: Reviewing, below: str) -> str:
    return page.gate.folder + below


def test_without_the_cookie_nothing_is_answered(page: Reviewing) -> None:
    for below in [*PATHS, "picture/x/frame"]:
        answer = page.ask(path(page, below), signed_in=False)
        assert answer.status == 403
        assert "faces-" not in answer.text, "not even the bucket's name"
        wrong = {"Cookie": f"{page.gate.cookie}=guess"}
        assert page.ask(path(page, below), headers=wrong, signed_in=False).status == 403


def test_the_icon_that_a_browser_loads_is_the_pages_own(page: Reviewing) -> None:
    page.session()
    (address,) = re.findall(r'<link rel="icon" href="([^"]+)"', page.ask(path(page, "")).text)

    icon = page.ask(address)

    assert icon.status == 200
    assert icon.headers["content-type"].startswith("image/svg+xml")


def test_outside_the_folder_nothing_is_answered(page: Reviewing) -> None:
    page.session()
    assert page.ask("/").status == 404
    assert page.ask("/", signed_in=False).status == 403


def test_the_first_address_works_once(page: Reviewing) -> None:
    first = page.gate.first_address.removeprefix(page.gate.origin)
    assert page.ask(path(page, "open?token=guess"), signed_in=False).status == 403
    assert page.ask(path(page, "open"), signed_in=False).status == 403
    page.warnings.clear()
    opened = page.ask(first, signed_in=False)
    assert opened.status == 200
    again = page.ask(first, signed_in=False)
    assert again.status == 403
    assert "set-cookie" not in again.headers
    assert ["used again" in warning for warning in page.warnings] == [True]


def test_the_first_address_again_in_the_same_browser_leads_to_the_page(page: Reviewing) -> None:
    page.session()
    first = page.gate.first_address.removeprefix(page.gate.origin)
    answer = page.ask(first)
    assert (answer.status, answer.headers["location"]) == (303, page.gate.folder)
    assert page.warnings == []


def test_the_cookie_is_out_of_reach_of_scripts_other_sites_and_other_ports(page: Reviewing) -> None:
    first = page.gate.first_address.removeprefix(page.gate.origin)
    cookie = page.ask(first, signed_in=False).headers["set-cookie"]
    attributes = {part.strip() for part in cookie.split(";")[1:]}
    # Browsers send a cookie to every port of a host; only one who knows the folder gets this one.
    assert attributes == {"HttpOnly", "SameSite=Strict", f"Path={page.gate.folder}"}
    assert len(page.gate.folder) >= 12


def test_a_name_that_was_rebound_to_loopback_is_refused(page: Reviewing) -> None:
    port = page.gate.host.split(":")[1]
    names = ("evil.example", f"evil.example:{port}", f"localhost:{port}", "127.0.0.1")
    first = page.gate.first_address.removeprefix(page.gate.origin)
    for host in names:
        assert page.ask(first, headers={"Host": host}, signed_in=False).status == 421
    page.session()  # the token was not spent
    for host in names:
        assert page.ask(path(page, ""), headers={"Host": host}).status == 421
    assert page.ask(path(page, "")).status == 200


def test_a_page_elsewhere_cannot_load_anything(page: Reviewing) -> None:
    for site in ("cross-site", "same-site"):
        assert page.ask(path(page, ""), headers={"Sec-Fetch-Site": site}).status == 403


def test_other_methods_are_refused(page: Reviewing) -> None:
    for method in ("PUT", "DELETE", "OPTIONS", "PATCH"):
        assert page.ask(path(page, ""), method).status == 405


def decide(page: Reviewing, headers: dict[str, str], **changes: str) -> Answer:
    """Reject the pair p as the page's own form does, but for these changes."""
    view = page.ask(path(page, "pair?id=p")).text.split('name="view" value="')[1].split('"')[0]
    form = {
        "form_token": page.gate.form_token,
        "view": view,
        "choice": "reject/not-live",
        "note": "",
        **changes,
    }
    own = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Origin": page.gate.origin,
        "Sec-Fetch-Site": "same-origin",
    }
    given = {name: value for name, value in {**own, **headers}.items() if value}
    return page.ask(path(page, "decide"), "POST", urlencode(form), given)


FOREIGN: list[dict[str, str]] = [
    {"Origin": ""},
    {"Origin": "null"},
    {"Origin": "http://evil.example"},
    {"Origin": "http://127.0.0.1:1"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Content-Type": "text/plain"},
    {"Cookie": "liveness-review=guess"},
    {"Host": "evil.example"},
]


def test_a_form_from_elsewhere_stores_nothing(page: Reviewing, judge: Judge) -> None:
    judge("p")
    for headers in FOREIGN:
        assert decide(page, headers).status in (403, 421), headers
    for token in ("", "guess"):
        assert decide(page, {}, form_token=token).status == 403
    assert page.decisions("p") == []


def test_the_pages_own_form_is_accepted(page: Reviewing, judge: Judge) -> None:
    judge("p")
    assert decide(page, {}).status == 303
    assert [decision["decision"] for decision in page.decisions("p")] == ["reject"]


def test_a_form_that_is_too_large_is_refused(page: Reviewing, judge: Judge) -> None:
    judge("p")
    assert decide(page, {}, note="x" * 20_000).status == 413
    assert page.decisions("p") == []


def test_every_reply_forbids_what_the_page_does_not_need(page: Reviewing, judge: Judge) -> None:
    judge("p")
    replies = [page.ask(path(page, below)) for below in PATHS]
    replies += [page.ask(path(page, ""), signed_in=False), page.ask(path(page, ""), "PUT")]
    replies += [page.ask(page.gate.first_address.removeprefix(page.gate.origin))]
    for reply in replies:
        policy = dict(
            part.split(" ", 1) for part in reply.headers["content-security-policy"].split("; ")
        )
        assert policy["default-src"] == "'none'"
        assert policy["frame-ancestors"] == "'none'"
        sources = {source for name, value in policy.items() for source in value.split()}
        assert sources == {"'none'", "'self'"}
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["cross-origin-resource-policy"] == "same-origin"
        assert reply.headers["referrer-policy"] == "same-origin"


def test_no_page_holds_a_link_to_the_bucket_or_a_key(page: Reviewing, judge: Judge) -> None:
    judge("p")
    keys = page.cloud.sandbox.client_environment(identity="lin")
    for below in PATHS:
        answer = page.ask(path(page, below))
        assert answer.status in (200, 303, 404)
        text = answer.text
        assert "q-sign" not in text
        assert "myqcloud" not in text
        assert "://" not in text.replace(page.gate.origin, "")
        assert keys["TENCENTCLOUD_SECRETKEY"] not in text
        assert keys["TENCENTCLOUD_SECRETID"] not in text


def test_the_port_is_bound_on_loopback_only(page: Reviewing) -> None:
    port = int(page.gate.host.split(":")[1])
    with socket.socket() as other:
        # Would fail if the page listened on all addresses.
        other.bind(("127.0.0.2", port))


def test_a_connection_that_comes_while_the_page_ends_is_closed(
    page: Reviewing, tmp_path: Path
) -> None:
    index = ResultIndex(tmp_path / "other.sqlite3")
    server = ReviewServer(load_target(), index, 0, lambda warning: None)

    async def connect_and_end(client: socket.socket) -> None:
        ready = asyncio.Event()
        serving = asyncio.create_task(server.run(ready.set))
        await ready.wait()
        host, port = server.gate.host.split(":")
        client.connect((host, int(port)))
        await asyncio.sleep(0)  # asyncio accepts it, but does not serve it yet
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving

    with socket.socket() as client:
        asyncio.run(connect_and_end(client))
        gc.collect()  # a connection that is still open would warn here, which is an error
        assert client.recv(1) == b""
