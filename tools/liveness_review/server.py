"""The page's server: aiohttp on loopback, for one browser. `security` decides who is admitted."""

from __future__ import annotations

import asyncio
import socket
import traceback
from collections.abc import Awaitable, Callable, Iterable, Mapping
from importlib.resources import files
from typing import Any, NamedTuple
from urllib.parse import urlencode

from aiohttp import web

from liveness.errors import LivenessError
from liveness_cli.environment import Target
from liveness_cli.errors import reason_of_error
from liveness_cli.operator.sentences import Sentence, render
from liveness_cli.texts import CHINESE, ENGLISH, LANGUAGES

from .identity import NoIdentity, Reviewer, ask_identity
from .refreshing import Results
from .rendering import make_environment
from .security import HEADERS, LOOPBACK, Gate, Refusal
from .state import Registry
from .texts import TEXTS, Texts, preferred

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
# A form has a few hundred bytes; a note at most 500 characters.
_MAX_FORM_BYTES = 16 * 1024
_STATIC = {
    "icon.svg": "image/svg+xml",
    "review.css": "text/css",
    "review.js": "text/javascript",
}


class Problem(Exception):
    """A request that cannot be answered as asked: a status, and the key of a text with values."""

    def __init__(self, status: int, key: str, **values: str | Sentence) -> None:
        super().__init__(key)
        self.status = status
        self.key = key
        self._values = values

    def values_in(self, texts: Texts) -> dict[str, str]:
        """Return the values under the names in the text; a value may be the key of a text."""
        return {
            name: render(value, texts.language)
            if isinstance(value, Sentence)
            else texts(value)
            if value in TEXTS
            else value
            for name, value in self._values.items()
        }


