"""`liveness doctor` over HTTP: a whole installation, and each thing broken in turn."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from liveness.settings import read_settings
from liveness_cli.permissions import policies
from liveness_sandbox import CosTrigger, DeployOptions, Drop, Reply, RequestRecord, TimerTrigger
from liveness_sandbox.cos.errors import CosError
from liveness_sandbox.cos.identifiers import Identifiers
from tests.conftest import BUCKET, Cloud
from tests.sandbox.clients import api_client, wait_until

from .conftest import Command

ECHO = "def main_handler(event, context):\n    return event\n"
ROLE = "liveness-function"
SETTINGS = read_settings({"TENCENTCLOUD_REGION": "ap-singapore", "LIVENESS_BUCKET": BUCKET})
TRUST = policies.trust(SETTINGS)
POLICY = policies.function(SETTINGS)
UPLOADS = CosTrigger(BUCKET, prefix="liveness/incoming/")
DRAIN = TimerTrigger("drain", "drain", "0 * * * * * *")
RECONCILE = TimerTrigger("reconcile", "reconcile", "0 17 * * * * *")
CHECKS = [
    "clock", "region", "versioning", "function", "settings", "uploads", "own writes", "drain",
    "reconcile", "role", "policy", "quota", "retries", "markers", "claims", "slots", "results",
    "link",
]  # fmt: skip


def rule(prefix: str, days: int, **more: Any) -> dict[str, Any]:
    expiration = {"Days": str(days)}
    return {"Filter": {"Prefix": prefix}, "Status": "Enabled", "Expiration": expiration} | more


CLAIMS = rule("liveness/ledger/claims/", 30, ID="liveness-claims")
SLOTS = rule("liveness/ledger/drain/", 1, ID="liveness-drain")


class Installation:
    """Sound as it comes; whatever is given is otherwise."""

    def __init__(self, cloud: Cloud, folder: Path, command: Command) -> None:
        self.cloud = cloud
        self._folder = folder
        self._command = command
        self._deployed = False
        self.role(TRUST, POLICY)
        self.rules(CLAIMS, SLOTS)

    def role(self, trust: Any, *documents: Any) -> None:
        named = {f"policy {number}": document for number, document in enumerate(documents)}
        self.cloud.sandbox.put_role(ROLE, trust, named)

    def rules(self, *rules: dict[str, Any]) -> None:
        self.cloud.client.put_bucket_lifecycle(BUCKET, {"Rule": list(rules)})

    def deploy(
        self,
        triggers: Sequence[CosTrigger | TimerTrigger] = (UPLOADS, DRAIN, RECONCILE),
        environment: Mapping[str, str] = {},
        **more: Any,
    ) -> None:
        """Otherwise than `examine` would; once."""
        self._deployed = True
        code = self._folder / "code"
        code.mkdir()
        (code / "index.py").write_text(ECHO)
        settings = {"LIVENESS_BUCKET": BUCKET, "LIVENESS_ENDPOINT_SCHEME": "http"}
        options: dict[str, Any] = {"timeout_seconds": 900, "memory_mb": 256, "role": ROLE} | more
        self.cloud.sandbox.deploy(
            "liveness",
            code,
            DeployOptions(triggers=triggers, environment={**settings, **environment}, **options),
        )

    def deploy_nothing(self) -> None:
        self._deployed = True

    def examine(self, *arguments: str) -> Result:
        """Nothing is changed by it, and no secret told."""
        if not self._deployed:
            self.deploy()
        before = len(self.cloud.sandbox.requests)
        result = self._command("doctor", *arguments)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        asked = self.cloud.sandbox.requests[before:]
        assert {each.method for each in asked if each.service == "cos"} <= {"GET", "HEAD"}
        actions = [each.action for each in asked if each.service in ("cam", "scf")]
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
def at(cloud: Cloud, environment: None, tmp_path: Path, liveness: Command) -> Installation:
    return Installation(cloud, tmp_path, liveness)


def test_a_sound_installation(at: Installation) -> None:
    found = at.findings(0)
    assert list(found) == CHECKS
    assert {each["state"] for each in found.values()} == {"ok"}, found
    table = at.examine().stdout
    assert "Nothing is wrong." in table and "Mend" not in table


def test_what_liveness_configure_makes_is_sound(at: Installation, liveness: Command) -> None:
    at.cloud.client.delete_bucket_lifecycle(BUCKET)
    at.deploy(retries=0, max_event_age_seconds=60)
    assert {name for name, each in at.findings(1).items() if each["state"] == "wrong"} == {
        "retries", "claims", "slots",
    }  # fmt: skip
    assert liveness("configure").exit_code == 0
    at.findings(0)
    assert liveness("configure", "--quota", "0").exit_code == 0
    assert at.findings(1)["quota"]["mend"].startswith("liveness configure --quota none")


# ---- each thing broken in turn: how, which checks see it, and what they say

Break = Callable[[Installation], Any]


def uploads(**changed: Any) -> Break:
    given = {"bucket": BUCKET, "prefix": "liveness/incoming/", **changed}
    trigger = CosTrigger(**given)
    return lambda at: at.deploy([trigger, DRAIN, RECONCILE])


def two(first: dict[str, Any], second: dict[str, Any]) -> Break:
    triggers = [
        CosTrigger(BUCKET, **{"prefix": "liveness/incoming/", **each}) for each in (first, second)
    ]
    return lambda at: at.deploy([*triggers, DRAIN, RECONCILE])


def timer(which: TimerTrigger, *others: TimerTrigger) -> Break:
    return lambda at: at.deploy([UPLOADS, which, *others])


def grown(*statements: dict[str, Any]) -> Mapping[str, Any]:
    return {"version": "2.0", "statement": [*POLICY["statement"], *statements]}


def allow(action: str, resource: str = "*") -> dict[str, Any]:
    return {"effect": "allow", "action": action, "resource": resource}


def shrunk(place: int) -> Mapping[str, Any]:
    kept = [each for number, each in enumerate(POLICY["statement"]) if number != place]
    return {"version": "2.0", "statement": kept}


def trust(**changed: Any) -> Mapping[str, Any]:
    return {"version": "2.0", "statement": [TRUST["statement"][0] | changed]}


def versioned(status: str) -> Break:
    return lambda at: at.cloud.client.put_bucket_versioning(BUCKET, status)


def refused_links(at: Installation) -> None:
    """As a bucket does that has a list of referers, or demands a network of its own."""
    at.cloud.put("anna", "live.bin", b"body")
    at.cloud.sandbox.hooks.append(
        lambda request, phase: Reply(403) if request.auth == "query" and phase == "before" else None
    )


def ahead(seconds: float) -> Break:
    def turn_back(at: Installation) -> None:
        at.cloud.sandbox.hooks.append(
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
    ("breaking", "check", "said"),
    [
        (lambda at: at.cloud.sandbox.clock.advance(61), "clock", "behind COS's"),
        (ahead(62), "clock", "ahead of COS's"),
        (versioned("Enabled"), "versioning", "Enabled on faces-1250000000"),
        (versioned("Suspended"), "versioning", "Suspended on faces-1250000000"),
        (lambda at: at.deploy_nothing(), "function", "there is no liveness in ap-singapore"),
        (lambda at: at.deploy(timeout_seconds=59), "function", "its timeout is 59 s"),
        (
            lambda at: at.deploy(environment={"LIVENESS_LEDGER_PREFIX": "elsewhere/"}),
            "settings",
            "in LIVENESS_LEDGER_PREFIX",
        ),
        (
            lambda at: at.deploy(environment={"LIVENESS_SIM_THRESHOLD": "700"}),
            "settings",
            "LIVENESS_SIM_THRESHOLD is '700'",
        ),
        (lambda at: at.deploy([DRAIN, RECONCILE]), "uploads", "no COS trigger on"),
        (uploads(bucket="other-1250000000"), "uploads", "no COS trigger on"),
        (uploads(enabled=False), "uploads", "is closed"),
        (uploads(qualifier="3"), "uploads", "wakes version 3"),
        (uploads(prefix="liveness/in"), "uploads", "a trigger's prefix is 'liveness/in'"),
        (uploads(prefix="liveness/incoming/a/"), "uploads", "wakes nobody"),
        (uploads(suffix=".bin"), "uploads", "some-pair/reference.jpg' wakes nobody"),
        (uploads(events=("cos:ObjectCreated:Put",)), "uploads", "Created:Post of a key"),
        (uploads(events=("cos:ObjectRemove:*",)), "uploads", "Created:Put of a key"),
        (two({}, {"suffix": ".bin"}), "uploads", "two triggers overlap"),
        (two({}, {"events": ("cos:ObjectCreated:Copy",)}), "uploads", "two triggers overlap"),
        (timer(RECONCILE), "drain", "no timer has the argument 'drain'"),
        (timer(DRAIN), "reconcile", "no timer has the argument 'reconcile'"),
        (
            timer(RECONCILE, TimerTrigger("d", "drain", "0 * * * * * *", enabled=False)),
            "drain",
            "is closed",
        ),
        (timer(RECONCILE, TimerTrigger("d", "drain", "30 * * * * * *")), "drain", "full minute"),
        (
            timer(DRAIN, TimerTrigger("r", "reconcile", "0 17 * * * * *", qualifier="1")),
            "reconcile",
            "an old version",
        ),
        (
            lambda at: at.role(trust(principal={"service": ["cls.cloud.tencent.com"]}), POLICY),
            "role",
            "does not trust scf.qcloud.com",
        ),
        (lambda at: at.role(trust(effect="deny"), POLICY), "role", "does not trust"),
        (lambda at: at.role(trust(action="name/sts:Other"), POLICY), "role", "does not trust"),
        (lambda at: at.deploy(role=None), "role", "the function has none"),
        (lambda at: at.deploy(role="nobody"), "role", "there is no role nobody"),
        (lambda at: at.role(TRUST), "policy", "may not do what is needed"),
        *(
            (lambda at, place=place: at.role(TRUST, shrunk(place)), "policy", "may not do")
            for place in range(len(POLICY["statement"]))
        ),
        (
            lambda at: at.role(TRUST, grown(allow("name/cos:*"))),
            "policy",
            "more than is needed: name/cos:PutObject on",
        ),
        (
            lambda at: at.role(TRUST, POLICY, grown(allow("cam:*"))),
            "policy",
            "more than is needed: cam:AttachRolePolicy",
        ),
        (
            lambda at: at.role(TRUST, grown({**allow("*"), "effect": "deny"})),
            "policy",
            "may not do what is needed",
        ),
        (lambda at: at.deploy(reserved_mb=0), "quota", "is stopped"),
        (lambda at: at.deploy(reserved_mb=255), "quota", "the function never runs"),
        (lambda at: at.deploy(retries=1), "retries", "1 further tries"),
        (lambda at: at.deploy(max_event_age_seconds=3600), "retries", "given up at 60 min"),
        (lambda at: at.rules(CLAIMS, SLOTS, rule("live", 400, ID="tidy")), "markers", "'tidy'"),
        (
            lambda at: at.rules(CLAIMS, SLOTS, rule("liveness/ledger/pending/2", 9)),
            "markers",
            "the nameless rule for 'liveness/ledger/pending/2'",
        ),
        (
            lambda at: at.rules(CLAIMS, SLOTS, {**rule("", 400), "Filter": None}),
            "markers",
            "pairs that wait would be forgotten",
        ),
        (
            lambda at: at.rules(
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
            "'cold' takes away, after 90 days",
        ),
        (
            lambda at: at.rules(
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
        (lambda at: at.rules(SLOTS), "claims", "no rule removes"),
        (lambda at: at.rules(SLOTS, CLAIMS | {"Status": "Disabled"}), "claims", "no rule removes"),
        (
            lambda at: at.rules(SLOTS, CLAIMS | {"Expiration": {"Days": "29"}}),
            "claims",
            "after 29 days",
        ),
        (
            lambda at: at.rules(SLOTS, CLAIMS, rule("liveness/ledger/claims/a", 7, ID="x")),
            "claims",
            "the rule 'x' takes away, after 7 days",
        ),
        (
            # It removes some of them only.
            lambda at: at.rules(SLOTS, rule("liveness/ledger/claims/0", 30)),
            "claims",
            "no rule removes",
        ),
        (
            # It archives them, and they stay.
            lambda at: at.rules(
                SLOTS,
                {
                    **{name: CLAIMS[name] for name in ("ID", "Filter", "Status")},
                    "Transition": {"Days": "30", "StorageClass": "ARCHIVE"},
                },
            ),
            "claims",
            "no rule removes",
        ),
        (lambda at: at.rules(CLAIMS), "slots", "no rule removes"),
        (
            lambda at: at.rules(
                CLAIMS,
                SLOTS,
                rule("liveness/results/", 7),
                rule("liveness/incoming/test/", 1, ID="test"),
            ),
            "results",
            "inputs are kept for ever, results 7 days",
        ),
        (
            lambda at: at.rules(CLAIMS, SLOTS, rule("liveness/results/", 7)),
            "results",
            "inputs are kept for ever, results 7 days: reconcile publishes removed ones again",
        ),
        (refused_links, "link", "is answered 403"),
    ],
)
def test_what_is_broken_is_wrong_and_says_how_to_mend_it(
    at: Installation, breaking: Break, check: str, said: str
) -> None:
    breaking(at)
    found = at.findings(1)
    finding = found[check]
    assert (finding["state"], said in finding["says"]) == ("wrong", True), finding
    assert finding["mend"]
    others = {name for name, each in found.items() if each["state"] == "wrong"} - {check}
    assert others == set(), found


@pytest.mark.parametrize(
    ("action", "change", "check", "said"),
    [
        ("GetFunction", {"Status": "CreateFailed"}, "function", "its status is CreateFailed"),
        ("GetFunction", {"AsyncRunEnable": "TRUE"}, "function", "asyncRunEnable is on"),
        ("ListTriggers", {"AvailableStatus": "Unavailable"}, "uploads", "is closed"),
    ],
)
def test_what_only_the_platform_itself_breaks(
    at: Installation, action: str, change: dict[str, str], check: str, said: str
) -> None:
    at.deploy()
    client = api_client(at.cloud.sandbox, "scf", "2018-04-16")
    told = client.call_json(action, {"FunctionName": "liveness"})
    (told["Response"]["Triggers"][0] if check == "uploads" else told["Response"]).update(change)
    reply = Reply(200, json.dumps(told).encode(), {"Content-Type": "application/json"})
    at.cloud.sandbox.hooks.append(
        lambda request, phase: reply if (request.action, phase) == (action, "after") else None
    )
    finding = at.findings(1)[check]
    assert (finding["state"], said in finding["says"]) == ("wrong", True), finding


def test_the_table(at: Installation) -> None:
    at.rules(SLOTS)
    at.cloud.sandbox.hooks.append(refusing("GetRole", "A.B"))
    table = at.examine()
    assert table.exit_code == 1
    lines = table.stdout.splitlines()
    place = next(number for number, line in enumerate(lines) if "no rule removes" in line)
    assert lines[place].split()[:2] == ["wrong", "claims"]
    assert lines[place + 1].strip() == "Mend: liveness configure."
    assert "  not checkable  role        GetRole: A.B" in lines
    assert lines[-1] == "1 wrong, 2 could not be checked."


def test_a_trigger_that_its_own_writes_would_fire(at: Installation) -> None:
    at.deploy([CosTrigger(BUCKET, prefix="liveness/"), DRAIN, RECONCILE])
    found = at.findings(1)
    assert "wake itself for ever" in found["own writes"]["says"]
    assert found["uploads"]["state"] == "wrong"


LEDGER = "ledger-1250000000"


@pytest.fixture
def apart(at: Installation, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The ledger's bucket is another one, which is not there yet; what the function is told."""
    own = {"LIVENESS_LEDGER_BUCKET": LEDGER}
    monkeypatch.setenv("LIVENESS_LEDGER_BUCKET", LEDGER)
    named = {"TENCENTCLOUD_REGION": "ap-singapore", "LIVENESS_BUCKET": BUCKET}
    at.role(TRUST, policies.function(read_settings(named | own)))
    return own


