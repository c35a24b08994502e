"""The policy language of CAM, as far as it is used here: statements and names of resources.

Only what the vendor documents is written: the syntax (598/10604), names of COS resources
(436/30580), and COS's condition keys (436/71307).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Policy = dict[str, Any]
Statement = dict[str, Any]
Condition = Mapping[str, Mapping[str, str | Sequence[str]]]


def policy(*statements: Statement) -> Policy:
    return {"version": "2.0", "statement": list(statements)}


def allow(
    actions: Sequence[str], resources: Sequence[str], condition: Condition | None = None
) -> Statement:
    return _statement("allow", actions, resources, condition)


def deny(actions: Sequence[str], resources: Sequence[str]) -> Statement:
    """Wins over every `allow`."""
    return _statement("deny", actions, resources, None)


def cos(*names: str) -> list[str]:
    """Actions on COS, such as `PutObject`."""
    return [f"name/cos:{name}" for name in names]


def key(region: str, bucket: str, pattern: str) -> str:
    """Objects of a bucket, by their keys; for actions on the bucket itself the pattern is `*`.

    An account's COS resources are named by its appid, the end of the bucket's name.
    """
    appid = bucket.rpartition("-")[2]
    return f"qcs::cos:{region}:uid/{appid}:{bucket}/{pattern}"


def owned(service: str, region: str, uin: str, name: str) -> str:
    """A resource of any other service; without a uin the account that the policy is made in."""
    return f"qcs::{service}:{region}:uin/{uin}:{name}"


def _statement(
    effect: str, actions: Sequence[str], resources: Sequence[str], condition: Condition | None
) -> Statement:
    statement = {
        "effect": effect,
        "action": list(actions),
        "resource": list(dict.fromkeys(resources)),
    }
    return statement if condition is None else {**statement, "condition": condition}
