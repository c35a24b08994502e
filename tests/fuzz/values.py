"""Odd values, and documents with something odd in them."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from tests.fuzz import canaries

# As deep as a JSON decoder of Python follows; it gives up a little deeper.
NESTED = "[" * 400 + "]" * 400
# Deeper than any JSON decoder of Python follows.
ABYSS = b"[" * 3000
TEXTS = (
    "",
    " ",
    "0",
    "\ud800",
    "\x00",
    "\x01" * 600,
    "a\r\nX-Evil: 1",
    "%",
    "%ff",
    "%2e%2e/",
    "+",
    "人脸",
    "\U0001f600" * 1500,
    "x" * 20_000,
)
NUMBERS = (0, -1, 1, 2**63, 10**400, -0.0, 1e308, float("nan"), float("inf"), 0.1)

odd_texts = st.sampled_from(TEXTS) | st.text(max_size=20)
# What a service may quote. Text that a person chooses, as for a pair id, is not secret.
secret_texts = odd_texts | st.sampled_from(canaries.QUOTED)
odd_values: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(NUMBERS),
    odd_texts,
    st.sampled_from(([], {}, [[]], {"": None}, [{}], {"a": {"b": 1}})),
    st.builds(json.loads, st.just(NESTED)),
)
json_values = st.recursive(
    odd_values, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(secret_texts, inner)
)


def paths_in(value: Any) -> list[tuple[Any, ...]]:
    """Return the path to every value inside a JSON value, starting with the value itself."""
    paths: list[tuple[Any, ...]] = [()]
    children = dict(enumerate(value)) if isinstance(value, list) else value
    for name, child in children.items() if isinstance(children, dict) else ():
        paths += [(name, *path) for path in paths_in(child)]
    return paths


def changed(value: Any, path: tuple[Any, ...], new: Any, drop: bool = False) -> Any:
    """Return a copy with another value, or none, at that path."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    if drop and len(path) == 1:
        del copy[path[0]]
    else:
        copy[path[0]] = changed(value[path[0]], path[1:], new, drop)
    return copy


@st.composite
def mutations(draw: st.DrawFn, value: Any, odd: st.SearchStrategy[Any] = odd_values) -> Any:
    """Draw a JSON value with one to three of its parts replaced or removed."""
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(paths_in(value)))
        value = changed(value, path, draw(odd), drop=draw(st.booleans()))
    return value


@st.composite
def bytes_like(draw: st.DrawFn, body: bytes) -> bytes:
    """Draw a body that is truncated, altered, repeated, or replaced altogether."""
    kind = draw(st.sampled_from(("cut", "replace", "insert", "repeat", "other")))
    position = draw(st.integers(0, len(body)))
    if kind == "cut":
        return body[:position]
    if kind == "replace":
        return body[:position] + draw(st.binary(min_size=1, max_size=4)) + body[position + 1 :]
    if kind == "insert":
        return (
            body[:position]
            + draw(st.sampled_from((ABYSS, b"\xff", b"\x00", b"{")))
            + body[position:]
        )
    if kind == "repeat":
        return body * 3
    return draw(st.sampled_from((b"", ABYSS, b"null", b"\xff\xfe", b"{}")) | st.binary(max_size=99))
