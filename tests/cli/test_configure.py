"""`liveness configure` over HTTP: what it sets, what it leaves, and that the runtime goes by it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from liveness_sandbox import CosTrigger, Function, LoggedRequest, Reply, Status
from tests.conftest import BUCKET, Cloud

from .conftest import Command, assert_one_sentence

ECHO = "def main_handler(event, context):\n    return event\n"
FAILS = "def main_handler(event, context):\n    raise RuntimeError('as always')\n"
LEDGER = "liveness/ledger/"
TAGS = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": None}]
OTHERS = [
    {
        "ID": "yours",
        "Filter": {"And": {"Prefix": "logs/", "Tag": TAGS}},
        "Status": "Enabled",
        "Transition": [{"Days": "30", "StorageClass": "ARCHIVE"}],
    },
    {
        "Filter": None,
        "Status": "Disabled",
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": "7"},
    },
]
Deploy = Callable[..., Function]


@pytest.fixture
def deploy(cloud: Cloud, tmp_path: Path) -> Deploy:
    def put_up(source: str = ECHO, name: str = "liveness", **settings: Any) -> Function:
        code = tmp_path / name
        code.mkdir()
        (code / "index.py").write_text(source)
        return cloud.sandbox.deploy(name, code, **settings)

    return put_up


class Operator:
    def __init__(self, cloud: Cloud, command: Command) -> None:
        self._cloud = cloud
        self._command = command

    def run(self, *arguments: str) -> Result:
        result = self._command("configure", *arguments)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        keys = self._cloud.sandbox.credentials
        for canary in (keys.secret_id, keys.secret_key, "q-sign", "http://", "https://"):
            assert canary not in result.output
        return result

    def set(self, *arguments: str) -> dict[str, tuple[int | None, int | None, str]]:
        """Every setting: before, after, and what became of it."""
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.output
        value = json.loads(result.stdout)
        return {
            row["what"]: (row["before"], row["after"], row["state"]) for row in value["settings"]
        }


@pytest.fixture
def operator(cloud: Cloud, environment: None, liveness: Command) -> Operator:
    return Operator(cloud, liveness)


def rules(cloud: Cloud, bucket: str = BUCKET) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = cloud.client.get_bucket_lifecycle(bucket)["Rule"]
    return found


def put_rules(cloud: Cloud, *some: dict[str, Any]) -> None:
    cloud.client.put_bucket_lifecycle(BUCKET, {"Rule": list(some)})


def own(name: str, prefix: str, days: int) -> dict[str, Any]:
    return {
        "ID": name,
        "Filter": {"Prefix": prefix},
        "Status": "Enabled",
        "Expiration": {"Days": str(days)},
    }


CLAIMS = own("liveness-claims", f"{LEDGER}claims/", 30)
DRAIN = own("liveness-drain", f"{LEDGER}drain/", 1)


def changes(requests: list[LoggedRequest]) -> list[str]:
    return [
        each.action or each.method
        for each in requests
        if each.action.startswith(("Put", "Delete", "Update"))
        or (each.service == "cos" and each.method != "GET")
    ]


def test_a_healthy_installation(cloud: Cloud, operator: Operator, deploy: Deploy) -> None:
    function = deploy(retries=1, oldest_s=600)

    told = operator.set()

    assert list(told.values()) == [
        (1, 2, "set"),
        (600, 21600, "set"),
        (None, 30, "set"),
        (None, 1, "set"),
    ]
    assert (function.rules.retries, function.rules.oldest_s) == (2, 21600)
    assert rules(cloud) == [CLAIMS, DRAIN]
    asked = len(cloud.sandbox.requests)
    assert {state for _, _, state in operator.set().values()} == {"unchanged"}
    assert changes(cloud.sandbox.requests[asked:]) == [], "what is right is not set again"


def test_archiving_inputs_is_not_removing_them(
    cloud: Cloud, operator: Operator, deploy: Deploy
) -> None:
    deploy()
    ours = own("liveness-inputs", "liveness/incoming/", 90)
    unfinished = {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": "7"}}
    archived = {name: ours[name] for name in ("ID", "Filter", "Status")}
    archived["Transition"] = {"Days": "90", "StorageClass": "ARCHIVE"}
    put_rules(cloud, {**archived, **unfinished})

    (told,) = operator.set("--inputs-days", "90").values()

    assert told == (None, 90, "set")
    assert rules(cloud) == [{**ours, **unfinished}], "what somebody added for uploads stays"


def test_a_dry_run_changes_nothing(cloud: Cloud, operator: Operator, deploy: Deploy) -> None:
    deploy(retries=0)
    for arguments in (
        (),
        ("--reserved-mb", "0"),
        ("--inputs-days", "7"),
        ("--max-event-age", "60"),
    ):
        told = operator.set("--dry-run", *arguments)
        assert "would be set" in {state for _, _, state in told.values()}
    assert changes(cloud.sandbox.requests) == []


def test_an_option_sets_what_it_names_and_nothing_else(
    cloud: Cloud, operator: Operator, deploy: Deploy
) -> None:
    function = deploy(retries=1, oldest_s=600)
    assert list(operator.set("--max-event-age", "3600").values()) == [
        (1, 1, "unchanged"),
        (600, 3600, "set"),
    ]
    assert list(operator.set("--retries", "0").values()) == [
        (1, 0, "set"),
        (3600, 3600, "unchanged"),
    ]
    assert (function.rules.retries, function.rules.oldest_s) == (0, 3600)
    assert list(operator.set("--reserved-mb", "1280").values()) == [(None, 1280, "set")]
    assert list(operator.set("--reserved-mb", "none").values()) == [(1280, None, "set")]
    with pytest.raises(Exception, match="NoSuchLifecycleConfiguration"):
        rules(cloud)


def test_retries_take_effect(cloud: Cloud, operator: Operator, deploy: Deploy) -> None:
    function = deploy(FAILS)
    operator.set("--retries", "0")
    function.queue(None)
    cloud.sandbox.wait_idle()
    assert len(function.invocations) == len(function.dead_letters) == 1


def test_the_emergency_stop_and_its_undoing(
    cloud: Cloud, operator: Operator, deploy: Deploy
) -> None:
    function = deploy(triggers=[CosTrigger(BUCKET)], reserved_mb=1280)
    assert function.invoke(1).status is Status.SUCCESS

    stop = operator.run("--reserved-mb", "0").stdout

    assert function.invoke(2).status is Status.OVER_QUOTA
    assert "The function is stopped" in stop
    undo = stop.splitlines()[-1].removeprefix("To undo: liveness configure ").split()
    assert undo == ["--reserved-mb", "1280"]
    again = json.loads(operator.run("--reserved-mb", "0", "--json").stdout)
    undone = (
        "liveness configure --reserved-mb none, or --reserved-mb MB if there was a quota before"
    )
    assert again["undo"] == undone, "what it was, nobody knows any more"
    operator.run(*undo)
    assert function.invoke(3).status is Status.SUCCESS


def refuse(cloud: Cloud, action: str, code: str = "UnauthorizedOperation") -> None:
    body = json.dumps({"Response": {"Error": {"Code": code, "Message": "m"}, "RequestId": "r"}})
    refusal = Reply(200, body.encode(), {"Content-Type": "application/json"})
    cloud.sandbox.hooks.append(
        lambda request, phase: refusal if phase == "before" and request.action == action else None
    )


def test_the_stop_needs_no_right_to_look(cloud: Cloud, operator: Operator, deploy: Deploy) -> None:
    function = deploy()
    for action in ("GetReservedConcurrencyConfig", "GetFunction", "GetFunctionEventInvokeConfig"):
        refuse(cloud, action)
    table = operator.run("--reserved-mb", "0").stdout
    assert function.invoke(None).status is Status.OVER_QUOTA
    assert "unknown" in table and "liveness configure --reserved-mb none" in table


def test_the_stop_waits_for_nothing_else(operator: Operator, deploy: Deploy) -> None:
    function = deploy()
    result = operator.run("--reserved-mb", "0", "--retries", "0")
    assert result.exit_code == 2
    assert_one_sentence(result, "--reserved-mb 0 cannot be combined")
    assert function.invoke(None).status is Status.SUCCESS


def test_a_rule_of_somebody_s_with_a_name_like_ours(
    cloud: Cloud, operator: Operator, deploy: Deploy
) -> None:
    deploy()
    theirs = own("liveness-claims-of-mine", f"{LEDGER}claims/", 60)
    put_rules(cloud, theirs)
    operator.set()
    assert rules(cloud) == [theirs, CLAIMS, DRAIN]


def test_another_function(cloud: Cloud, operator: Operator, deploy: Deploy) -> None:
    spared, stopped = deploy(), deploy(name="staging")
    table = operator.run("--function-name", "staging", "--reserved-mb", "0").stdout
    assert "liveness configure --function-name staging --reserved-mb none" in table
    assert spared.invoke(None).status is Status.SUCCESS
    assert stopped.invoke(None).status is Status.OVER_QUOTA


def test_a_quota_in_which_no_instance_fits(operator: Operator, deploy: Deploy) -> None:
    function = deploy(memory_mb=256)
    result = operator.run("--reserved-mb", "255")
    assert result.exit_code == 2
    assert_one_sentence(result, "one instance needs 256 MB", "0 to stop it")
    assert function.invoke(None).status is Status.SUCCESS


def test_rules_of_others_stay_as_they_are(cloud: Cloud, operator: Operator, deploy: Deploy) -> None:
    deploy()
    put_rules(cloud, OTHERS[0], own("liveness-claims", f"{LEDGER}claims/", 3), OTHERS[1])
    table = operator.run().stdout
    assert rules(cloud) == [OTHERS[0], CLAIMS, OTHERS[1], DRAIN]
    assert "2 other lifecycle rules stay as before" in table


def test_another_installation_in_the_same_bucket(
    cloud: Cloud, operator: Operator, deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy()
    operator.set()
    monkeypatch.setenv("LIVENESS_LEDGER_PREFIX", "staging/")
    operator.set()
    operator.set()
    first, second, third, fourth = rules(cloud)
    assert (first, second) == (CLAIMS, DRAIN)
    assert third["Filter"] == {"Prefix": "staging/claims/"}
    assert third["ID"].startswith("liveness-claims-")
    assert fourth["Filter"] == {"Prefix": "staging/drain/"}


def test_a_rule_that_was_switched_off_is_switched_on(
    cloud: Cloud, operator: Operator, deploy: Deploy
) -> None:
    deploy()
    put_rules(cloud, {**CLAIMS, "Status": "Disabled"})
    assert list(operator.set().values())[2] == (None, 30, "set")
    assert rules(cloud)[0] == CLAIMS


def test_inputs_and_results_as_the_customer_decides(
    cloud: Cloud, operator: Operator, deploy: Deploy
) -> None:
    deploy()
    operator.set()
    inputs = own("liveness-inputs", "liveness/incoming/", 7)
    results = own("liveness-results", "liveness/results/", 7)
    operator.set("--inputs-days", "7", "--results-days", "7")
    assert rules(cloud) == [CLAIMS, DRAIN, inputs, results]
    operator.set()
    assert rules(cloud) == [CLAIMS, DRAIN, inputs, results], "a later run leaves them"
    operator.set("--inputs-days", "never", "--results-days", "never")
    assert rules(cloud) == [CLAIMS, DRAIN]


def test_the_last_rule_can_be_taken_away(cloud: Cloud, operator: Operator, deploy: Deploy) -> None:
    operator.set("--inputs-days", "7")
    assert len(rules(cloud)) == 1
    operator.set("--inputs-days", "never")
    with pytest.raises(Exception, match="NoSuchLifecycleConfiguration"):
        rules(cloud)


def test_buckets_of_their_own(
    cloud: Cloud, operator: Operator, deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy()
    ledger, results = "ledger-1250000000", "results-1250000000"
    for variable, bucket in (("LEDGER", ledger), ("RESULT", results)):
        cloud.sandbox.create_bucket(bucket)
        monkeypatch.setenv(f"LIVENESS_{variable}_BUCKET", bucket)
    operator.set()
    operator.set("--inputs-days", "1", "--results-days", "40")
    assert rules(cloud, ledger) == [CLAIMS, DRAIN]
    assert rules(cloud, results) == [own("liveness-results", "liveness/results/", 40)]
    assert rules(cloud) == [own("liveness-inputs", "liveness/incoming/", 1)]


@pytest.mark.parametrize(
    ("before", "arguments"),
    [
        ([], ("--results-days", "7")),
        ([], ("--results-days", "7", "--inputs-days", "8")),
        ([own("yours", "l", 7)], ("--inputs-days", "never", "--results-days", "6")),
        (
            [own("liveness-inputs", "liveness/incoming/", 7), own("x", "liveness/results/", 7)],
            ("--inputs-days", "never"),
        ),
    ],
)
def test_results_that_reconcile_would_publish_again(
    cloud: Cloud, operator: Operator, before: list[dict[str, Any]], arguments: tuple[str, ...]
) -> None:
    if before:
        put_rules(cloud, *before)
    result = operator.run(*arguments)
    assert result.exit_code == 2
    assert_one_sentence(result, "reconcile would publish them again")
    assert len(before) == 0 or rules(cloud) == before


def test_results_may_go_after_their_inputs_or_after_the_ledger(
    cloud: Cloud, operator: Operator
) -> None:
    operator.set("--results-days", "30")
    operator.set("--results-days", "7", "--inputs-days", "7")


def test_what_cannot_be_set_is_told_and_what_follows_is_not_tried(
    cloud: Cloud, operator: Operator, deploy: Deploy
) -> None:
    function = deploy(retries=0)
    refuse(cloud, "UpdateFunctionEventInvokeConfig")
    result = operator.run("--reserved-mb", "1280", "--retries", "2", "--inputs-days", "7", "--json")
    assert result.exit_code == 1
    value = json.loads(result.stdout)
    states = [row["state"] for row in value["settings"]]
    assert states == ["set", "failed", "unchanged", "not tried"]
    assert value["error"] == "UpdateFunctionEventInvokeConfig: UnauthorizedOperation"
    assert function.rules.retries == 0
    table = operator.run("--retries", "2")
    assert table.exit_code == 1
    assert "Failed: UpdateFunctionEventInvokeConfig: UnauthorizedOperation" in table.stdout


def test_a_stop_that_fails_does_not_say_it_stopped(
    cloud: Cloud, operator: Operator, deploy: Deploy
) -> None:
    deploy()
    refuse(cloud, "PutReservedConcurrencyConfig")
    result = operator.run("--reserved-mb", "0")
    assert result.exit_code == 1
    assert "is stopped" not in result.stdout


def test_no_such_function(operator: Operator) -> None:
    result = operator.run("--retries", "1")
    assert result.exit_code == 1
    assert_one_sentence(result, "nothing was changed", "ResourceNotFound.Function")


def test_nobody_answers(
    cloud: Cloud, operator: Operator, deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy()
    for reply in (Reply(502, b"<html>"), Reply(200, b"{}", {"Content-Type": "application/json"})):
        cloud.sandbox.hooks[:] = [lambda request, phase, reply=reply: reply]
        result = operator.run("--retries", "1")
        assert result.exit_code == 1
        assert_one_sentence(result, "nothing was changed", "GetFunctionEventInvokeConfig")
        result = operator.run("--inputs-days", "7")
        assert result.exit_code == 1
        assert_one_sentence(result, "nothing was changed", "GET Bucket lifecycle")


def test_what_is_missing_in_the_environment(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LIVENESS_BUCKET")
    result = operator.run("--reserved-mb", "0")
    assert result.exit_code == 2
    assert "LIVENESS_BUCKET is missing" in result.stderr
