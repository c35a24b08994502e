"""The evaluator: nothing is allowed by silence, a deny wins, the unknown is refused."""

from __future__ import annotations

from typing import Any

import pytest

from liveness_cli.permissions.evaluator import Request, UnsupportedPolicy, allows

PUT = Request("name/cos:PutObject", "qcs::cos:ap-singapore:uid/1:faces-1/in/anna/live.bin")


def policy(effect: str = "allow", **fields: Any) -> dict[str, Any]:
    statement = {"effect": effect, "action": "*", "resource": "*", **fields}
    return {"version": "2.0", "statement": [statement]}


def test_nothing_is_allowed_that_no_statement_allows() -> None:
    assert not allows([], PUT)
    assert not allows([{"version": "2.0", "statement": []}], PUT)
    assert not allows([policy("deny", action="name/cos:GetObject")], PUT)


def test_a_deny_wins_in_whichever_policy_it_stands() -> None:
    for policies in ([policy(), policy("deny")], [policy("deny"), policy()]):
        assert not allows(policies, PUT)


@pytest.mark.parametrize(
    ("action", "allowed"),
    [
        ("name/cos:PutObject", True),
        ("cos:PutObject", True),
        ("name/cos:*", True),
        ("cos:Put*", True),
        ("*", True),
        (["name/cos:GetObject", "name/cos:PutObject"], True),
        ("name/cos:putObject", False),
        ("name/cos:PutObjectACL", False),
        ("name/cos:Put", False),
        ("name/scf:*", False),
    ],
)
def test_actions(action: str | list[str], allowed: bool) -> None:
    assert allows([policy(action=action)], PUT) is allowed


@pytest.mark.parametrize(
    ("resource", "allowed"),
    [
        (PUT.resource, True),
        ("qcs::cos:ap-singapore:uid/1:faces-1/in/*", True),
        ("qcs::cos:ap-singapore:uid/1:faces-1/in/*/live.bin", True),
        ("qcs::cos:ap-singapore:uid/1:faces-1/*", True),
        ("qcs::cos:ap-singapore::faces-1/*", True),
        (["qcs::cos:ap-singapore:uid/1:other-1/*", "*"], True),
        ("qcs::cos:ap-singapore:uid/1:faces-1/in", False),
        ("qcs::cos:ap-singapore:uid/1:faces-1/out/*", False),
        ("qcs::cos:ap-singapore:uid/1:faces-1/in/????/live.bin", False),
        ("qcs::cos:ap-singapore:uid/1:faces-1/in/[a-z]*", False),
        ("qcs::cos:ap-hongkong:uid/1:faces-1/*", False),
        ("qcs::cos:ap-singapore:uid/2:faces-1/*", False),
    ],
)
def test_resources(resource: str | list[str], allowed: bool) -> None:
    assert allows([policy(resource=resource)], PUT) is allowed


@pytest.mark.parametrize(
    ("condition", "sent", "allowed"),
    [
        ({"string_equal": {"cos:a": "x"}}, "x", True),
        ({"string_equal": {"cos:a": ["w", "x"]}}, "x", True),
        ({"string_equal": {"cos:a": "x"}}, "y", False),
        ({"string_equal": {"cos:a": "x"}}, None, False),
        ({"string_equal_if_exist": {"cos:a": "x"}}, None, True),
        ({"string_equal_if_exist": {"cos:a": "x"}}, "y", False),
        ({"string_not_equal": {"cos:a": "x"}}, "y", True),
        ({"string_not_equal": {"cos:a": "x"}}, None, False),
        ({"string_not_equal_if_exist": {"cos:a": "x"}}, None, True),
        ({"string_like": {"cos:a": "x*"}}, "xyz", True),
        ({"string_like": {"cos:a": "x*"}}, "y", False),
        ({"string_equal": {"cos:a": "x", "cos:b": "x"}}, "x", False),
        ({"string_equal": {"cos:a": "x"}, "string_like": {"cos:a": "y*"}}, "x", False),
    ],
)
def test_conditions(condition: dict[str, Any], sent: str | None, allowed: bool) -> None:
    request = PUT._replace(context={} if sent is None else {"cos:a": sent})
    assert allows([policy(condition=condition)], request) is allowed


@pytest.mark.parametrize(
    "unknown",
    [
        policy(principal={"qcs": ["*"]}),
        policy(condition={"ip_equal": {"qcs:ip": "10.0.0.1"}}),
        policy(condition={"string_equal": {"cos:b": "x"}, "date_less_than": {"qcs:now": "1"}}),
        policy("Allow"),
        {"version": "1.0", "statement": []},
        {"statement": []},
    ],
)
def test_what_it_does_not_know_it_refuses(unknown: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedPolicy):
        allows([unknown], PUT)
