"""The view of one pair: two faces, the verdict, the history, and the decision."""

from __future__ import annotations

import asyncio
from urllib.parse import unquote

from aiohttp import web

from liveness.keys import find_pair_id_problem
from liveness_cli.environment import Target
from liveness_cli.operator.sentences import say

from .content import PairContent, is_unchanged, read_content
from .decisions import (
    REASONS,
    Decision,
    clean_note,
    problem_of,
    store_review,
)
from .document import ResultDocument
from .identity import NoIdentity
from .rendering import now_utc
from .security import PICTURE_HEADERS
from .server import Page, Problem, Route
from .state import FRAME, REFERENCE, ListedPairs, View
from .texts import Texts


class PairViews:
    """The pair's page, its pictures, and the form."""

    def __init__(self, page: Page) -> None:
        self._page = page

    @property
    def routes(self) -> list[Route]:
        return [
            Route("GET", "pair", self.show),
            Route("GET", "picture/{view}/{name}", self.picture),
            Route("POST", "decide", self.decide),
        ]

    async def show(self, request: web.Request) -> web.Response:
        pair_id = self._pair_id(request.query.get("id", ""))
        listed = self._page.registry.listed(request.query.get("list", ""))
        done = self._done(request)
        return await self._show(request, pair_id, listed, done=done)

    async def picture(self, request: web.Request) -> web.Response:
        view = self._page.registry.view(request.match_info["view"])
        picture = view.take_picture(request.match_info["name"]) if view else None
        if picture is None:
            raise Problem(404, "error_not_found")
        return web.Response(
            body=picture.body, content_type=picture.kind.content_type, headers=PICTURE_HEADERS
        )

    async def decide(self, request: web.Request) -> web.Response:
        """Store a decision. If its subject was replaced, show the present state instead."""
        form = await request.post()
        values = {
            name: value if isinstance(value := form.get(name, ""), str) else ""
            for name in ("view", "choice", "note", "list", "pair")
        }
        listed = self._page.registry.listed(values["list"])
        view = self._page.registry.view(values["view"])
        if view is None:
            pair_id = self._pair_id(unquote(values["pair"]))  # a form would change line ends
            text = self._page.texts(request)("problem_view")
            return await self._show(request, pair_id, listed, problem=text, status=409)
        name, _, reason = values["choice"].partition("/")
        decision = Decision(name, reason, clean_note(values["note"]))
        async with view.lock:  # a form that is sent twice at once stores one decision
            refused = await self._store(request, view, decision, listed)
        if refused is not None:
            return refused
        if listed is not None:
            listed.mark_decided(view.pair_id)
        next_id = listed.next_undecided(view.pair_id) if listed else None
        raise web.HTTPSeeOther(
            self._page.address(
                "pair",
                id=next_id or view.pair_id,
                list=listed.id if listed else None,
                done=view.id,
            )
        )

    async def _store(
        self, request: web.Request, view: View, decision: Decision, listed: ListedPairs | None
    ) -> web.Response | None:
        """Store the decision once; return a page with the reason if it cannot be stored."""
        if view.stored is not None:
            return None
        target, shown, texts = self._page.target, view.shown, self._page.texts(request)
        key = "problem_replaced" if shown is None else problem_of(decision, shown)
        status = 422
        identity = await self._page.ask_identity()
        problem = texts(key) if key else ""
        if not problem and isinstance(identity, NoIdentity):
            reason = texts.reason(identity.reason)
            problem, status = texts("problem_identity", reason=reason), 502
        if (
            not problem
            and shown
            and not await asyncio.to_thread(is_unchanged, target, view.pair_id, shown)
        ):
            problem, status = texts("problem_replaced"), 409
        if problem or shown is None or isinstance(identity, NoIdentity):
            return await self._show(
                request, view.pair_id, listed, problem=problem, status=status, entered=decision
            )
        await asyncio.to_thread(
            store_review,
            target.store,
            target.settings,
            view.pair_id,
            decision,
            shown,
            identity,
            view.nonce,
        )
        view.stored = decision.decision
        self._page.registry.decided[view.pair_id] = (shown.fingerprint, decision.decision)
        self._page.results.refresh_soon()
        return None

    async def _show(
        self,
        request: web.Request,
        pair_id: str,
        listed: ListedPairs | None,
        *,
        done: str = "",
        problem: str = "",
        status: int = 200,
        entered: Decision | None = None,
    ) -> web.Response:
        content = await asyncio.to_thread(
            read_content, self._page.target, pair_id, self._page.texts(request).language
        )
        view = View(content)
        self._page.registry.add_view(view)
        previous_id, next_id = listed.neighbors(pair_id) if listed else (None, None)
        result = content.result if isinstance(content.result, ResultDocument) else None
        return self._page.render(
            request,
            "pair.html",
            status,
            tab="list",
            content=content,
            result=result,
            unreadable=content.result if result is None else None,
            pictures=_pictures(content),
            view=view,
            listed=listed,
            previous_id=previous_id,
            next_id=next_id,
            reasons=REASONS,
            entered=entered,
            done=done,
            problem=problem,
            is_disputed=_is_disputed(content),
            printed_at=now_utc(),
        )

    def _done(self, request: web.Request) -> str:
        view = self._page.registry.view(request.query.get("done", ""))
        if view is None or view.stored is None:
            return ""
        texts: Texts = self._page.texts(request)
        return texts("done", decision=texts(f"decided_{view.stored}"), pair=view.pair_id)

    def _pair_id(self, pair_id: str) -> str:
        return valid_pair_id(self._page.target, pair_id)


def valid_pair_id(target: Target, pair_id: str) -> str:
    """Return the pair id. Raises Problem if no pair can have it."""
    if found := find_pair_id_problem(target.settings, pair_id):
        problem, values = found
        raise Problem(400, "error_pair_id", problem=say(f"key-{problem.code}", **values))
    return pair_id


def _pictures(content: PairContent) -> list[tuple[str, object]]:
    return [(REFERENCE, content.reference), (FRAME, content.frame)]


def _is_disputed(content: PairContent) -> bool:
    """Return whether the decisions on what is shown differ."""
    shown = content.shown
    return (
        shown is not None
        and len({row.decision for row in content.decisions if row.fingerprint == shown.fingerprint})
        > 1
    )
