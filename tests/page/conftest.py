"""The review page on a sandbox, with the keys and the policy of a reviewer."""

from __future__ import annotations

import http.client
import io
import json
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest
from PIL import Image
from playwright.sync_api import Page

from liveness_cli.environment import load_target
from liveness_cli.permissions.language import Policy
from liveness_cli.permissions.roles import policy_of
from liveness_review.index import ResultIndex
from liveness_review.page import ReviewServer, running
from tests.browser import chromium, context, problems, tab
from tests.conftest import BUCKET, REVIEW_SCHEMA, Cloud

__all__ = ["chromium", "context", "problems", "tab"]

RESULTS = "liveness/results/"


class Answer(NamedTuple):
    """A reply to plain HTTP."""

    status: int
    headers: Mapping[str, str]
    text: str
    body: bytes


class Reviewing:
    """One run of the page, as its reviewer's browser and everybody else's programs see it."""

    def __init__(self, cloud: Cloud, server: ReviewServer, warnings: list[str]) -> None:
        self.cloud = cloud
        self.server = server
        self.gate = server.gate
        self.warnings = warnings
        self.cookie = ""

    def address(self, path: str = "", **parameters: str) -> str:
        query = f"?{urlencode(parameters)}" if parameters else ""
        return f"{self.gate.origin}{self.gate.folder}{path}{query}"

    def open(self, tab: Page, path: str = "", **parameters: str) -> None:
        """Open a view, the first time by the first address."""
        if self.cookie:  # the first address was used by `ask`
            cookie: Any = dict(
                name=self.gate.cookie,
                value=self.cookie,
                domain="127.0.0.1",
                path=self.gate.folder,
                httpOnly=True,
                sameSite="Strict",
            )
            tab.context.add_cookies([cookie])
            tab.goto(self.address())
        elif not tab.context.cookies():
            tab.goto(self.gate.first_address)
            tab.wait_for_url(self.address())
        if path or parameters:
            tab.goto(self.address(path, **parameters))

    def ask(
        self,
        path: str,
        method: str = "GET",
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        signed_in: bool = True,
    ) -> Answer:
        """Send a request as a program does, with exactly these headers beside Host and cookie."""
        given = {"Host": self.gate.host}
        if signed_in:
            given["Cookie"] = f"{self.gate.cookie}={self.session()}"
        given |= headers or {}
        connection = http.client.HTTPConnection("127.0.0.1", int(self.gate.host.split(":")[1]))
        connection.request(method, path, body, given)
        reply = connection.getresponse()
        content = reply.read()
        connection.close()
        names = {name.lower(): value for name, value in reply.getheaders()}
        return Answer(reply.status, names, content.decode("utf-8", "replace"), content)

    def session(self) -> str:
        """Return the cookie's value, from the first address if it was not used yet."""
        if not self.cookie:
            path = self.gate.first_address.removeprefix(self.gate.origin)
            answer = self.ask(path, signed_in=False)
            self.cookie = answer.headers["set-cookie"].split("=", 1)[1].split(";")[0]
        return self.cookie

    def refresh(self) -> None:
        """Read what is new: the first request may only have waited for an earlier refresh."""
        for _ in range(2):
            assert self.ask(f"{self.gate.folder}refresh").status == 303
        assert self.server.results.failure == ""

    def decisions(self, pair_id: str) -> list[dict[str, Any]]:
        """Return the stored decisions on a pair, each checked against its schema."""
        prefix = f"{RESULTS}{pair_id}/review-"
        values = [
            json.loads(self.cloud.stored(key).body()) for key in self.cloud.bucket.keys(prefix)
        ]
        for value in values:
            REVIEW_SCHEMA.validate(value)
        return values


Start = Callable[..., Reviewing]
Judge = Callable[..., dict[str, Any]]


@pytest.fixture
def start(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """`start("lin")`: run the page with the keys of the reviewer of this name.

    `without` names an action or a part of a resource: statements with it are left out.
    """
    # Some tests make COS fail; nobody waits for its retries.
    monkeypatch.setattr("liveness.cloud.system.SystemClock.sleep", lambda self, seconds: None)
    with ExitStack() as stack:

        def begin(reviewer: str = "lin", without: str = "") -> Reviewing:
            settings = {"LIVENESS_BUCKET": BUCKET, "LIVENESS_ENDPOINT_SCHEME": "http"}
            for name, value in {**cloud.sandbox.client_environment(), **settings}.items():
                monkeypatch.setenv(name, value)
            policy = policy_of("reviewer", load_target().settings)
            cloud.sandbox.put_user(reviewer, {"reviewer": _reduced(policy, without)})
            for name, value in cloud.sandbox.client_environment(identity=reviewer).items():
                monkeypatch.setenv(name, value)
            warnings: list[str] = []
            server = ReviewServer(
                load_target(), ResultIndex(tmp_path / f"{reviewer}.sqlite3"), 0, warnings.append
            )
            server.results.read()
            stack.enter_context(running(server))
            return Reviewing(cloud, server, warnings)

        yield begin


def _reduced(policy: Policy, without: str) -> Policy:
    kept = [each for each in policy["statement"] if not without or without not in str(each)]
    return {**policy, "statement": kept}


@pytest.fixture
def judge(cloud: Cloud) -> Callable[..., dict[str, Any]]:
    """`judge("p1", {"sim": 75})`: upload a pair, have it judged, and return its result."""
    instance = cloud.instance()

    def judge_pair(pair_id: str, answer: dict[str, Any] | None = None) -> dict[str, Any]:
        cloud.put_pair(pair_id, {} if answer is None else answer)
        instance.walk(pair_id)
        result = cloud.result(pair_id)
        assert result is not None
        return result

    return judge_pair


def picture(kind: str = "PNG", seed: int = 1) -> bytes:
    """Draw a small picture of noise."""
    output = io.BytesIO()
    noise = bytes(random.Random(seed).randrange(256) for _ in range(32 * 40))
    Image.frombytes("L", (32, 40), noise).save(output, kind)
    return output.getvalue()
