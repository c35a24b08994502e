"""Read pairs that wait, and keys under the input prefix of no pair, from a listing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from liveness.settings import Settings
from liveness.store import ListedObject, RetryingStore
from liveness_cli.console import ProgressCallback, ignore_progress
from liveness_cli.listing import list_pages
from liveness_cli.operator.listed_inputs import ListedInputs, classify_inputs

from .database import INPUTS_READ, STRAYS
from .index import ResultIndex


def refresh_inputs(
    index: ResultIndex,
    settings: Settings,
    store: RetryingStore,
    progress: ProgressCallback = ignore_progress,
) -> None:
    """List the inputs, and store which pairs have no result and which keys belong to no pair.

    Call `refresh.refresh` first: a pair counts as waiting if the file has no result of it. Listings
    of COS lag by some seconds, so a pair that was just completed may be among them.

    Raises LivenessError if the bucket cannot be listed; the file then stays unchanged.
    """
    with index.database.connect() as connection:
        while True:
            began, forgotten = store.now(), index.database.forgotten(connection)
            listed = classify_inputs(settings, _listing(settings, store, progress))
            with index.database.transaction(connection):
                # A pair that was forgotten meanwhile must not come back: list again.
                if index.database.forgotten(connection) == forgotten:
                    _write(connection, listed, began)
                    return


def _write(connection: sqlite3.Connection, listed: ListedInputs, began: float) -> None:
    connection.execute("DELETE FROM waiting")
    connection.execute("DELETE FROM strays")
    connection.executemany(
        "INSERT INTO waiting SELECT ?1, ?2, ?3"
        " WHERE NOT EXISTS (SELECT 1 FROM results WHERE pair_id = ?1)",
        ((pair.pair_id, " ".join(pair.missing), pair.since) for pair in listed.pairs.values()),
    )
    connection.executemany("INSERT INTO strays VALUES (?, ?)", listed.strays)
    connection.executemany(
        "INSERT OR REPLACE INTO facts VALUES (?, ?)",
        ((INPUTS_READ, began), (STRAYS, listed.stray_count)),
    )


def _listing(
    settings: Settings, store: RetryingStore, progress: ProgressCallback
) -> Iterator[ListedObject]:
    count = 0
    for page in list_pages(store, settings.bucket, settings.input_prefix):
        yield from page.items
        count += len(page.items)
        progress("listing inputs", count, None)