def test_the_ledger_in_a_bucket_of_its_own(at: Installation, apart: dict[str, str]) -> None:
    at.deploy(environment=apart)
    found = {name: each["says"] for name, each in at.findings(1).items()}
    assert found["region"] == f"there is no bucket {LEDGER} in ap-singapore"
    at.cloud.sandbox.create_bucket(LEDGER)
    at.cloud.client.put_bucket_lifecycle(LEDGER, {"Rule": [CLAIMS, SLOTS]})
    at.cloud.client.put_bucket_versioning(BUCKET, "Enabled")  # where inputs lie it does no harm
    assert LEDGER in at.findings(0)["versioning"]["says"]


def test_a_trigger_on_the_ledger_s_own_bucket(at: Installation, apart: dict[str, str]) -> None:
    at.cloud.sandbox.create_bucket(LEDGER)
    at.deploy([UPLOADS, DRAIN, RECONCILE, CosTrigger(LEDGER)], environment=apart)
    assert LEDGER in at.findings(1)["own writes"]["says"]


@pytest.mark.parametrize(
    ("triggers", "suffixes"),
    [
        ([{"suffix": ".live"}, {"suffix": ".jpg"}], True),
        ([{"events": (f"cos:ObjectCreated:{kind}",)} for kind in (
            "Put", "Post", "Copy", "CompleteMultipartUpload",
        )], False),
    ],
)  # fmt: skip
def test_triggers_that_share_the_work(
    at: Installation,
    monkeypatch: pytest.MonkeyPatch,
    triggers: list[dict[str, Any]],
    suffixes: bool,
) -> None:
    flat = {"LIVENESS_LIVE_SUFFIXES": ".live", "LIVENESS_IMAGE_SUFFIXES": ".jpg"}
    environment = flat if suffixes else {}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    shared = [CosTrigger(BUCKET, prefix="liveness/incoming/", **each) for each in triggers]
    at.deploy([*shared, DRAIN, RECONCILE], environment=environment)
    assert at.findings(0)["uploads"]["state"] == "ok"


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
def test_rules_that_do_no_harm(at: Installation, harmless: dict[str, Any]) -> None:
    at.rules(CLAIMS, SLOTS, harmless)
    at.findings(0)