class Page:
    """One run of the page: the state that the views share."""

    def __init__(
        self, target: Target, results: Results, gate: Gate, warn: Callable[[str], None]
    ) -> None:
        self.target = target
        self.results = results
        self.gate = gate
        self.registry = Registry()
        self.identity: Reviewer | NoIdentity = NoIdentity("")
        self._warn = warn
        self._environment = make_environment()
        self._static = {
            name: (files("liveness_review") / "static" / name).read_bytes() for name in _STATIC
        }

    async def ask_identity(self) -> Reviewer | NoIdentity:
        """Return who we are; STS is asked until it has answered once."""
        if isinstance(self.identity, NoIdentity):
            self.identity = await asyncio.to_thread(ask_identity, self.target)
        return self.identity

    def texts(self, request: web.Request) -> Texts:
        chosen = request.query.get("lang")
        if chosen in LANGUAGES and request.method == "GET":
            self.registry.language = chosen
        language = self.registry.language or preferred(request.headers.get("Accept-Language", ""))
        return Texts(language)

    def address(self, path: str = "", **parameters: object) -> str:
        """Return a path of this page with its parameters."""
        given = {name: value for name, value in parameters.items() if value not in (None, "")}
        return self.gate.folder + path + (f"?{urlencode(given)}" if given else "")

    def render(
        self, request: web.Request, template: str, status: int = 200, **values: Any
    ) -> web.Response:
        """Render a template with what every page needs."""
        texts = self.texts(request)
        other = ENGLISH if texts.language == CHINESE else CHINESE
        language_query = {**request.query, "lang": other} if request.method == "GET" else {}
        path = request.path if request.method == "GET" else self.gate.folder
        body = self._environment.get_template(template).render(
            t=texts,
            address=self.address,
            identity=self.identity,
            has_identity=isinstance(self.identity, Reviewer),
            form_token=self.gate.form_token,
            settings=self.target.settings,
            other_language=f"{path}?{urlencode(language_query or {'lang': other})}",
            tab=values.pop("tab", ""),
            **values,
        )
        return html(body, status)

    async def open(self, request: web.Request) -> web.Response:
        """Exchange the one-time token for the cookie."""
        if refusal := self.gate.refuse_opening(request.headers):
            return self._refuse(request, refusal)
        if self.gate.holds_session(request.cookies.get(self.gate.cookie)):
            raise web.HTTPSeeOther(self.gate.folder)
        session = self.gate.open(request.query.get("token", ""))
        if session is None:
            self._warn(
                "The first address was used again, from a browser that is not signed in. If that "
                "was not you, end this command: another user of this machine may be at the page."
            )
            return self._refuse(
                request,
                Refusal(
                    403,
                    "This address works once, and was used already, or is not complete. Start "
                    "`liveness review` again. If nobody but you can have used it, there is "
                    "nothing to worry about.",
                ),
            )
        # A page instead of a redirect: with SameSite=Strict the cookie would not be sent after a
        # redirect that another site started.
        template = self._environment.get_template("opened.html")
        response = html(template.render(t=_browsers_texts(request)), 200)
        response.headers["Refresh"] = f"0; url={self.gate.folder}"
        response.set_cookie(
            self.gate.cookie, session, path=self.gate.folder, httponly=True, samesite="Strict"
        )
        return response

    async def static(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in _STATIC:
            raise Problem(404, "error_not_found")
        return web.Response(
            body=self._static[name], content_type=_STATIC[name], charset="utf-8", headers=HEADERS
        )

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let only the session's browser in, and turn errors into pages."""
        try:
            if request.path != f"{self.gate.folder}open" or request.method != "GET":
                cookie = request.cookies.get(self.gate.cookie)
                if request.method in ("GET", "HEAD"):
                    refusal = self.gate.refuse_read(request.headers, cookie)
                elif request.method == "POST":
                    # Before the body is read: a stranger may send anything.
                    refusal = self.gate.refuse_read(request.headers, cookie)
                    refusal = refusal or self.gate.refuse_write(
                        request.headers, cookie, await _form_token(request)
                    )
                else:
                    refusal = Refusal(405, "Only GET and POST are answered.")
                if refusal:
                    return self._refuse(request, refusal)
            return await handler(request)
        except web.HTTPRedirection as redirect:
            redirect.headers.update(HEADERS)
            raise
        except web.HTTPException as error:
            key = "error_not_found" if error.status == 404 else "error_unexpected"
            return self._error(request, error.status, key, {})
        except Problem as problem:
            values = problem.values_in(self.texts(request))
            return self._error(request, problem.status, problem.key, values)
        except LivenessError as error:
            reason = self.texts(request).reason(reason_of_error(error))
            return self._error(request, 502, "error_store", {"reason": reason})
        except Exception:
            self._warn(traceback.format_exc())
            return self._error(request, 500, "error_unexpected", {})

    def _error(
        self, request: web.Request, status: int, key: str, values: Mapping[str, object]
    ) -> web.Response:
        message = self.texts(request)(key, **values)
        again = request.path_qs if request.method == "GET" else self.gate.folder
        return self.render(request, "error.html", status, message=message, again=again)

    def _refuse(self, request: web.Request, refusal: Refusal) -> web.Response:
        template = self._environment.get_template("refused.html")
        body = template.render(t=_browsers_texts(request), reason=refusal.reason)
        return html(body, refusal.status)


def _browsers_texts(request: web.Request) -> Texts:
    """Return the texts for a browser that is not signed in and cannot choose a language."""
    return Texts(preferred(request.headers.get("Accept-Language", "")))


def html(body: str, status: int) -> web.Response:
    # A pair id may contain a lone surrogate, which UTF-8 cannot carry.
    encoded = body.encode("utf-8", "replace")
    return web.Response(
        body=encoded, status=status, content_type="text/html", charset="utf-8", headers=HEADERS
    )


async def _form_token(request: web.Request) -> str:
    if request.content_type != "application/x-www-form-urlencoded":
        return ""
    token = (await request.post()).get("form_token", "")
    return token if isinstance(token, str) else ""


class Route(NamedTuple):
    """A view: the method, the path below the page's folder, and the handler."""

    method: str
    path: str
    handler: Handler


def make_application(page: Page, routes: Iterable[Route]) -> web.Application:
    """Put the views below the page's secret folder."""
    app = web.Application(middlewares=[page.guard], client_max_size=_MAX_FORM_BYTES)
    folder = page.gate.folder
    app.router.add_get(f"{folder}open", page.open)
    app.router.add_get(f"{folder}static/{{name}}", page.static)
    for route in routes:
        app.router.add_route(route.method, folder + route.path, route.handler)
    return app


def listen(port: int) -> socket.socket:
    """Bind a loopback port; 0 means any free one. Raises OSError."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((LOOPBACK, port))
    except OSError:
        listening.close()
        raise
    return listening


async def serve(app: web.Application, listening: socket.socket) -> web.AppRunner:
    """Start serving; `cleanup` of the returned runner ends it."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.SockSite(runner, listening).start()
    return runner
