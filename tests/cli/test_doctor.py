"""`liveness doctor` over HTTP: a complete installation, and each part of it broken in turn."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from liveness.errors import SettingsError
from liveness.settings import read_settings
from liveness_cli.account.function import Configuration
from liveness_cli.account.same_settings import different_settings
from liveness_cli.permissions import policies
from liveness_sandbox import CosTrigger, DeployOptions, Drop, Reply, RequestRecord, TimerTrigger
from liveness_sandbox.cos.errors import CosError
from liveness_sandbox.cos.identifiers import Identifiers
from tests.conftest import BUCKET, Cloud
from tests.sandbox.clients import api_client

from .conftest import Command

ECHO = "def main_handler(event, context):\n    return event\n"
ROLE = "liveness-function"
SETTINGS = read_settings({"TENCENTCLOUD_REGION": "ap-singapore", "LIVENESS_BUCKET": BUCKET})
TRUST = policies.trust(SETTINGS)
ANOTHER_ACCOUNT = "qcs::cam::uin/100000000009:root"
POLICY = policies.function(SETTINGS)
UPLOADS = CosTrigger(BUCKET, prefix="liveness/incoming/")
DRAIN = TimerTrigger("drain", "drain", "0 * * * * * *")
RECONCILE = TimerTrigger("reconcile", "reconcile", "0 17 * * * * *")
CHECKS = [
    "clock", "region", "private", "versioning", "function", "traffic", "settings", "cpu",
    "uploads", "own writes", "drain", "reconcile", "role", "policy", "quota", "retries", "markers",
    "claims", "submissions", "packages", "slots", "frame URLs", "results", "link",
]  # fmt: skip


def rule(prefix: str, days: int, **fields: Any) -> dict[str, Any]:
    expiration = {"Days": str(days)}
    return {"Filter": {"Prefix": prefix}, "Status": "Enabled", "Expiration": expiration} | fields


CLAIMS = rule("liveness/ledger/claims/", 30, ID="liveness-claims")
SLOTS = rule("liveness/ledger/drain/", 1, ID="liveness-drain")
OTHERS = [
    rule("liveness/ledger/submissions/", 30, ID="liveness-submissions"),
    rule("liveness/ledger/packages/", 30, ID="liveness-packages"),
    rule("liveness/ledger/frame-urls/", 1, ID="liveness-frame-urls"),
]


class Installation:
    """An installation that passes all checks, unless a test changes a part of it."""

    def __init__(self, cloud: Cloud, folder: Path, command: Command) -> None:
        self.cloud = cloud
        self._folder = folder
        self._command = command
        self._deployed = False
        self.put_role(TRUST, POLICY)
        self.put_rules(CLAIMS, SLOTS)

    def put_role(self, trust: Any, *documents: Any) -> None:
        policies = {f"policy {number}": document for number, document in enumerate(documents)}
        self.cloud.sandbox.put_role(ROLE, trust, policies)

    def put_rules(self, *rules: dict[str, Any]) -> None:
        """Put the rules that are given, and the managed ones of `OTHERS` that they leave out."""
        ids = [each.get("ID") for each in rules]
        rest = [each for each in OTHERS if each["ID"] not in ids]
        self.cloud.client.put_bucket_lifecycle(BUCKET, {"Rule": [*rules, *rest]})

    def deploy(
        self,
        triggers: Sequence[CosTrigger | TimerTrigger] = (UPLOADS, DRAIN, RECONCILE),
        environment: Mapping[str, str] = {},
        **options: Any,
    ) -> None:
        """Deploy the function in another way than `examine` would; call at most once."""
        self._deployed = True
        code = self._folder / "code"
        code.mkdir()
        (code / "index.py").write_text(ECHO)
        settings = {"LIVENESS_BUCKET": BUCKET, "LIVENESS_ENDPOINT_SCHEME": "http"}
        defaults: dict[str, Any] = {"timeout_seconds": 900, "memory_mb": 256, "role": ROLE}
        self.cloud.sandbox.deploy(
            "liveness",
            code,
            DeployOptions(
                triggers=triggers,
                environment={**settings, **environment},
                **(defaults | options),
            ),
        )

    def deploy_nothing(self) -> None:
        self._deployed = True

    def examine(self, *arguments: str) -> Result:
        """Run the command, and check that it changes nothing and prints no secret."""
        if not self._deployed:
            self.deploy()
        before = len(self.cloud.sandbox.requests)
        result = self._command("doctor", *arguments)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        requests = self.cloud.sandbox.requests[before:]
        assert {each.method for each in requests if each.service == "cos"} <= {"GET", "HEAD"}
        actions = [each.action for each in requests if each.service in ("cam", "scf")]
        assert all(action.startswith(("Get", "List")) for action in actions)
        keys = self.cloud.sandbox.credentials
        for canary in (keys.secret_id, keys.secret_key, "q-sign", "http://", "https://"):
            assert canary not in result.output
        return result

    def findings(self, status: int) -> dict[str, dict[str, str]]:
        result = self.examine("--json")
        assert result.exit_code == status, result.output
        return {each["check"]: each for each in json.loads(result.stdout)["checks"]}


@pytest.fixture
def installation(
    cloud: Cloud, environment: None, tmp_path: Path, liveness: Command
) -> Installation:
    return Installation(cloud, tmp_path, liveness)


def in_state(findings: dict[str, dict[str, str]], state: str) -> set[str]:
    """The names of the checks in this state."""
    return {name for name, finding in findings.items() if finding["state"] == state}


def test_a_healthy_installation_passes_all_checks(installation: Installation) -> None:
    findings = installation.findings(0)
    table = installation.examine().stdout

    assert list(findings) == CHECKS
    assert in_state(findings, "passed") == set(CHECKS), findings
    assert "All checks passed." in table and "Fix" not in table


def test_the_json_document_counts_and_lists_the_checks(installation: Installation) -> None:
    installation.put_rules(SLOTS)

    value = json.loads(installation.examine("--json").stdout)

    checks = value.pop("checks")
    assert value == {
        "schema": "liveness-doctor/2",
        "function": "liveness",
        "region": "ap-singapore",
        "bucket": BUCKET,
        "failed": 1,
        "skipped": 0,
    }
    assert {tuple(each) for each in checks} == {("check", "state", "message", "fix")}


def test_a_deployed_function_must_not_use_http() -> None:
    """Unless this command talks to the sandbox, too."""
    environment = {"LIVENESS_BUCKET": BUCKET, "LIVENESS_ENDPOINT_SCHEME": "http"}
    deployed = Configuration("Active", ROLE, 128, 900, False, environment)

    with pytest.raises(SettingsError, match="LIVENESS_ENDPOINT_SCHEME is 'http'"):
        different_settings(deployed, SETTINGS)
    assert different_settings(deployed, SETTINGS._replace(endpoint_scheme="http")) == []


def test_configure_fixes_retries_and_lifecycle_rules(
    installation: Installation, liveness: Command
) -> None:
    installation.cloud.client.delete_bucket_lifecycle(BUCKET)
    installation.deploy(retries=0, max_event_age_seconds=60)
    before = installation.findings(1)

    configured = liveness("configure")

    ledger = {"claims", "submissions", "packages", "slots", "frame URLs"}
    assert in_state(before, "failed") == {"retries", *ledger}
    assert configured.exit_code == 0
    installation.findings(0)


def test_an_emergency_stop_fails_the_quota_check(
    installation: Installation, liveness: Command
) -> None:
    installation.deploy()
    assert liveness("configure", "--reserved-mb", "0").exit_code == 0

    findings = installation.findings(1)

    assert findings["quota"]["fix"].startswith("liveness configure --reserved-mb none")


# ---- each part broken in turn: how, which check notices, and its message

Break = Callable[[Installation], Any]


def uploads(**changed: Any) -> Break:
    options = {"bucket": BUCKET, "prefix": "liveness/incoming/", **changed}
    trigger = CosTrigger(**options)
    return lambda installation: installation.deploy([trigger, DRAIN, RECONCILE])


def two_upload_triggers(first: dict[str, Any], second: dict[str, Any]) -> Break:
    triggers = [
        CosTrigger(BUCKET, **{"prefix": "liveness/incoming/", **each}) for each in (first, second)
    ]
    return lambda installation: installation.deploy([*triggers, DRAIN, RECONCILE])


def timers(*triggers: TimerTrigger) -> Break:
    return lambda installation: installation.deploy([UPLOADS, *triggers])


def policy_with(*statements: dict[str, Any]) -> Mapping[str, Any]:
    return {"version": "2.0", "statement": [*POLICY["statement"], *statements]}


def allow(action: str, resource: str = "*") -> dict[str, Any]:
    return {"effect": "allow", "action": action, "resource": resource}


def policy_without(index: int) -> Mapping[str, Any]:
    kept = [each for number, each in enumerate(POLICY["statement"]) if number != index]
    return {"version": "2.0", "statement": kept}


# May publish what it writes, and rewrite claims.
UNCONDITIONAL = {
    "version": "2.0",
    "statement": [
        {name: value for name, value in each.items() if name != "condition"}
        for each in POLICY["statement"]
    ],
}


def trust(**changed: Any) -> Mapping[str, Any]:
    return {"version": "2.0", "statement": [TRUST["statement"][0] | changed]}


def versioned(status: str) -> Break:
    return lambda installation: installation.cloud.client.put_bucket_versioning(BUCKET, status)


def refuse_links(installation: Installation) -> None:
    """Refuse pre-signed URLs, as a bucket with a list of referers or an allowed network does."""
    installation.cloud.sandbox.hooks.append(
        lambda request, phase: Reply(403) if request.auth == "query" and phase == "before" else None
    )


def clock_ahead(seconds: float) -> Break:
    def turn_back(installation: Installation) -> None:
        installation.cloud.sandbox.hooks.append(
            lambda request, phase: (
                Reply(
                    403,
                    headers={
                        "Date": time.strftime(
                            "%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() - seconds)
                        )
                    },
                )
                if request.auth == "none" and phase == "before"
                else None
            )
        )

    return turn_back


@pytest.mark.parametrize(
    ("break_part", "check", "message"),
    [
        (
            lambda installation: installation.cloud.sandbox.clock.advance(61),
            "clock",
            "behind COS's",
        ),
        (clock_ahead(62), "clock", "ahead of COS's"),
        (
            lambda installation: installation.cloud.client.put_bucket_acl(
                BUCKET, ACL="public-read"
            ),
            "private",
            "anybody may list faces-1250000000",
        ),
        (versioned("Enabled"), "versioning", "Enabled on faces-1250000000"),
        (versioned("Suspended"), "versioning", "Suspended on faces-1250000000"),
        (
            lambda installation: installation.deploy_nothing(),
            "function",
            "there is no function liveness in ap-singapore",
        ),
        (
            lambda installation: installation.deploy(timeout_seconds=59),
            "function",
            "its timeout is 59 s",
        ),
        (
            lambda installation: installation.deploy(
                environment={"LIVENESS_LEDGER_PREFIX": "elsewhere/"}
            ),
            "settings",
            "in LIVENESS_LEDGER_PREFIX",
        ),
        (
            lambda installation: installation.deploy(environment={"LIVENESS_SIM_THRESHOLD": "700"}),
            "settings",
            "LIVENESS_SIM_THRESHOLD is '700'",
        ),
        (
            lambda installation: installation.deploy([DRAIN, RECONCILE]),
            "uploads",
            "no COS trigger on",
        ),
        (uploads(bucket="other-1250000000"), "uploads", "no COS trigger on"),
        (uploads(enabled=False), "uploads", "is disabled"),
        (uploads(qualifier="3"), "uploads", "runs version 3"),
        (uploads(prefix="liveness/in"), "uploads", "a trigger's prefix is 'liveness/in'"),
        (uploads(prefix="liveness/incoming/a/"), "uploads", "does not trigger it"),
        (uploads(suffix=".bin"), "uploads", "some-pair/reference.jpg' does not trigger it"),
        (uploads(events=("cos:ObjectCreated:Put",)), "uploads", "Created:Post of a key"),
        (uploads(events=("cos:ObjectRemove:*",)), "uploads", "Created:Put of a key"),
        (two_upload_triggers({}, {"suffix": ".bin"}), "uploads", "two triggers overlap"),
        (
            two_upload_triggers({}, {"events": ("cos:ObjectCreated:Copy",)}),
            "uploads",
            "two triggers overlap",
        ),
        (timers(RECONCILE), "drain", "no timer has the argument 'drain'"),
        (timers(DRAIN), "reconcile", "no timer has the argument 'reconcile'"),
        (
            timers(RECONCILE, TimerTrigger("d", "drain", "0 * * * * * *", enabled=False)),
            "drain",
            "is disabled",
        ),
        (timers(RECONCILE, TimerTrigger("d", "drain", "30 * * * * * *")), "drain", "full minute"),
        (
            timers(DRAIN, TimerTrigger("r", "reconcile", "0 17 * * * * *", qualifier="1")),
            "reconcile",
            "an old version",
        ),
        (
            lambda installation: installation.put_role(
                trust(principal={"service": ["cls.cloud.tencent.com"]}), POLICY
            ),
            "role",
            "does not trust scf.qcloud.com",
        ),
        (
            lambda installation: installation.put_role(trust(effect="deny"), POLICY),
            "role",
            "does not trust",
        ),
        (
            lambda installation: installation.put_role(
                trust(principal={"service": ["scf.qcloud.com", "cvm.qcloud.com"]}), POLICY
            ),
            "role",
            "also trusts cvm.qcloud.com",
        ),
        (
            lambda installation: installation.put_role(
                trust(principal={"service": "scf.qcloud.com", "qcs": ANOTHER_ACCOUNT}), POLICY
            ),
            "role",
            f"also trusts {ANOTHER_ACCOUNT}",
        ),
        (
            lambda installation: installation.put_role(
                {
                    "version": "2.0",
                    "statement": [
                        *TRUST["statement"],
                        {
                            "effect": "allow",
                            "action": "name/sts:AssumeRole",
                            "principal": {"qcs": [ANOTHER_ACCOUNT]},
                        },
                    ],
                },
                POLICY,
            ),
            "role",
            f"also trusts {ANOTHER_ACCOUNT}",
        ),
        (
            lambda installation: installation.put_role(trust(action="name/sts:Other"), POLICY),
            "role",
            "does not trust",
        ),
        (lambda installation: installation.deploy(role=None), "role", "the function has none"),
        (
            lambda installation: installation.deploy(role="nobody"),
            "role",
            "there is no role nobody",
        ),
        (lambda installation: installation.put_role(TRUST), "policy", "may not do what is needed"),
        *(
            (
                lambda installation, index=index: installation.put_role(
                    TRUST, policy_without(index)
                ),
                "policy",
                "may not do",
            )
            for index in range(len(POLICY["statement"]))
        ),
        (
            lambda installation: installation.put_role(TRUST, policy_with(allow("name/cos:*"))),
            "policy",
            "more than is needed: name/cos:PutObject on",
        ),
        (
            lambda installation: installation.put_role(
                TRUST, POLICY, policy_with(allow("name/cos:PutObjectACL"))
            ),
            "policy",
            "more than is needed: name/cos:PutObjectACL",
        ),
        (
            lambda installation: installation.put_role(TRUST, UNCONDITIONAL),
            "policy",
            "more than is needed: name/cos:PutObject on",
        ),
        (
            lambda installation: installation.put_role(TRUST, POLICY, policy_with(allow("cam:*"))),
            "policy",
            "more than is needed: cam:AttachRolePolicy",
        ),
        (
            lambda installation: installation.put_role(
                TRUST, policy_with({**allow("*"), "effect": "deny"})
            ),
            "policy",
            "may not do what is needed",
        ),
        (
            lambda installation: installation.deploy(memory_mb=128),
            "cpu",
            "128 MB are about 0.07 of a core, enough for 3.6 pairs/s in one instance",
        ),
        (lambda installation: installation.deploy(reserved_mb=0), "quota", "is stopped"),
        (
            lambda installation: installation.deploy(reserved_mb=255),
            "quota",
            "the function never runs",
        ),
        (lambda installation: installation.deploy(retries=1), "retries", "1 retries"),
        (
            lambda installation: installation.deploy(max_event_age_seconds=3600),
            "retries",
            "given up at 60 min",
        ),
        (
            lambda installation: installation.put_rules(
                CLAIMS, SLOTS, rule("liveness/ledger/submissions/", 7, ID="liveness-submissions")
            ),
            "submissions",
            "for 30 days they count the contents of a pair",
        ),
        (
            lambda installation: installation.put_rules(
                CLAIMS, SLOTS, rule("liveness/ledger/packages/", 7, ID="liveness-packages")
            ),
            "packages",
            "prevent a package from being used for two pairs",
        ),
        (
            lambda installation: installation.put_rules(
                CLAIMS, SLOTS, {**OTHERS[2], "Status": "Disabled"}
            ),
            "frame URLs",
            "no rule removes liveness/ledger/frame-urls/",
        ),
        (
            lambda installation: installation.put_rules(
                CLAIMS, SLOTS, rule("live", 400, ID="tidy")
            ),
            "markers",
            "'tidy'",
        ),
        (
            lambda installation: installation.put_rules(
                CLAIMS, SLOTS, rule("liveness/ledger/pending/2", 9)
            ),
            "markers",
            "the nameless rule for 'liveness/ledger/pending/2'",
        ),
        (
            lambda installation: installation.put_rules(
                CLAIMS, SLOTS, {**rule("", 400), "Filter": None}
            ),
            "markers",
            "waiting pairs would be forgotten",
        ),
        (
            lambda installation: installation.put_rules(
                CLAIMS,
                SLOTS,
                {
                    "ID": "cold",
                    "Filter": {"And": {"Prefix": "liveness/", "ObjectSizeLessThan": "9999"}},
                    "Status": "Enabled",
                    "Transition": {"Days": "90", "StorageClass": "ARCHIVE"},
                },
            ),
            "markers",
            "'cold' removes or archives, after 90 days",
        ),
        (
            lambda installation: installation.put_rules(
                CLAIMS,
                SLOTS,
                {
                    **rule("liveness/ledger/pending/", 1),
                    "Expiration": {"Date": "2030-01-01T00:00:00+08:00"},
                },
            ),
            "markers",
            "by a date",
        ),
        (lambda installation: installation.put_rules(SLOTS), "claims", "no rule removes"),
        (
            lambda installation: installation.put_rules(SLOTS, CLAIMS | {"Status": "Disabled"}),
            "claims",
            "no rule removes",
        ),
        (
            lambda installation: installation.put_rules(
                SLOTS, CLAIMS | {"Expiration": {"Days": "29"}}
            ),
            "claims",
            "after 29 days",
        ),
        (
            lambda installation: installation.put_rules(
                SLOTS, CLAIMS, rule("liveness/ledger/claims/a", 7, ID="x")
            ),
            "claims",
            "the rule 'x' removes or archives, after 7 days",
        ),
        (
            # It removes only some of them.
            lambda installation: installation.put_rules(
                SLOTS, rule("liveness/ledger/claims/0", 30)
            ),
            "claims",
            "no rule removes",
        ),
        (
            # It archives them, so they stay.
            lambda installation: installation.put_rules(
                SLOTS,
                {
                    **{name: CLAIMS[name] for name in ("ID", "Filter", "Status")},
                    "Transition": {"Days": "30", "StorageClass": "ARCHIVE"},
                },
            ),
            "claims",
            "no rule removes",
        ),
        (lambda installation: installation.put_rules(CLAIMS), "slots", "no rule removes"),
        (
            lambda installation: installation.put_rules(
                CLAIMS,
                SLOTS,
                rule("liveness/results/", 7),
                rule("liveness/incoming/test/", 1, ID="test"),
            ),
            "results",
            "inputs are kept forever, best frames forever, results 7 days",
        ),
        (
            lambda installation: installation.put_rules(
                CLAIMS, SLOTS, rule("liveness/results/", 7)
            ),
            "results",
            "best frames forever, results 7 days: reconcile publishes removed results again",
        ),
        (refuse_links, "link", "is answered with 403"),
    ],
)
def test_a_broken_part_fails_its_check_and_no_other(
    installation: Installation, break_part: Break, check: str, message: str
) -> None:
    break_part(installation)

    findings = installation.findings(1)

    assert in_state(findings, "failed") == {check}, findings
    assert message in findings[check]["message"]
    assert findings[check]["fix"]


def test_it_advises_memory_that_the_platform_accepts(installation: Installation) -> None:
    installation.deploy(memory_mb=128)

    assert "memorySize in serverless.yml to 256 or more" in installation.findings(1)["cpu"]["fix"]


@pytest.mark.parametrize(
    ("action", "change", "check", "message"),
    [
        ("GetFunction", {"Status": "CreateFailed"}, "function", "its status is CreateFailed"),
        ("GetFunction", {"AsyncRunEnable": "TRUE"}, "function", "asyncRunEnable is on"),
        ("ListTriggers", {"AvailableStatus": "Unavailable"}, "uploads", "is disabled"),
    ],
)
def test_a_state_that_only_the_platform_can_cause_fails_the_check(
    installation: Installation, action: str, change: dict[str, str], check: str, message: str
) -> None:
    installation.deploy()
    client = api_client(installation.cloud.sandbox, "scf", "2018-04-16")
    body = client.call_json(action, {"FunctionName": "liveness"})
    (body["Response"]["Triggers"][0] if check == "uploads" else body["Response"]).update(change)
    reply = Reply(200, json.dumps(body).encode(), {"Content-Type": "application/json"})
    installation.cloud.sandbox.hooks.append(
        lambda request, phase: reply if (request.action, phase) == (action, "after") else None
    )

    finding = installation.findings(1)[check]

    assert finding["state"] == "failed", finding
    assert message in finding["message"]


def test_the_table_shows_state_check_message_and_fix(installation: Installation) -> None:
    installation.put_rules(SLOTS)
    installation.cloud.sandbox.hooks.append(refusing("GetRole", "A.B"))

    table = installation.examine()

    assert table.exit_code == 1
    lines = table.stdout.splitlines()
    index = next(number for number, line in enumerate(lines) if "no rule removes live" in line)
    assert lines[index].split()[:2] == ["failed", "claims"]
    assert lines[index + 1].strip() == "Fix: liveness configure."
    assert "  skipped  role         GetRole: A.B" in lines
    assert lines[-1] == "1 failed, but 2 checks could not look: nothing is known about that."


def test_a_trigger_that_fires_for_results_fails_two_checks(installation: Installation) -> None:
    installation.deploy([CosTrigger(BUCKET, prefix="liveness/"), DRAIN, RECONCILE])

    findings = installation.findings(1)

    assert "trigger itself forever" in findings["own writes"]["message"]
    assert findings["uploads"]["state"] == "failed"


LEDGER = "ledger-1250000000"


@pytest.fixture
def separate_ledger(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The settings of an installation whose ledger is in another bucket, which does not exist."""
    settings = {"LIVENESS_LEDGER_BUCKET": LEDGER}
    monkeypatch.setenv("LIVENESS_LEDGER_BUCKET", LEDGER)
    environ = {"TENCENTCLOUD_REGION": "ap-singapore", "LIVENESS_BUCKET": BUCKET}
    installation.put_role(TRUST, policies.function(read_settings(environ | settings)))
    return settings


