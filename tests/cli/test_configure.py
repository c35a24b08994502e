"""`liveness configure` over HTTP: what it sets, what it leaves alone, and the effect of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from liveness_sandbox import CosTrigger, DeployOptions, Function, Reply, RequestRecord, Status
from tests.conftest import BUCKET, Cloud

from .conftest import Command, assert_one_sentence

ECHO = "def main_handler(event, context):\n    return event\n"
FAILING = "def main_handler(event, context):\n    raise RuntimeError('always')\n"
LEDGER = "liveness/ledger/"
TAGS = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": None}]
FOREIGN_RULES: list[dict[str, Any]] = [
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
    def deploy(source: str = ECHO, name: str = "liveness", **options: Any) -> Function:
        code = tmp_path / name
        code.mkdir()
        (code / "index.py").write_text(source)
        return cloud.sandbox.deploy(name, code, DeployOptions(**options))

    return deploy


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
        """Return before, after and state of every setting."""
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.output
        value = json.loads(result.stdout)
        return {
            row["setting"]: (row["before"], row["after"], row["state"]) for row in value["settings"]
        }


@pytest.fixture
def operator(cloud: Cloud, environment: None, liveness: Command) -> Operator:
    return Operator(cloud, liveness)


def get_rules(cloud: Cloud, bucket: str = BUCKET) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = cloud.client.get_bucket_lifecycle(bucket)["Rule"]
    return rules


def put_rules(cloud: Cloud, *rules: dict[str, Any]) -> None:
    cloud.client.put_bucket_lifecycle(BUCKET, {"Rule": list(rules)})


def rule(name: str, prefix: str, days: int) -> dict[str, Any]:
    return {
        "ID": name,
        "Filter": {"Prefix": prefix},
        "Status": "Enabled",
        "Expiration": {"Days": str(days)},
    }


CLAIMS = rule("liveness-claims", f"{LEDGER}claims/", 30)
SUBMISSIONS = rule("liveness-submissions", f"{LEDGER}submissions/", 30)
PACKAGES = rule("liveness-packages", f"{LEDGER}packages/", 30)
DRAIN = rule("liveness-drain", f"{LEDGER}drain/", 1)
FRAMES = rule("liveness-frame-urls", f"{LEDGER}frame-urls/", 1)
LATER = [SUBMISSIONS, PACKAGES, DRAIN, FRAMES]


def changing(requests: list[RequestRecord]) -> list[str]:
    return [
        each.action or each.method
        for each in requests
        if each.action.startswith(("Put", "Delete", "Update"))
        or (each.service == "cos" and each.method != "GET")
    ]


def test_without_options_the_defaults_are_set(
    cloud: Cloud, operator: Operator, deploy: Deploy
) -> None:
    function = deploy(retries=1, max_event_age_seconds=600)

    settings = operator.set()

    assert list(settings.values()) == [
        (1, 2, "set"),
        (600, 21600, "set"),
        *[(None, 30, "set")] * 3,
        *[(None, 1, "set")] * 2,
    ]
    assert (function.rules.retries, function.rules.max_event_age_seconds) == (2, 21600)
    assert get_rules(cloud) == [CLAIMS, *LATER]


def test_settings_that_are_right_are_not_set_again(
    cloud: Cloud, operator: Operator, deploy: Deploy
) -> None:
    deploy()
    operator.set()
    before = len(cloud.sandbox.requests)

    settings = operator.set()

    assert {state for _, _, state in settings.values()} == {"unchanged"}
    assert changing(cloud.sandbox.requests[before:]) == []


def test_the_json_document_describes_each_setting(
    cloud: Cloud, operator: Operator, deploy: Deploy
) -> None:
    deploy(reserved_mb=1280)

    value = json.loads(operator.run("--reserved-mb", "none", "--json").stdout)

    assert value == {
        "schema": "liveness-configured/2",
        "function": "liveness",
        "region": "ap-singapore",
        "dry_run": False,
        "settings": [
            {
                "setting": "reserved quota",
                "unit": "MB",
                "before": 1280,
                "after": None,
                "before_unknown": False,
                "state": "set",
            }
        ],
        "other_rules": 0,
        "error": None,
        "stopped": False,
        "undo": None,
    }


def test_a_rule_that_archives_is_replaced_by_one_that_removes(
    cloud: Cloud, operator: Operator, deploy: Deploy
) -> None:
    """An action that the bucket's owner added to the rule for unfinished uploads is kept."""
    deploy()
    managed = rule("liveness-inputs", "liveness/incoming/", 90)
    unfinished = {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": "7"}}
    archiving = {name: managed[name] for name in ("ID", "Filter", "Status")}
    archiving["Transition"] = {"Days": "90", "StorageClass": "ARCHIVE"}
    put_rules(cloud, {**archiving, **unfinished})

    (setting,) = operator.set("--inputs-days", "90").values()

    assert setting == (None, 90, "set")
    assert get_rules(cloud) == [{**managed, **unfinished}]


@pytest.mark.parametrize(
    "arguments", [(), ("--reserved-mb", "0"), ("--inputs-days", "7"), ("--max-event-age", "60")]
)
def test_a_dry_run_changes_nothing(
    cloud: Cloud, operator: Operator, deploy: Deploy, arguments: tuple[str, ...]
) -> None:
    deploy(retries=0)

    settings = operator.set("--dry-run", *arguments)

    assert "would be set" in {state for _, _, state in settings.values()}
    assert changing(cloud.sandbox.requests) == []


@pytest.mark.parametrize(
    ("arguments", "settings", "config"),
    [
        (("--max-event-age", "3600"), [(1, 1, "unchanged"), (600, 3600, "set")], (1, 3600)),
        (("--retries", "0"), [(1, 0, "set"), (600, 600, "unchanged")], (0, 600)),
        (("--reserved-mb", "1280"), [(640, 1280, "set")], (1, 600)),
        (("--reserved-mb", "none"), [(640, None, "set")], (1, 600)),
    ],
)
def test_an_option_sets_nothing_but_its_own_setting(
    cloud: Cloud,
    operator: Operator,
    deploy: Deploy,
    arguments: tuple[str, ...],
    settings: list[Any],
    config: tuple[int, int],
) -> None:
    function = deploy(retries=1, max_event_age_seconds=600, reserved_mb=640)

    changed = operator.set(*arguments)

    assert list(changed.values()) == settings
    assert (function.rules.retries, function.rules.max_event_age_seconds) == config
    with pytest.raises(Exception, match="NoSuchLifecycleConfiguration"):
        get_rules(cloud)


def test_the_number_of_retries_takes_effect(
    cloud: Cloud, operator: Operator, deploy: Deploy
) -> None:
    function = deploy(FAILING)
    operator.set("--retries", "0")

    function.queue(None)
    cloud.sandbox.wait_idle()

    assert len(function.invocations) == len(function.dead_letters) == 1


def test_the_emergency_stop_prints_the_command_that_undoes_it(
    operator: Operator, deploy: Deploy
) -> None:
    function = deploy(triggers=[CosTrigger(BUCKET)], reserved_mb=1280)
    assert function.invoke(1).status is Status.SUCCESS

    stop = operator.run("--reserved-mb", "0").stdout

    assert function.invoke(2).status is Status.OVER_QUOTA
    assert "The function is stopped" in stop
    undo = stop.splitlines()[-1].removeprefix("To undo: liveness configure ").split()
    assert undo == ["--reserved-mb", "1280"]

    operator.run(*undo)

    assert function.invoke(3).status is Status.SUCCESS


def test_a_second_stop_no_longer_knows_the_quota_before(operator: Operator, deploy: Deploy) -> None:
    deploy(reserved_mb=0)

    value = json.loads(operator.run("--reserved-mb", "0", "--json").stdout)

    assert value["undo"] == (
        "liveness configure --reserved-mb none, or --reserved-mb MB if there was a quota before"
    )


def refuse(cloud: Cloud, action: str, code: str = "UnauthorizedOperation") -> None:
    body = json.dumps({"Response": {"Error": {"Code": code, "Message": "m"}, "RequestId": "r"}})
    refusal = Reply(200, body.encode(), {"Content-Type": "application/json"})
    cloud.sandbox.hooks.append(
        lambda request, phase: refusal if phase == "before" and request.action == action else None
    )


def test_the_stop_needs_no_permission_to_read(
    cloud: Cloud, operator: Operator, deploy: Deploy
) -> None:
    function = deploy()
    for action in ("GetReservedConcurrencyConfig", "GetFunction", "GetFunctionEventInvokeConfig"):
        refuse(cloud, action)

    table = operator.run("--reserved-mb", "0").stdout

    assert function.invoke(None).status is Status.OVER_QUOTA
    assert "unknown" in table and "liveness configure --reserved-mb none" in table


def test_the_stop_cannot_be_combined_with_other_options(operator: Operator, deploy: Deploy) -> None:
    function = deploy()

    result = operator.run("--reserved-mb", "0", "--retries", "0")

    assert result.exit_code == 2
    assert_one_sentence(result, "--reserved-mb 0 cannot be combined")
    assert function.invoke(None).status is Status.SUCCESS


def test_a_foreign_rule_with_a_similar_name_is_kept(
    cloud: Cloud, operator: Operator, deploy: Deploy
) -> None:
    deploy()
    foreign = rule("liveness-claims-of-mine", f"{LEDGER}claims/", 60)
    put_rules(cloud, foreign)

    operator.set()

    assert get_rules(cloud) == [foreign, CLAIMS, *LATER]


def test_only_the_named_function_is_stopped(operator: Operator, deploy: Deploy) -> None:
    other, stopped = deploy(), deploy(name="staging")

    table = operator.run("--function-name", "staging", "--reserved-mb", "0").stdout

    assert "liveness configure --function-name staging --reserved-mb none" in table
    assert other.invoke(None).status is Status.SUCCESS
    assert stopped.invoke(None).status is Status.OVER_QUOTA


def test_a_quota_smaller_than_one_instance_is_rejected(operator: Operator, deploy: Deploy) -> None:
    function = deploy(memory_mb=256)

    result = operator.run("--reserved-mb", "255")

    assert result.exit_code == 2
    assert_one_sentence(result, "one instance needs 256 MB", "0 to stop it")
    assert function.invoke(None).status is Status.SUCCESS


def test_foreign_rules_stay_unchanged_and_in_place(
    cloud: Cloud, operator: Operator, deploy: Deploy
) -> None:
    deploy()
    outdated = rule("liveness-claims", f"{LEDGER}claims/", 3)
    put_rules(cloud, FOREIGN_RULES[0], outdated, FOREIGN_RULES[1])

    table = operator.run().stdout

    assert get_rules(cloud) == [FOREIGN_RULES[0], CLAIMS, FOREIGN_RULES[1], *LATER]
    assert "2 other lifecycle rules stay as before" in table


def test_two_installations_can_share_a_bucket(
    cloud: Cloud, operator: Operator, deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy()
    operator.set()
    monkeypatch.setenv("LIVENESS_LEDGER_PREFIX", "staging/")

    operator.set()
    operator.set()

    rules = get_rules(cloud)
    assert rules[:5] == [CLAIMS, *LATER]
    assert [each["Filter"]["Prefix"] for each in rules[5:]] == [
        each["Filter"]["Prefix"].replace(LEDGER, "staging/") for each in rules[:5]
    ]
    assert rules[5]["ID"].startswith("liveness-claims-")


def test_a_disabled_rule_is_enabled(cloud: Cloud, operator: Operator, deploy: Deploy) -> None:
    deploy()
    put_rules(cloud, {**CLAIMS, "Status": "Disabled"})

    settings = operator.set()

    assert list(settings.values())[2] == (None, 30, "set")
    assert get_rules(cloud)[0] == CLAIMS


def test_retention_of_pictures_and_of_results_is_kept_apart_until_it_is_reset(
    cloud: Cloud, operator: Operator, deploy: Deploy
) -> None:
    deploy()
    operator.set()
    inputs = rule("liveness-inputs", "liveness/incoming/", 7)
    frames = rule("liveness-frames", "liveness/frames/", 5)
    results = rule("liveness-results", "liveness/results/", 365)

    operator.set("--inputs-days", "7", "--frames-days", "5", "--results-days", "365")
    assert get_rules(cloud) == [CLAIMS, *LATER, inputs, frames, results]

    operator.set()
    assert get_rules(cloud) == [CLAIMS, *LATER, inputs, frames, results]

    operator.set("--inputs-days", "never", "--frames-days", "never", "--results-days", "never")
    assert get_rules(cloud) == [CLAIMS, *LATER]


def test_the_last_rule_can_be_removed(cloud: Cloud, operator: Operator) -> None:
    operator.set("--inputs-days", "7")
    assert len(get_rules(cloud)) == 1

    operator.set("--inputs-days", "never")

    with pytest.raises(Exception, match="NoSuchLifecycleConfiguration"):
        get_rules(cloud)


def test_each_rule_is_set_on_the_bucket_of_its_objects(
    cloud: Cloud, operator: Operator, deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy()
    ledger, results = "ledger-1250000000", "results-1250000000"
    for variable, bucket in (("LEDGER", ledger), ("RESULT", results)):
        cloud.sandbox.create_bucket(bucket)
        monkeypatch.setenv(f"LIVENESS_{variable}_BUCKET", bucket)

    operator.set()
    operator.set("--inputs-days", "1", "--frames-days", "2", "--results-days", "40")

    assert get_rules(cloud, ledger) == [CLAIMS, *LATER]
    assert get_rules(cloud, results) == [
        rule("liveness-frames", "liveness/frames/", 2),
        rule("liveness-results", "liveness/results/", 40),
    ]
    assert get_rules(cloud) == [rule("liveness-inputs", "liveness/incoming/", 1)]


@pytest.mark.parametrize(
    ("before", "arguments"),
    [
        ([], ("--results-days", "7")),
        ([], ("--results-days", "7", "--inputs-days", "8")),
        ([rule("yours", "l", 7)], ("--inputs-days", "never", "--results-days", "6")),
        (
            [rule("liveness-inputs", "liveness/incoming/", 7), rule("x", "liveness/results/", 7)],
            ("--inputs-days", "never"),
        ),
    ],
)
def test_a_retention_with_which_results_come_back_is_rejected(
    cloud: Cloud, operator: Operator, before: list[dict[str, Any]], arguments: tuple[str, ...]
) -> None:
    if before:
        put_rules(cloud, *before)

    result = operator.run(*arguments)

    assert result.exit_code == 2
    assert_one_sentence(result, "reconcile would publish them again")
    assert len(before) == 0 or get_rules(cloud) == before


@pytest.mark.parametrize(
    "arguments", [("--results-days", "30"), ("--results-days", "7", "--inputs-days", "7")]
)
def test_results_may_be_removed_after_their_inputs_or_the_ledger(
    operator: Operator, arguments: tuple[str, ...]
) -> None:
    settings = operator.set(*arguments)

    assert {state for _, _, state in settings.values()} == {"set"}


def test_after_a_failed_change_no_other_is_tried(
    cloud: Cloud, operator: Operator, deploy: Deploy
) -> None:
    function = deploy(retries=0)
    refuse(cloud, "UpdateFunctionEventInvokeConfig")

    result = operator.run("--reserved-mb", "1280", "--retries", "2", "--inputs-days", "7", "--json")

    assert result.exit_code == 1
    value = json.loads(result.stdout)
    states = [row["state"] for row in value["settings"]]
    assert states == ["set", "failed", "unchanged", "not tried"]
    assert value["error"] == (
        "UpdateFunctionEventInvokeConfig: UnauthorizedOperation: check the policy of your key, see "
        "`liveness policies`"
    )
    assert function.rules.retries == 0


def test_the_table_names_the_error_of_a_failed_change(
    cloud: Cloud, operator: Operator, deploy: Deploy
) -> None:
    deploy(retries=0)
    refuse(cloud, "UpdateFunctionEventInvokeConfig")

    table = operator.run("--retries", "2")

    assert table.exit_code == 1
    assert "Failed: UpdateFunctionEventInvokeConfig: UnauthorizedOperation" in table.stdout


def test_a_failed_stop_is_not_reported_as_stopped(
    cloud: Cloud, operator: Operator, deploy: Deploy
) -> None:
    deploy()
    refuse(cloud, "PutReservedConcurrencyConfig")

    result = operator.run("--reserved-mb", "0")

    assert result.exit_code == 1
    assert "is stopped" not in result.stdout


def test_a_missing_function_is_reported(operator: Operator) -> None:
    result = operator.run("--retries", "1")

    assert result.exit_code == 1
    assert_one_sentence(result, "nothing was changed", "ResourceNotFound.Function")


@pytest.mark.parametrize(
    "reply", [Reply(502, b"<html>"), Reply(200, b"{}", {"Content-Type": "application/json"})]
)
@pytest.mark.parametrize(
    ("option", "value", "request_name"),
    [
        ("--retries", "1", "GetFunctionEventInvokeConfig"),
        ("--inputs-days", "7", "GET Bucket lifecycle"),
    ],
)
def test_an_unintelligible_reply_changes_nothing(
    cloud: Cloud,
    operator: Operator,
    deploy: Deploy,
    option: str,
    value: str,
    request_name: str,
    reply: Reply,
) -> None:
    deploy()
    cloud.sandbox.hooks.append(lambda request, phase: reply)

    result = operator.run(option, value)

    assert result.exit_code == 1
    assert_one_sentence(result, "nothing was changed", request_name)


def test_a_missing_variable_is_reported(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LIVENESS_BUCKET")

    result = operator.run("--reserved-mb", "0")

    assert result.exit_code == 2
    assert "LIVENESS_BUCKET is missing" in result.stderr
