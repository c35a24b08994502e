"""Odd values, and documents with something odd in them."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from tests.fuzz import canaries

# What JSON can hold at most: a decoder of Python's gives up a little deeper.
NESTED = "[" * 400 + "]" * 400
# Deeper than any decoder of Python's follows.
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
# As a service may quote it; where a person chooses the text, as for a pair id, it is no secret.
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
    """The way to every value inside a JSON value, itself first."""
    inside: list[tuple[Any, ...]] = [()]
    children = dict(enumerate(value)) if isinstance(value, list) else value
    for name, child in children.items() if isinstance(children, dict) else ():
        inside += [(name, *path) for path in paths_in(child)]
    return inside


def changed(value: Any, path: tuple[Any, ...], new: Any, drop: bool = False) -> Any:
    """A copy with something else, or nothing, at that path."""
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
    """A JSON value with one to three of its parts replaced or missing."""
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(paths_in(value)))
        value = changed(value, path, draw(odd), drop=draw(st.booleans()))
    return value


@st.composite
def bytes_like(draw: st.DrawFn, body: bytes) -> bytes:
    """A body cut short, with bytes replaced or inserted, repeated, or something else at all."""
    kind = draw(st.sampled_from(("cut", "replace", "insert", "repeat", "other")))
    at = draw(st.integers(0, len(body)))
    if kind == "cut":
        return body[:at]
    if kind == "replace":
        return body[:at] + draw(st.binary(min_size=1, max_size=4)) + body[at + 1 :]
    if kind == "insert":
        return body[:at] + draw(st.sampled_from((ABYSS, b"\xff", b"\x00", b"{"))) + body[at:]
    if kind == "repeat":
        return body * 3
    return draw(st.sampled_from((b"", ABYSS, b"null", b"\xff\xfe", b"{}")) | st.binary(max_size=99))
