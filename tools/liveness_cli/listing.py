"""List all keys under a prefix, page by page."""

from __future__ import annotations

from collections.abc import Iterator

from liveness.store import ListedObject, Page, RetryingStore


def list_pages(store: RetryingStore, bucket: str, prefix: str) -> Iterator[Page]:
    """Yield the pages of a listing, up to 1,000 objects each; the last one has no `next_marker`."""
    after: str | None = ""
    while after is not None:
        page = store.list(bucket, prefix, after)
        yield page
        after = page.next_marker


def list_objects(store: RetryingStore, bucket: str, prefix: str) -> Iterator[ListedObject]:
    """Yield the objects under a prefix in the order of their keys."""
    for page in list_pages(store, bucket, prefix):
        yield from page.items
