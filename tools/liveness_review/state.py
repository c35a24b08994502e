"""The state of one run of the page, in memory only: views, lists, language and identity."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from typing import TypeVar

from .content import LoadedPicture, PairContent
from .decisions import Shown

T = TypeVar("T")

_MAX_VIEWS = 500
_MAX_LISTS = 50
# Views whose pictures are kept until the browser has asked for them.
_MAX_LOADED_VIEWS = 8
_ID_BYTES = 12
REFERENCE, FRAME = "reference", "frame"


class View:
    """A pair as it was shown once: the subject of a decision from that page."""

    def __init__(self, content: PairContent) -> None:
        self.id = secrets.token_urlsafe(_ID_BYTES)
        self.nonce = secrets.token_hex(16)
        self.pair_id = content.pair_id
        self.lock = asyncio.Lock()
        self.stored: str | None = None
        """The decision stored from this view; sending the form again stores no other."""
        self._content_shown = content.shown
        self._pictures: dict[str, LoadedPicture] = {}
        self._sent: set[str] = set()
        for name, picture in ((REFERENCE, content.reference), (FRAME, content.frame)):
            if isinstance(picture, LoadedPicture):
                self._pictures[name] = picture

    def take_picture(self, name: str) -> LoadedPicture | None:
        """Return a picture of this view to send to the browser."""
        picture = self._pictures.get(name)
        if picture is not None:
            self._sent.add(name)
        return picture

    def unload(self) -> None:
        """Forget the pictures' bytes."""
        self._pictures.clear()

    @property
    def shown(self) -> Shown | None:
        """What was shown: this excludes a picture that the browser never requested."""
        shown = self._content_shown
        if shown is None:
            return None
        return shown._replace(
            reference=shown.reference if REFERENCE in self._sent else None,
            best_frame=shown.best_frame if FRAME in self._sent else None,
        )


class ListedPairs:
    """The pairs of one list that was shown, for moving from one to the next."""

    def __init__(self, query: str, pair_ids: Sequence[str], undecided: Sequence[str]) -> None:
        self.id = secrets.token_urlsafe(_ID_BYTES)
        self.query = query
        self._pair_ids = pair_ids
        self._undecided = set(undecided)

    def mark_decided(self, pair_id: str) -> None:
        self._undecided.discard(pair_id)

    def neighbors(self, pair_id: str) -> tuple[str | None, str | None]:
        """Return the pairs before and after this one in the list."""
        if pair_id not in self._pair_ids:
            return None, None
        at = list(self._pair_ids).index(pair_id)
        before = self._pair_ids[at - 1] if at > 0 else None
        after = self._pair_ids[at + 1] if at + 1 < len(self._pair_ids) else None
        return before, after

    def next_undecided(self, pair_id: str) -> str | None:
        """Return the next pair after this one without a decision, or else one before it."""
        ids = list(self._pair_ids)
        at = ids.index(pair_id) + 1 if pair_id in ids else 0
        return next((each for each in ids[at:] + ids[:at] if each in self._undecided), None)


class Registry:
    """The views and lists of this run, the newest of each."""

    def __init__(self) -> None:
        self._views: OrderedDict[str, View] = OrderedDict()
        self._lists: OrderedDict[str, ListedPairs] = OrderedDict()
        self.language: str | None = None
        self.decided: dict[str, tuple[str, str]] = {}
        """The fingerprint and decision of each pair that was decided in this run, by pair id."""

    def add_view(self, view: View) -> None:
        self._views[view.id] = view
        _trim(self._views, _MAX_VIEWS)
        for older in list(self._views.values())[:-_MAX_LOADED_VIEWS]:
            older.unload()

    def view(self, view_id: str) -> View | None:
        return self._views.get(view_id)

    def add_list(self, listed: ListedPairs) -> None:
        self._lists[listed.id] = listed
        _trim(self._lists, _MAX_LISTS)

    def listed(self, list_id: str) -> ListedPairs | None:
        return self._lists.get(list_id)


def _trim(items: OrderedDict[str, T], size: int) -> None:
    while len(items) > size:
        items.popitem(last=False)
