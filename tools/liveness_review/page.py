"""`liveness review`: read new results, serve the page, open the browser, and end with Ctrl-C."""

from __future__ import annotations

import asyncio
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

from liveness_cli.console import ProgressCallback
from liveness_cli.environment import Target

from .index import ResultIndex
from .refreshing import Results
from .security import Gate
from .server import Page, listen, make_application, serve
from .views_figures import FigureViews
from .views_list import ListViews
from .views_pair import PairViews


class ReviewServer:
    """One run of the page, from the first address to the end."""

    def __init__(
        self, target: Target, index: ResultIndex, port: int, warn: Callable[[str], None]
    ) -> None:
        """Bind the port, 0 for any free one. Raises OSError."""
        self._listening = listen(port)
        self.gate = Gate(self._listening.getsockname()[1])
        self.results = Results(target, index)
        self._page = Page(target, self.results, self.gate, warn)

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Serve until cancelled."""
        views = (ListViews(self._page), PairViews(self._page), FigureViews(self._page))
        routes = [route for view in views for route in view.routes]
        runner = await serve(make_application(self._page, routes), self._listening)
        background = [
            asyncio.create_task(self._page.ask_identity()),
            asyncio.create_task(self.results.keep_fresh()),
        ]
        try:
            on_ready()
            await asyncio.Event().wait()
        finally:
            self.results.stop()
            for task in background:
                task.cancel()
            # asyncio leaks a connection whose server closes while it is being accepted, and aiohttp
            # does not end one that is not waiting for a request yet.
            asyncio.get_running_loop().remove_reader(self._listening)
            for _ in range(2):
                await asyncio.sleep(0)
            await runner.cleanup()


@contextmanager
def running(server: ReviewServer) -> Iterator[None]:
    """Serve in a separate thread until the end of the `with`."""
    loop, ready = asyncio.new_event_loop(), threading.Event()
    task = loop.create_task(server.run(ready.set))

    def run() -> None:
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    thread = threading.Thread(target=run, name="liveness-review", daemon=True)
    thread.start()
    ready.wait()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()


def review(
    target: Target,
    index: ResultIndex,
    *,
    port: int,
    opens_browser: bool,
    progress: Callable[[], AbstractContextManager[ProgressCallback]],
    echo: Callable[[str], None],
    warn: Callable[[str], None],
) -> None:
    """Run the page until KeyboardInterrupt. Raises OSError if the port is taken."""
    server = ReviewServer(target, index, port, warn)
    with progress() as update:
        server.results.read(update)
    if server.results.failure:
        warn(f"Not all results could be read: {server.results.failure}")

    def on_ready() -> None:
        echo(f"Open once: {server.gate.first_address}")
        echo("Ctrl-C ends it.")
        if opens_browser:
            # In a thread: a browser in the terminal returns only when it ends.
            address = server.gate.first_address
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

    asyncio.run(server.run(on_ready))
