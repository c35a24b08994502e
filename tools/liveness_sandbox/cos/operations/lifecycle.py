"""Lifecycle rules of a bucket (436/8280, 436/17029): checked and stored, but never run."""

from __future__ import annotations

from xml.etree import ElementTree

from ...numerals import whole_number
from ...wire import Reply
from .. import request_body
from ..errors import CosError
from ..store import Bucket
from .operation import XML, Operation

MAX_RULES = 1000
MAX_ID_CHARACTERS = 255
MAX_DAYS = 3650
_ACTIONS = (
    "Expiration",
    "Transition",
    "AbortIncompleteMultipartUpload",
    "NoncurrentVersionExpiration",
    "NoncurrentVersionTransition",
)


class LifecycleOperations:
    async def get(self, operation: Operation) -> Reply:
        """GET Bucket lifecycle (436/8278)."""
        return Reply(200, _rules(operation.bucket).encode(), XML)

    async def put(self, operation: Operation) -> Reply:
        """PUT Bucket lifecycle (436/8280): replaces all rules."""
        tree = await request_body.read(operation.request, "LifecycleConfiguration")
        _check(tree.findall("Rule"))
        operation.bucket.configure(lifecycle=ElementTree.tostring(tree, encoding="unicode"))
        return Reply(200)

    async def delete(self, operation: Operation) -> Reply:
        """DELETE Bucket lifecycle (436/8284)."""
        _rules(operation.bucket)
        operation.bucket.configure(lifecycle=None)
        return Reply(204)


def _rules(bucket: Bucket) -> str:
    if bucket.lifecycle is None:
        raise CosError(
            404, "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"
        )
    return bucket.lifecycle


def _check(rules: list[ElementTree.Element]) -> None:
    if not rules:
        raise request_body.malformed("There is no rule")
    if len(rules) > MAX_RULES:
        raise _invalid(f"A bucket has at most {MAX_RULES} rules")
    ids = [id for rule in rules if (id := rule.findtext("ID")) is not None]
    if len(set(ids)) < len(ids):
        raise _invalid("Two rules have the same ID")
    if any(len(id) > MAX_ID_CHARACTERS for id in ids):
        raise _invalid(f"An ID has at most {MAX_ID_CHARACTERS} characters")
    for rule in rules:
        _check_rule(rule)


def _check_rule(rule: ElementTree.Element) -> None:
    if rule.findtext("Status") not in ("Enabled", "Disabled"):
        raise request_body.malformed("Status must be Enabled or Disabled")
    if rule.find("Filter") is None:
        raise request_body.malformed("A rule has no Filter")
    if not any(rule.find(action) is not None for action in _ACTIONS):
        raise request_body.malformed("A rule has no action")
    elements = {each.tag for action in _ACTIONS[:2] for each in rule.findall(f"{action}/*")}
    if {"Days", "Date"} <= elements:
        raise _invalid("A rule cannot have both Days and Date")
    for days in rule.findall("Expiration/Days"):
        number = whole_number(days.text)
        if number is None or not 1 <= number <= MAX_DAYS:
            raise _invalid(f"Days of Expiration must be from 1 to {MAX_DAYS}")


def _invalid(message: str) -> CosError:
    return CosError(400, "InvalidArgument", message)
