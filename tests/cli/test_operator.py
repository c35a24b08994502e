"""The operator's commands against a bucket, over HTTP: in every state that a pair can be in."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

from liveness.backlog import slot_key
from liveness.keys import pair_hash
from liveness.settings import read_settings
from liveness_cli.operator.printing import progress
from liveness_cli.operator.reach import environment
from liveness_sandbox import Drop, Reply
from tests.conftest import BUCKET, Cloud, Instance

from .conftest import Command, assert_one_sentence

THROTTLED = {"code": "RequestLimitExceeded", "channel": "error", "times": 1}
UNANSWERED = {"drop": "after"}
LEDGER = "liveness/ledger/claims/"


class Operator:
    """Runs a command for people and for machines; neither tells a secret, or changes a thing."""

    def __init__(self, cloud: Cloud, command: Command) -> None:
        self._cloud = cloud
        self._command = command
        self.printed = ""

    def look(self, *arguments: str) -> dict[str, Any]:
        """The value of a command that only reads; `printed` is its table."""
        before, calls = self._bucket(), self._cloud.calls
        self.printed = self.run(*arguments).stdout
        value: dict[str, Any] = json.loads(self.run(*arguments, "--json").stdout)
        assert self._bucket() == before
        assert self._cloud.calls == calls
        return value

    def run(self, *arguments: str, answer: str | None = None) -> Result:
        result = self._command(*arguments, stdin=answer)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        self._tells_nothing(result.output)
        return result

    def _bucket(self) -> dict[str, str]:
        bucket = self._cloud.bucket
        return {key: bucket.get(key).etag for key in bucket.keys("")}

    def _tells_nothing(self, output: str) -> None:
        bucket = self._cloud.bucket
        for key in bucket.keys("liveness/ledger/"):
            for nonce in re.findall(r'"nonce": "(\w+)"', bucket.get(key).body().decode("latin-1")):
                assert nonce not in output
        keys = self._cloud.sandbox.credentials
        for canary in (keys.secret_id, keys.secret_key, "q-sign", "http://", "https://"):
            assert canary not in output


@pytest.fixture
def operator(cloud: Cloud, environment: None, liveness: Command) -> Operator:
    return Operator(cloud, liveness)


def age_claims(cloud: Cloud) -> None:
    """As if all leases had begun long ago."""
    for key in cloud.bucket.keys(LEDGER):
        if key.endswith(".claim"):
            cloud.bucket.backdate(key, 500)


def remove(cloud: Cloud, key: str) -> None:
    cloud.client.delete_object(Bucket=BUCKET, Key=key)


def drained_by_somebody(cloud: Cloud, request_id: str) -> None:
    now = cloud.sandbox.clock.now().timestamp()
    settings = read_settings(cloud.instance().environ)
    owner = {"name": "liveness", "version": "$LATEST", "request_id": request_id}
    body = json.dumps({"nonce": "secretnonce", "owner": owner}).encode()
    for seconds in (0, 10):
        cloud.bucket.put(slot_key(settings, now + seconds), body)


# ---- one pair in every state


def passed(cloud: Cloud, function: Instance) -> None:
    cloud.put_pair("anna")
    function.walk("anna")


def frame_removed(cloud: Cloud, function: Instance) -> None:
    passed(cloud, function)
    (frame,) = (key for key in cloud.bucket.keys("liveness/results/") if "best-frame" in key)
    remove(cloud, frame)


def frame_lost(cloud: Cloud, function: Instance) -> None:
    cloud.put_pair("anna", {"frame": "missing"})
    function.walk("anna")


def unpublished(cloud: Cloud, function: Instance) -> None:
    passed(cloud, function)
    remove(cloud, "liveness/results/anna/result.json")


def damaged(cloud: Cloud, function: Instance) -> None:
    unpublished(cloud, function)
    (key,) = cloud.ledger_keys("response")
    cloud.bucket.put(key, cloud.bucket.get(key).body().replace(b"96.3", b"99.9"))


def changed(cloud: Cloud, function: Instance) -> None:
    passed(cloud, function)
    cloud.put_pair("anna", b"other content")


def given_up(cloud: Cloud, function: Instance) -> None:
    cloud.put_pair("anna", UNANSWERED | {"times": 3})
    function.walk("anna")
    age_claims(cloud)
    assert function.walk("anna")["status"] == "failed"


def exhausted(cloud: Cloud, function: Instance) -> None:
    cloud.put_pair("anna", UNANSWERED)
    function.walk("anna")
    age_claims(cloud)


def running(cloud: Cloud, function: Instance) -> None:
    cloud.put_pair("anna", UNANSWERED)
    cloud.instance(MAX_ATTEMPTS="1").walk("anna")


def throttled(cloud: Cloud, function: Instance) -> None:
    cloud.put_pair("anna", THROTTLED)
    assert function.walk("anna")["state"] == "parked"


def waiting(cloud: Cloud, function: Instance) -> None:
    cloud.put("anna", "live.bin", b"x")


def empty_input(cloud: Cloud, function: Instance) -> None:
    cloud.put_pair("anna", b"")
    function.walk("anna")


def never_woken(cloud: Cloud, function: Instance) -> None:
    cloud.put_pair("anna")


def gone(cloud: Cloud, function: Instance) -> None:
    passed(cloud, function)
    for name in ("live.bin", "reference.jpg"):
        remove(cloud, f"liveness/incoming/anna/{name}")


def nobody(cloud: Cloud, function: Instance) -> None:
    pass


State = Callable[[Cloud, Instance], None]
# How it came about: the state, what a line of the timeline says, what happens next.
STATES: dict[State, tuple[str, str, str]] = {
    passed: ("passed", "passed: Success; best frame there", "the result stands"),
    frame_removed: ("passed", "BEST FRAME NOT THERE", "no longer there"),
    frame_lost: ("passed", "no best frame: its URL answered", "could not be copied"),
    unpublished: ("answered", "so passed; 1 call possibly billed", "without another call"),
    damaged: ("damaged", "damaged: not as the function wrote it", "Every walk of this pair fails"),
    changed: ("ready", "(of other content)", "may be billed, is made by the upload's event"),
    given_up: ("failed", "given up after attempt 3; 3 calls", "is left to an operator"),
    exhausted: ("exhausted", "attempt 3 by invocation invocation-1; no answer", "are used up"),
    running: ("running", "its lease runs", "Invocation invocation-1 is at work, or died"),
    throttled: ("ready", "attempt 1 given back, nothing was billed", "by the next drain"),
    waiting: ("waiting", "liveness/incoming/anna/live.bin, 1 byte", "waits for the image input"),
    empty_input: ("unusable", "invalid: InputEmpty", "the result says InputEmpty"),
    never_woken: ("ready", "liveness/incoming/anna/reference.jpg", "by the upload's event"),
    gone: ("gone", "passed: Success", "both inputs are gone"),
    nobody: ("unknown", "", "there is no input, no result and no ledger entry"),
}


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_explain(cloud: Cloud, operator: Operator, state: State) -> None:
    state(cloud, cloud.instance())
    named, told, happens = STATES[state]

    value = operator.look("explain", "anna")

    assert value["state"] == named
    assert any(told in entry["text"] for entry in value["timeline"]) or not told
    assert happens in value["next"]["happens"]
    words = " ".join(operator.printed.split())
    assert f": {named}" in words.partition(" inputs ")[0]
    assert told in words
    assert happens in words


def test_explain_prints_a_story(cloud: Cloud, operator: Operator) -> None:
    throttled(cloud, cloud.instance())

    operator.look("explain", "anna")

    printed = re.sub(r"[0-9-]{10} [0-9:]{8}|[0-9-]{10}T[0-9:]{8}Z", "<time>", operator.printed)
    printed = re.sub(r"[0-9a-f]{64}", "<hash>", printed)
    assert [" ".join(line.split()) for line in printed.splitlines()] == [
        "Pair anna at <time> UTC: ready",
        "",
        "inputs live, image",
        "fingerprint <hash>",
        "attempts 1 attempt, 3 allowed",
        "",
        "Timeline",
        "UTC What Which",
        "<time> input liveness/incoming/anna/live.bin, 78 bytes",
        "<time> input liveness/incoming/anna/reference.jpg, 21,348 bytes",
        "<time> claim attempt 1 by invocation invocation-1",
        "<time> released attempt 1 given back, nothing was billed",
        "<time> marker due <time>: RequestLimitExceeded: The verification",
        "service is busy. It will be tried again; nothing needs to be done.",
        "",
        "next The next call, which may be billed, is made by the next drain, within a minute: its",
        "marker is due.",
        "you can Make it now: liveness retry anna",
    ]


def test_explain_knows_who_drains(cloud: Cloud, operator: Operator) -> None:
    throttled(cloud, cloud.instance())
    drained_by_somebody(cloud, "drainer-7")
    assert "by invocation drainer-7" in operator.look("explain", "anna")["next"]["happens"]


def test_explain_shows_keys_of_others_without_obeying_them(
    cloud: Cloud, operator: Operator
) -> None:
    name = "\x1b[31m[bold]会话\u202e"
    cloud.put(name, "live.bin", b"x")
    assert operator.look("explain", name)["pair_id"] == name
    assert "\\x1b[31m[bold]会话\\u202e" in operator.printed
    assert "\x1b" not in operator.printed


# ---- all pairs


def test_status(cloud: Cloud, operator: Operator) -> None:
    function = cloud.instance()
    for name in ("passed-1", "passed-2"):
        cloud.put_pair(name)
        function.walk(name)
    given_up(cloud, function)
    cloud.put_pair("bert", THROTTLED)
    function.walk("bert")
    drained_by_somebody(cloud, "drainer-7")

    value = operator.look("status")

    assert value["bucket"] == BUCKET
    assert value["results"]["by_status"] == {"passed": 2, "failed": 1}
    assert value["drain"]["request_id"] == "drainer-7"
    assert value["backlog"]["pairs"] == 2
    assert value["backlog"]["oldest"]["pair_id"] == "bert"
    assert [(row["pair_id"], row["code"]) for row in value["failed"]] == [("anna", "GivenUp")]
    (twice,) = value["possibly_billed_twice"]
    assert (twice["pair_id"], twice["calls"], twice["answered"]) == ("anna", 3, False)
    assert {row["found_in"] for row in value["last_errors"]} == {"marker", "result"}
    words = " ".join(operator.printed.split())
    assert "backlog 2 markers of 2 pairs, 1 due" in words
    assert "draining invocation drainer-7 of liveness" in words
    assert "results 3 of 3 read: passed 2, failed 1" in words
    assert "billed twice 1 pair, 2 calls too many" in words
    assert "Not looked at inputs: pairs that wait for a partner" in words


def test_status_of_an_empty_bucket(operator: Operator) -> None:
    value = operator.look("status")
    assert value["backlog"]["markers"] == 0
    words = " ".join(operator.printed.split())
    assert "backlog empty oldest none draining nobody" in words
    assert "results 0 of 0 read billed twice none Not looked at" in words


def test_status_counts_a_pair_that_is_not_finished_among_those_billed_twice(
    cloud: Cloud, operator: Operator
) -> None:
    exhausted(cloud, cloud.instance())
    (twice,) = operator.look("status")["possibly_billed_twice"]
    assert (twice["pair_id"], twice["calls"]) == ("anna", 3)


def test_status_does_not_count_calls_that_were_not_billed(cloud: Cloud, operator: Operator) -> None:
    # The first call may be; what answers the second one says that that is not.
    cloud.put_pair("anna", {"code": "FailedOperation.LivessDetectFake"})
    cloud.on("POST", "DetectReflectLivenessAndCompare", Drop(), phase="after", service="faceid")
    function = cloud.instance()
    assert function.walk("anna")["status"] == "rejected"
    assert "2.claim" in cloud.ledger()
    assert operator.look("status")["possibly_billed_twice"] == []


def test_status_reads_as_much_as_it_is_told(cloud: Cloud, operator: Operator) -> None:
    for number in range(1005):
        key = f"liveness/ledger/pending/20200101T000000Z-{pair_hash(str(number))}-n"
        body = {"pair_id": str(number), "reason": "found by reconcile", "visits": 0}
        cloud.bucket.put(key, json.dumps(body).encode())
        cloud.bucket.put(f"liveness/results/{number}/result.json", b"[]")

    value = operator.look("status", "--last", "3")
    assert (value["backlog"]["markers"], value["backlog"]["pairs"]) == (1005, 1005)
    assert value["backlog"]["reasons"][0]["markers"] == 3
    assert (value["results"]["listed"], value["results"]["read"]) == (1005, 3)
    assert "what 1,002 of the later markers say" in operator.printed
    assert "1,002 older results" in operator.printed

    everything = json.loads(operator.run("status", "--all", "--json").stdout)
    assert everything["results"]["by_status"] == {"unreadable": 1005}
    assert everything["backlog"]["reasons"][0]["markers"] == 1005


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"reason": "see https://x/?q-sign=1"}',
        b'{"parked_at": 1e999, "finished_pass_began": 1e999}',
        b'{"parked_at": 1e99, "finished_pass_began": 1e99}',
    ],
    ids=lambda body: repr(body[:20]),
)
def test_damaged_objects_are_told_and_nothing_more(
    cloud: Cloud, operator: Operator, body: bytes
) -> None:
    cloud.put_pair("anna")
    hashed, print_ = pair_hash("anna"), operator.look("explain", "anna")["fingerprint"]
    for key in (
        f"ledger/pending/20200101T000000Z-{hashed}-n",
        f"ledger/pending/{hashed}",
        f"ledger/claims/{hashed}/{print_}/1.claim",
        f"ledger/claims/{hashed}/{print_}/2.claim",
        f"ledger/claims/{hashed}/{print_}/response",
        f"ledger/claims/{hashed}/{print_}/other",
        "ledger/reconcile.json",
        "results/anna/result.json",
    ):
        cloud.bucket.put(f"liveness/{key}", body)
    status = operator.look("status")
    assert status["results"]["by_status"] == {"unreadable": 1}
    assert status["backlog"]["damaged"] == 2
    explained = operator.look("explain", "anna")
    assert (explained["state"], explained["result"]["status"]) == ("damaged", "unreadable")


# ---- what changes something


def test_retry_allows_one_more_attempt_when_it_is_told_to(cloud: Cloud, operator: Operator) -> None:
    given_up(cloud, cloud.instance())
    passed_before = cloud.billed

    declined = operator.run("retry", "anna", answer="n\n")
    assert declined.exit_code == 1
    assert "anna (failed): at most 1 call" in declined.stderr
    assert cloud.billed == passed_before

    retried = operator.run("retry", "anna", "anna", "--json", answer="y\n")

    assert retried.exit_code == 0, retried.stderr
    assert json.loads(retried.stdout) == {
        "schema": "liveness-retried/1",
        "pairs": [
            {"pair_id": "anna", "before": "failed", "state": "published", "status": "passed",
             "why": None},
        ],
    }  # fmt: skip
    assert cloud.billed == passed_before + 1
    assert operator.look("explain", "anna")["state"] == "passed"


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_retry_never_calls_more_often_than_it_said(
    cloud: Cloud, operator: Operator, state: State
) -> None:
    state(cloud, cloud.instance())
    at_most = operator.look("explain", "anna")["next"]["calls_at_most"]
    calls = cloud.calls
    operator.run("retry", "anna", "--yes")
    assert cloud.calls - calls <= at_most


def test_retry_asks_nothing_where_nothing_can_be_billed(cloud: Cloud, operator: Operator) -> None:
    unpublished(cloud, cloud.instance())
    retried = operator.run("retry", "anna", "nobody", "--log")
    assert retried.exit_code == 0, retried.output
    assert [line.split()[:3] for line in retried.stdout.splitlines()[2:]] == [
        ["anna", "answered", "passed"],
        ["nobody", "unknown", "waiting"],
    ]
    logged = [json.loads(line)["event"] for line in retried.stderr.splitlines()]
    assert logged.count("invocation.started") == 2
    assert cloud.calls == 1


def test_retry_says_what_went_wrong(cloud: Cloud, operator: Operator) -> None:
    damaged(cloud, cloud.instance())
    retried = operator.run("retry", "anna")
    assert retried.exit_code == 1
    assert "LedgerDamaged" in retried.stdout


def test_reconcile_dry_run_and_in_earnest(cloud: Cloud, operator: Operator) -> None:
    for name in ("2026/anna", "2026/bert", "2027/cleo"):
        cloud.put_pair(name)
    cloud.instance().walk("2026/bert")

    value = operator.look("reconcile", "--dry-run", "--prefix", "2026/")
    assert (value["dry_run"], value["parked"], value["pairs"]) == (True, 1, ["2026/anna"])
    assert "1 would be parked" in operator.printed
    whole = operator.look("reconcile", "--dry-run")
    assert whole["pairs"] == ["2026/anna", "2027/cleo"]
    assert cloud.markers() == []

    done = operator.run("reconcile")

    assert "6 keys listed, 3 pairs looked at, 2 parked" in done.stdout
    assert {marker["pair_id"] for marker in cloud.markers()} == {"2026/anna", "2027/cleo"}
    assert json.loads(cloud.bucket.get("liveness/ledger/reconcile.json").body())["cursor"] == ""
    assert operator.look("status")["reconcile"]["last_finished_pass_began"] is not None


# ---- the environment, and what goes wrong


@pytest.mark.parametrize("command", [["status"], ["explain", "x"], ["retry", "x"], ["reconcile"]])
def test_everything_that_is_missing_is_told_at_once(liveness: Command, command: list[str]) -> None:
    result = liveness(*command)
    assert result.exit_code == 2
    for name in ("LIVENESS_BUCKET", "TENCENTCLOUD_REGION", "TENCENTCLOUD_SECRETID"):
        assert name in result.stderr
    assert "Traceback" not in result.stderr


def test_the_usual_names_of_the_credentials(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TENCENTCLOUD_SECRETID")
    monkeypatch.setenv("TENCENTCLOUD_SESSIONTOKEN", "of another key")
    assert operator.look("status")["bucket"] == BUCKET


def test_a_key_and_its_token_are_taken_together() -> None:
    ours = {"TENCENTCLOUD_SECRETID": "a", "TENCENTCLOUD_SECRETKEY": "b"}
    usual = {
        "TENCENTCLOUD_SECRET_ID": "c", "TENCENTCLOUD_SECRET_KEY": "d", "TENCENTCLOUD_TOKEN": "e",
    }  # fmt: skip
    assert environment({**ours, **usual}).get("TENCENTCLOUD_SESSIONTOKEN") is None
    taken = environment(usual)
    names = ("SECRETID", "SECRETKEY", "SESSIONTOKEN")
    assert [taken[f"TENCENTCLOUD_{name}"] for name in names] == ["c", "d", "e"]


@pytest.mark.parametrize("pair_id", ["", "x" * 900])
def test_what_can_be_no_pair_id(operator: Operator, pair_id: str) -> None:
    result = operator.run("explain", pair_id)
    assert result.exit_code == 2
    assert_one_sentence(result, "pair id")


@pytest.mark.parametrize(
    ("reply", "said"),
    [(Reply(403), "check the execution role's policy"), (Reply(503), "StoreUnavailable")],
)
def test_a_bucket_that_does_not_answer(
    cloud: Cloud, operator: Operator, reply: Reply, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("liveness.seams.SystemClock.sleep", lambda self, seconds: None)
    cloud.sandbox.hooks.append(
        lambda request, phase: reply if phase == "before" and request.service == "cos" else None
    )
    for command in (["status"], ["explain", "anna"], ["reconcile", "--dry-run"]):
        result = operator.run(*command)
        assert result.exit_code == 1
        assert_one_sentence(result, said)


def test_progress_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with progress() as tell:
        tell("listing markers", 1000, None)
        tell("reading markers", 16, 200)
        tell("reading markers", 200, 200)
    told = capsys.readouterr()
    assert told.out == ""
    assert "200 of 200" in told.err
    assert "1,000" in told.err