@pytest.mark.parametrize("body", [b"", b"x" * 100_000])
def test_an_input_that_can_be_fetched(at: Installation, body: bytes) -> None:
    at.cloud.put("anna", "live.bin", body)
    at.cloud.put("bert", "live.bin", body)
    assert "can be fetched" in at.findings(0)["link"]["says"]
    (by_link,) = [each for each in at.cloud.sandbox.requests if each.auth == "query"]
    assert by_link.key == "liveness/incoming/anna/live.bin"
    # The head of the reply is enough to know; what was sent behind it is counted a moment later.
    wait_until(lambda: by_link.bytes_out or not body)
    assert not body or by_link.bytes_out == 1, "no more of a person's recording than a byte"


def test_a_link_that_nobody_answers(at: Installation) -> None:
    at.cloud.sandbox.hooks.append(
        lambda request, phase: Drop() if request.auth == "query" else None
    )
    finding = at.findings(0)["link"]
    assert finding["state"] == "not checkable"
    assert finding["says"] == "a pre-signed URL could not be tried (ProxyError)", (
        "its text has the URL"
    )


# ---- what cannot be read


def refusing(action: str, code: str) -> Callable[[RequestRecord, str], Reply | None]:
    error = {"Error": {"Code": code, "Message": "said http://a/?q-signature=b"}, "RequestId": "r"}
    body = json.dumps({"Response": error}).encode()
    reply = Reply(200, body, {"Content-Type": "application/json"})
    return lambda request, phase: reply if (request.action, phase) == (action, "before") else None