def test_a_missing_ledger_bucket_fails_the_region_check(
    installation: Installation, separate_ledger: dict[str, str]
) -> None:
    installation.deploy(environment=separate_ledger)

    findings = installation.findings(1)

    assert findings["region"]["message"] == (
        f"there is no bucket {LEDGER} (LIVENESS_LEDGER_BUCKET) in ap-singapore "
        "(TENCENTCLOUD_REGION)"
    )
    assert "correct the variable that is wrong" in findings["region"]["fix"]


def test_only_the_ledgers_bucket_must_not_have_versioning(
    installation: Installation, separate_ledger: dict[str, str]
) -> None:
    installation.deploy(environment=separate_ledger)
    installation.cloud.sandbox.create_bucket(LEDGER)
    installation.cloud.client.put_bucket_lifecycle(LEDGER, {"Rule": [CLAIMS, SLOTS, *OTHERS]})
    installation.cloud.client.put_bucket_versioning(BUCKET, "Enabled")

    findings = installation.findings(0)

    assert findings["versioning"]["message"] == (
        f"never enabled on {LEDGER}, which contains the ledger; `liveness erase` leaves older "
        f"versions on {BUCKET}"
    )


def test_a_trigger_on_the_ledgers_bucket_fails_the_check(
    installation: Installation, separate_ledger: dict[str, str]
) -> None:
    installation.cloud.sandbox.create_bucket(LEDGER)
    installation.deploy(
        [UPLOADS, DRAIN, RECONCILE, CosTrigger(LEDGER)], environment=separate_ledger
    )

    findings = installation.findings(1)

    assert LEDGER in findings["own writes"]["message"]


