"""The part of CAM's policy language that is used here: statements and resource names.

It is limited to what the vendor documents: the syntax (598/10604), names of COS resources
(436/30580), and COS's condition keys (436/71307).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Policy = dict[str, Any]
Statement = dict[str, Any]
# By operator, then by key: the value or values that the key may have.
Condition = Mapping[str, Mapping[str, str | int | Sequence[str]]]


def policy(*statements: Statement) -> Policy:
    return {"version": "2.0", "statement": list(statements)}


def allow(
    actions: Sequence[str], resources: Sequence[str], condition: Condition | None = None
) -> Statement:
    return _statement("allow", actions, resources, condition)


def deny(actions: Sequence[str], resources: Sequence[str]) -> Statement:
    """Make a statement that overrides every `allow`."""
    return _statement("deny", actions, resources, None)


def cos(*names: str) -> list[str]:
    """Name actions on COS, such as `PutObject`."""
    return [f"name/cos:{name}" for name in names]


def key(region: str, bucket: str, pattern: str) -> str:
    """Name objects of a bucket by a key pattern; for actions on the bucket itself it is `*`.

    The appid at the end of the bucket's name names the account.
    """
    appid = bucket.rpartition("-")[2]
    return f"qcs::cos:{region}:uid/{appid}:{bucket}/{pattern}"


def owned(service: str, region: str, uin: str, name: str) -> str:
    """Name a resource of another service; without a uin it is in the policy's own account."""
    return f"qcs::{service}:{region}:uin/{uin}:{name}"


def as_list(value: Any) -> list[Any]:
    """Wrap a single value, which the language allows in place of a list."""
    return value if isinstance(value, list) else [value]


def _statement(
    effect: str, actions: Sequence[str], resources: Sequence[str], condition: Condition | None
) -> Statement:
    statement = {
        "effect": effect,
        "action": list(actions),
        "resource": list(dict.fromkeys(resources)),
    }
    return statement if condition is None else {**statement, "condition": condition}
