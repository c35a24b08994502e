"""A bucket of finished pairs that is too large to be held: keys, heads and pages are computed."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Mapping
from types import SimpleNamespace
from typing import cast

from liveness.context import Context
from liveness.keys import (
    ATTEMPT_META,
    FINGERPRINT_META,
    FRAME_META,
    REASON_META,
    STATUS_META,
    best_frame_key,
    fingerprint_of,
    result_key,
)
from liveness.reconcile import State, write_state
from liveness.settings import Settings, read_settings
from liveness.store import ListedObject, ObjectHead, Page

from .burst_world import BurstWorld, SimStore, listed_object

_PAGE = 1000
# Pair ids are random: their order says nothing about when they were uploaded.
_SHUFFLING = 2_654_435_761
_RESULT_SECONDS = 2.0  # after the inputs
_INPUT_SIZE = 3_000_000


class MonthStore(SimStore):
    """Besides objects of its own it has `pairs` finished pairs, uploaded evenly since `since`.

    Those of the future are not there yet.
    """

    def __init__(self, world: BurstWorld, pairs: int, since: float, until: float) -> None:
        super().__init__(world.kernel)
        self._settings: Settings = read_settings(world.environ)
        self._pairs = pairs
        self._since = since
        self._spacing = (until - since) / pairs
        self._inputs = ("live.bin", "reference.jpg")
        self.heads = 0

    def pretend_reconciled(self, moment: float) -> None:
        """Store that a pass which began at that moment found everything finished."""

        def put(bucket: str, key: str, body: bytes, *rest: object) -> None:
            self.write(key, body)

        clerk = SimpleNamespace(settings=self._settings, store=SimpleNamespace(put=put))
        write_state(cast(Context, clerk), State(finished_pass_began=moment))

    # ---- what is there

    def _name(self, number: int) -> str:
        return f"{number:08d}"

    def _uploaded(self, number: int) -> float:
        return self._since + number * _SHUFFLING % self._pairs * self._spacing

    def _input_key(self, number: int, name: str) -> str:
        return f"{self._settings.input_prefix}{self._name(number)}/{name}"

    def _results(self, number: int) -> list[str]:
        """Return the keys below the result prefix, in order."""
        pair, settings = self._name(number), self._settings
        md5 = hashlib.md5(pair.encode()).hexdigest()
        keys = (best_frame_key(settings, pair, md5), result_key(settings, pair))
        return sorted(key for key in keys if key.startswith(settings.result_prefix))

    def _keys_of(self, prefix: str, number: int) -> list[str]:
        if prefix == self._settings.result_prefix:
            return self._results(number)
        return [self._input_key(number, name) for name in self._inputs]

    def _number(self, key: str) -> int | None:
        """Return the number of the pair that a key is of; None if it is none of these."""
        for prefix in (self._settings.input_prefix, self._settings.result_prefix):
            name = key.removeprefix(prefix).partition("/")[0]
            if key.startswith(prefix) and name.isdigit() and int(name) < self._pairs:
                return int(name)
        return None

    def _metadata(self, number: int) -> Mapping[str, str]:
        pair = self._name(number)
        keys = [self._input_key(number, name) for name in self._inputs]
        inputs = [(key, _etag(key), _INPUT_SIZE) for key in keys]
        return {
            FINGERPRINT_META: fingerprint_of(pair, inputs),
            STATUS_META: "passed",
            REASON_META: "Success",
            ATTEMPT_META: "1",
            FRAME_META: hashlib.md5(pair.encode()).hexdigest(),
        }

    def _written(self, key: str, number: int) -> float:
        is_result = key.startswith(self._settings.result_prefix)
        return self._uploaded(number) + (_RESULT_SECONDS if is_result else 0)

    # ---- requests

    def head(self, bucket: str, key: str) -> ObjectHead | None:
        self.heads += 1
        number = self._number(key)
        if number is None:
            return super().head(bucket, key)
        self._trip()
        written, now = self._written(key, number), self._kernel.now
        is_result = key == result_key(self._settings, self._name(number))
        keys = self._keys_of(self._settings.input_prefix, number) + self._results(number)
        exists = written <= now and key in keys
        self._trip()
        if not exists:
            return None
        metadata = self._metadata(number) if is_result else {}
        etag, size = _etag(key), _INPUT_SIZE
        return ObjectHead(key, size, etag, etag, float(int(written)), float(int(now)), metadata)

    def list(self, bucket: str, prefix: str, after: str) -> Page:
        if prefix not in (self._settings.input_prefix, self._settings.result_prefix):
            return super().list(bucket, prefix, after)
        self._trip()
        if self.listing_seconds:
            self._kernel.sleep(self.listing_seconds)
        now = self._kernel.now
        # The pair of the last key that is not after the marker; it may have later keys.
        first = bisect_right(
            range(self._pairs), after, key=lambda number: self._keys_of(prefix, number)[0]
        )
        items: list[ListedObject] = []
        for number in range(max(0, first - 1), self._pairs):
            if len(items) > _PAGE:
                break
            if self._uploaded(number) + _RESULT_SECONDS > now:
                continue
            for key in self._keys_of(prefix, number):
                if key > after:
                    items.append(
                        listed_object(key, self._written(key, number), _etag(key), _INPUT_SIZE)
                    )
        self._trip()
        page = tuple(items[:_PAGE])
        return Page(page, page[-1].key if len(items) > _PAGE else None)


def _etag(key: str) -> str:
    return hashlib.md5(key.encode()).hexdigest()