@pytest.mark.parametrize(
    ("triggers", "settings"),
    [
        (
            [{"suffix": ".live"}, {"suffix": ".jpg"}],
            {"LIVENESS_LIVE_SUFFIXES": ".live", "LIVENESS_IMAGE_SUFFIXES": ".jpg"},
        ),
        (
            [
                {"events": (f"cos:ObjectCreated:{kind}",)}
                for kind in ("Put", "Post", "Copy", "CompleteMultipartUpload")
            ],
            {},
        ),
    ],
    ids=["by suffix", "by event"],
)
def test_several_triggers_may_together_cover_all_uploads(
    installation: Installation,
    monkeypatch: pytest.MonkeyPatch,
    triggers: list[dict[str, Any]],
    settings: dict[str, str],
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    cos = [CosTrigger(BUCKET, prefix="liveness/incoming/", **options) for options in triggers]
    installation.deploy([*cos, DRAIN, RECONCILE], environment=settings)

    findings = installation.findings(0)

    assert findings["uploads"]["state"] == "passed"


@pytest.mark.parametrize(
    "harmless",
    [
        rule("logs/", 1),
        rule("liveness/", 1, Status="Disabled"),
        {
            **rule("", 1),
            "Filter": {"And": {"Prefix": "liveness/", "Tag": {"Key": "a", "Value": "b"}}},
        },
        {
            "Filter": {"Prefix": ""},
            "Status": "Enabled",
            "Transition": {"Days": "30", "StorageClass": "STANDARD_IA"},
        },
        {
            "Filter": {"Prefix": ""},
            "Status": "Enabled",
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": "7"},
        },
        {
            **rule("", 400),
            "Filter": {"And": {"Prefix": "l", "PrefixNotEquals": "liveness/ledger/"}},
        },
    ],
)
def test_a_harmless_rule_fails_no_check(
    installation: Installation, harmless: dict[str, Any]
) -> None:
    installation.put_rules(CLAIMS, SLOTS, harmless)

    installation.findings(0)


@pytest.mark.parametrize("condition", ["ObjectSizeGreaterThan", "ObjectSizeLessThan"])
def test_a_rule_for_some_sizes_does_not_remove_all_claims(
    installation: Installation, condition: str
) -> None:
    both = {"Prefix": CLAIMS["Filter"]["Prefix"], condition: "1024"}
    installation.put_rules({**CLAIMS, "Filter": {"And": both}}, SLOTS)

    finding = installation.findings(1)["claims"]

    assert "it grows forever" in finding["message"]


def test_no_byte_of_an_input_is_read(installation: Installation) -> None:
    for name in ("live.bin", "reference.jpg"):
        installation.cloud.put("anna", name, b"x")

    findings = installation.findings(0)

    assert "is accepted without a key" in findings["link"]["message"]
    requests = [each for each in installation.cloud.sandbox.requests if each.key]
    assert {each.key for each in requests} == {"liveness/incoming/.liveness-control"}
    assert [each.auth for each in requests] == ["header", "query"]


def test_an_unanswered_link_is_skipped_without_showing_its_url(
    installation: Installation,
) -> None:
    installation.cloud.sandbox.hooks.append(
        lambda request, phase: Drop() if request.auth == "query" else None
    )

    finding = installation.findings(3)["link"]

    assert finding["state"] == "skipped"
    assert finding["message"] == "a pre-signed URL could not be tried (ProxyError)"


# ---- facts that cannot be read


def refusing(action: str, code: str) -> Callable[[RequestRecord, str], Reply | None]:
    error = {"Error": {"Code": code, "Message": "see http://a/?q-signature=b"}, "RequestId": "r"}
    body = json.dumps({"Response": error}).encode()
    reply = Reply(200, body, {"Content-Type": "application/json"})
    return lambda request, phase: reply if (request.action, phase) == (action, "before") else None


def refusing_bucket(parameter: str | None) -> Callable[[RequestRecord, str], Reply | None]:
    """Refuse requests on the bucket itself with this parameter, or HEAD requests if None."""

    def hook(request: RequestRecord, phase: str) -> Reply | None:
        if phase != "before" or request.service != "cos" or request.key or request.auth == "none":
            return None
        is_refused = parameter in request.query if parameter else request.method == "HEAD"
        body = CosError(403, "AccessDenied", "Access Denied").reply("GET", "a", Identifiers()).body
        return Reply(403, b"" if request.method == "HEAD" else body) if is_refused else None

    return hook


def refusing_inputs(request: RequestRecord, phase: str) -> Reply | None:
    is_input = request.key.startswith("liveness/incoming/")
    return Reply(403) if phase == "before" and is_input else None


@pytest.mark.parametrize(
    ("hook", "checks", "reason"),
    [
        (
            refusing("GetFunction", "UnauthorizedOperation.CAM"),
            {"function", "settings", "cpu", "role", "policy"},
            "GetFunction: UnauthorizedOperation.CAM",
        ),
        (
            refusing("ListTriggers", "InternalError"),
            {"uploads", "own writes", "drain", "reconcile"},
            "ListTriggers: InternalError",
        ),
        (refusing("GetReservedConcurrencyConfig", "A.B"), {"quota"}, "A.B"),
        (refusing("GetFunctionEventInvokeConfig", "A.B"), {"retries"}, "A.B"),
        (refusing("GetRole", "A.B"), {"role", "policy"}, "GetRole: A.B"),
        (refusing("ListAttachedRolePolicies", "A.B"), {"role", "policy"}, "A.B"),
        (refusing("GetPolicy", "A.B"), {"role", "policy"}, "GetPolicy: A.B"),
        (refusing_bucket(None), {"region"}, "HEAD Bucket of faces-1250000000: status 403"),
        (refusing_bucket("versioning"), {"versioning"}, "AccessDenied"),
        (
            refusing_bucket("lifecycle"),
            {"markers", "claims", "submissions", "packages", "slots", "frame URLs", "results"},
            "AccessDenied",
        ),
        (refusing_inputs, {"link"}, "check the policy of your key"),
    ],
)
def test_checks_whose_facts_are_unavailable_are_skipped(
    installation: Installation, hook: Any, checks: set[str], reason: str
) -> None:
    installation.cloud.sandbox.hooks.append(hook)

    findings = installation.findings(3)
    table = installation.examine().stdout

    assert in_state(findings, "skipped") == checks
    assert in_state(findings, "failed") == set()
    assert reason in next(findings[name]["message"] for name in findings if name in checks)
    count = "1 check" if len(checks) == 1 else f"{len(checks)} checks"
    assert f"No check failed, but {count} could not look" in table


@pytest.mark.parametrize(
    "reply",
    [
        Reply(502, b"<html>"),
        Reply(200, b"<"),
        Reply(200, b"{}", {"Content-Type": "application/json"}),
    ],
)
def test_unintelligible_replies_skip_the_checks(installation: Installation, reply: Reply) -> None:
    installation.cloud.sandbox.hooks.append(
        lambda request, phase: reply if phase == "before" else None
    )

    findings = installation.findings(3)

    assert {"function", "uploads", "quota"} <= in_state(findings, "skipped")


@pytest.mark.parametrize(
    "document",
    [
        {
            "version": "2.0",
            "statement": [allow("*") | {"condition": {"ip_equal": {"qcs:ip": "1"}}}],
        },
        {"version": "2.0", "statement": [{"effect": "allow"}]},
        {"version": "3.0", "statement": []},
        ["no policy"],
        7,
    ],
)
def test_an_unsupported_policy_skips_the_check(installation: Installation, document: Any) -> None:
    """CAM returns a policy that it knows and we do not; the sandbox would not accept it."""
    installation.put_role(TRUST, POLICY)
    body = {"Response": {"PolicyDocument": json.dumps(document), "RequestId": "1"}}
    reply = Reply(200, json.dumps(body).encode(), {"Content-Type": "application/json"})
    installation.cloud.sandbox.hooks.append(
        lambda request, phase: reply if request.action == "GetPolicy" else None
    )

    findings = installation.findings(3)

    assert findings["policy"]["state"] == "skipped"


@pytest.mark.parametrize("document", [{}, {"statement": [{}]}, {"statement": ["x"]}, [], 7])
def test_an_unparsable_trust_policy_skips_the_check(
    installation: Installation, document: Any
) -> None:
    installation.put_role(document, POLICY)

    findings = installation.findings(3)

    assert findings["role"]["state"] == "skipped"


def test_a_missing_function_skips_the_checks_that_need_it(installation: Installation) -> None:
    installation.deploy_nothing()

    findings = installation.findings(1)

    assert in_state(findings, "skipped") == {
        "traffic", "settings", "cpu", "uploads", "own writes", "drain", "reconcile", "role",
        "policy", "quota", "retries",
    }  # fmt: skip


def test_another_function_name_appears_in_messages_and_fixes(installation: Installation) -> None:
    installation.put_rules(SLOTS)

    result = installation.examine("--function-name", "staging", "--json")

    assert result.exit_code == 1
    findings = {each["check"]: each for each in json.loads(result.stdout)["checks"]}
    assert findings["function"]["message"] == "there is no function staging in ap-singapore"
    assert findings["claims"]["fix"] == "liveness configure --function-name staging"


def test_a_wrong_key_skips_all_checks_that_need_one(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TENCENTCLOUD_SECRETKEY", "TENCENTCLOUD_SECRET_KEY"):
        monkeypatch.setenv(name, "0" * 32)

    findings = installation.findings(3)

    assert "AuthFailure.SignatureFailure" in findings["function"]["message"]
    assert in_state(findings, "passed") == {"clock", "private"}  # which are asked without a key


def test_triggers_are_read_page_by_page(installation: Installation) -> None:
    many = [TimerTrigger(f"t{number}", "", "0 0 0 1 1 * *") for number in range(100)]
    installation.deploy([*many, UPLOADS, DRAIN, RECONCILE])

    installation.findings(0)


def test_a_missing_variable_is_reported(
    installation: Installation, liveness: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LIVENESS_BUCKET")

    result = liveness("doctor")

    assert result.exit_code == 2
    assert "LIVENESS_BUCKET is missing" in result.stderr