def of_bucket(parameter: str | None) -> Callable[[RequestRecord, str], Reply | None]:
    """Requests on the bucket itself; None: those without a parameter."""

    def hook(request: RequestRecord, phase: str) -> Reply | None:
        if phase != "before" or request.service != "cos" or request.key or request.auth == "none":
            return None
        asked = parameter in request.query if parameter else request.method == "HEAD"
        body = CosError(403, "AccessDenied", "Access Denied").reply("GET", "a", Identifiers()).body
        return Reply(403, b"" if request.method == "HEAD" else body) if asked else None

    return hook


@pytest.mark.parametrize(
    ("hook", "checks", "why"),
    [
        (
            refusing("GetFunction", "UnauthorizedOperation.CAM"),
            {"function", "settings", "role", "policy"},
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
        (of_bucket(None), {"region"}, "HEAD Bucket of faces-1250000000: status 403"),
        (of_bucket("versioning"), {"versioning"}, "AccessDenied"),
        (of_bucket("lifecycle"), {"markers", "claims", "slots", "results"}, "AccessDenied"),
        (of_bucket("prefix"), {"link"}, "GET Bucket"),
    ],
)
def test_what_cannot_be_read_is_not_checkable(
    at: Installation, hook: Any, checks: set[str], why: str
) -> None:
    at.cloud.sandbox.hooks.append(hook)
    found = at.findings(0)
    unknown = {name: each for name, each in found.items() if each["state"] == "not checkable"}
    assert set(unknown) == checks
    assert why in next(iter(unknown.values()))["says"]
    assert {each["state"] for each in found.values()} == {"ok", "not checkable"}
    assert f"{len(checks)} could not be checked" in at.examine().stdout


@pytest.mark.parametrize(
    "reply",
    [
        Reply(502, b"<html>"),
        Reply(200, b"<"),
        Reply(200, b"{}", {"Content-Type": "application/json"}),
    ],
)
def test_nobody_answers(at: Installation, reply: Reply) -> None:
    at.cloud.sandbox.hooks.append(lambda request, phase: reply if phase == "before" else None)
    found = at.findings(0)
    states = {name: each["state"] for name, each in found.items()}
    assert states["function"] == states["uploads"] == states["quota"] == "not checkable"


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
def test_policies_that_nobody_understands(at: Installation, document: Any) -> None:
    at.role(TRUST, POLICY, document)
    assert at.findings(0)["policy"]["state"] == "not checkable"


@pytest.mark.parametrize("document", [{}, {"statement": [{}]}, {"statement": ["x"]}, [], 7])
def test_a_trust_policy_that_nobody_understands(at: Installation, document: Any) -> None:
    at.role(document, POLICY)
    assert at.findings(0)["role"]["state"] == "not checkable"


def test_a_function_that_is_not_there_leaves_the_rest_open(at: Installation) -> None:
    at.deploy_nothing()
    found = at.findings(1)
    open_ = {name for name, each in found.items() if each["state"] == "not checkable"}
    assert open_ == {
        "settings", "uploads", "own writes", "drain", "reconcile", "role", "policy", "quota",
        "retries",
    }  # fmt: skip


def test_another_function(at: Installation) -> None:
    at.rules(SLOTS)
    result = at.examine("--function", "staging", "--json")
    assert result.exit_code == 1
    found = {each["check"]: each for each in json.loads(result.stdout)["checks"]}
    assert found["function"]["says"] == "there is no staging in ap-singapore"
    assert found["claims"]["mend"] == "liveness configure --function staging"


def test_the_wrong_key(at: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENCENTCLOUD_SECRETKEY", "0" * 32)
    found = at.findings(0)
    assert "AuthFailure.SignatureFailure" in found["function"]["says"]
    assert found["clock"]["state"] == "ok", "that needs no key"


def test_more_triggers_than_a_page(at: Installation) -> None:
    many = [TimerTrigger(f"t{number}", "", "0 0 0 1 1 * *") for number in range(100)]
    at.deploy([*many, UPLOADS, DRAIN, RECONCILE])
    at.findings(0)


def test_what_is_missing_in_the_environment(
    at: Installation, liveness: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LIVENESS_BUCKET")
    result = liveness("doctor")
    assert result.exit_code == 2
    assert "LIVENESS_BUCKET is missing" in result.stderr
