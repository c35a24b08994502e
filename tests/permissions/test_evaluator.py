"""The evaluator: requests are denied by default, a deny overrides, unsupported parts raise."""

from __future__ import annotations

from typing import Any

import pytest

from liveness_cli.permissions.evaluator import Request, UnsupportedPolicy, allows

PUT = Request("name/cos:PutObject", "qcs::cos:ap-singapore:uid/1:faces-1/in/anna/live.bin")


def policy(effect: str = "allow", **fields: Any) -> dict[str, Any]:
    statement = {"effect": effect, "action": "*", "resource": "*", **fields}
    return {"version": "2.0", "statement": [statement]}


def test_a_request_is_denied_unless_a_statement_allows_it() -> None:
    assert not allows([], PUT)
    assert not allows([{"version": "2.0", "statement": []}], PUT)
    assert not allows([policy("deny", action="name/cos:GetObject")], PUT)


@pytest.mark.parametrize("effects", [("allow", "deny"), ("deny", "allow")])
def test_a_deny_in_any_policy_overrides_an_allow(effects: tuple[str, str]) -> None:
    assert not allows([policy(effect) for effect in effects], PUT)


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
def test_actions_match_case_sensitively_and_by_wildcard(
    action: str | list[str], allowed: bool
) -> None:
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
        ("qcs::cos:ap-singapore:uid/1:faces-1/in/anna/live?bin", False),
        ("qcs::cos:ap-singapore:uid/1:faces-1/in/[a-z]nna/live.bin", False),
        ("qcs::cos:ap-singapore:uid/1:faces-1/" + "*a" * 30, False),
        ("qcs::cos:ap-singapore:uid/1:faces-1/out/*", False),
        ("qcs::cos:ap-singapore:uid/1:faces-1/in/????/live.bin", False),
        ("qcs::cos:ap-singapore:uid/1:faces-1/in/[a-z]*", False),
        ("qcs::cos:ap-hongkong:uid/1:faces-1/*", False),
        ("qcs::cos:ap-singapore:uid/2:faces-1/*", False),
    ],
)
def test_resources_match_by_wildcard_and_account(resource: str | list[str], allowed: bool) -> None:
    assert allows([policy(resource=resource)], PUT) is allowed


@pytest.mark.parametrize(
    ("condition", "value", "allowed"),
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
        ({"bool_equal": {"cos:a": "true"}}, "true", True),
        ({"bool_equal": {"cos:a": "true"}}, "false", False),
        ({"bool_equal": {"cos:a": "true"}}, None, False),
        ({"numeric_less_than_equal": {"cos:a": 10}}, "10", True),
        ({"numeric_less_than_equal": {"cos:a": 10}}, "9", True),
        ({"numeric_less_than_equal": {"cos:a": 10}}, "11", False),
        ({"numeric_less_than_equal": {"cos:a": 10}}, None, False),
        ({"numeric_less_than_equal_if_exist": {"cos:a": 10}}, None, True),
        ({"numeric_greater_than": {"cos:a": 10}}, "11", True),
        ({"numeric_greater_than": {"cos:a": 10}}, "9", False),
        ({"string_equal": {"cos:a": "x", "cos:b": "x"}}, "x", False),
        ({"string_equal": {"cos:a": "x"}, "string_like": {"cos:a": "y*"}}, "x", False),
    ],
)
def test_all_conditions_of_a_statement_must_hold(
    condition: dict[str, Any], value: str | None, allowed: bool
) -> None:
    request = PUT._replace(context={} if value is None else {"cos:a": value})

    assert allows([policy(condition=condition)], request) is allowed


@pytest.mark.parametrize(
    "unsupported",
    [
        policy(principal={"qcs": ["*"]}),
        policy(condition={"ip_equal": {"qcs:ip": "10.0.0.1"}}),
        policy(condition={"string_equal": {"cos:b": "x"}, "date_less_than": {"qcs:now": "1"}}),
        policy("Allow"),
        {"version": "1.0", "statement": []},
        {"statement": []},
    ],
)
def test_an_unsupported_policy_raises_an_error(unsupported: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedPolicy):
        allows([unsupported], PUT)


def test_a_resource_with_many_wildcards_takes_no_time_without_end() -> None:
    request = PUT._replace(resource="qcs::cos:ap-singapore:uid/1:faces-1/" + "a" * 800)

    assert not allows([policy(resource="*".join("a" * 40) + "b")], request)
    assert allows([policy(resource="*" + "a*" * 40)], request)
