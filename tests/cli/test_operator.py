"""The operator's commands against a bucket, over HTTP: for every state that a pair can have."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

from liveness.history import History
from liveness.keys import drain_slot_key, pair_hash
from liveness.markers import MARKER_SCHEMA
from liveness.settings import read_settings
from liveness_cli.console import progress
from liveness_cli.environment import with_platform_names
from liveness_sandbox import Drop, Fault, FaultAction, Reply
from tests.conftest import BUCKET, JPEG, PACKAGE, Cloud, Instance
from tests.function.test_one_call import LAST_PAUSE
from tests.function.test_outages import open_breaker

from .conftest import Command, assert_one_sentence

THROTTLED = {"code": "RequestLimitExceeded", "channel": "error", "times": 1}
BAD_LINK = {"code": "FailedOperation.DownLoadError", "channel": "error"}
TROUBLED = {"code": "InternalError", "channel": "error"}
UNANSWERED = {"drop": "after"}
PENDING = "liveness/ledger/pending/"


class Operator:
    """Runs commands, with and without --json, and checks that no output contains a secret."""

    def __init__(self, cloud: Cloud, command: Command) -> None:
        self._cloud = cloud
        self._command = command
        self.printed = ""

    def view(self, *arguments: str) -> dict[str, Any]:
        """Return the value of a command that must not change anything; `printed` is its table."""
        before, calls = self._etags(), self._cloud.calls
        self.printed = self.run(*arguments).stdout
        value: dict[str, Any] = json.loads(self.run(*arguments, "--json").stdout)
        assert self._etags() == before
        assert self._cloud.calls == calls
        return value

    @property
    def words(self) -> str:
        """`printed` in one line, with single spaces."""
        return " ".join(self.printed.split())

    def run(self, *arguments: str, answer: str | None = None) -> Result:
        result = self._command(*arguments, stdin=answer)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        self._assert_no_secret(result.output)
        return result

    def _etags(self) -> dict[str, str]:
        keys = self._cloud.bucket.keys("")
        return {key: self._cloud.stored(key).etag for key in keys}

    def _assert_no_secret(self, output: str) -> None:
        for key in self._cloud.bucket.keys("liveness/ledger/"):
            body = self._cloud.stored(key).body().decode("latin-1")
            for nonce in re.findall(r'"nonce": "(\w+)"', body):
                assert nonce not in output
        keys = self._cloud.sandbox.credentials
        for canary in (keys.secret_id, keys.secret_key, "q-sign", "http://", "https://"):
            assert canary not in output


@pytest.fixture
def operator(cloud: Cloud, environment: None, liveness: Command) -> Operator:
    cloud.deploy()
    return Operator(cloud, liveness)


def keep_last_marker(cloud: Cloud) -> None:
    """Delete the markers that a drain would have deleted: each walk has written another."""
    for key in sorted(cloud.bucket.keys(PENDING))[:-1]:
        cloud.bucket.delete(key)


def forget_markers(cloud: Cloud) -> None:
    for key in cloud.bucket.keys(PENDING):
        cloud.bucket.delete(key)


def remove(cloud: Cloud, key: str) -> None:
    cloud.client.delete_object(Bucket=BUCKET, Key=key)


def add_drainer(cloud: Cloud, request_id: str) -> None:
    now = cloud.sandbox.clock.now().timestamp()
    settings = read_settings(cloud.instance().environ)
    owner = {"name": "liveness", "version": "$LATEST", "request_id": request_id}
    body = json.dumps({"nonce": "secretnonce", "owner": owner}).encode()
    for seconds in (0, 10):
        cloud.bucket.put(drain_slot_key(settings, now + seconds), body)


# ---- one pair in every state


def passed(cloud: Cloud, function: Instance) -> None:
    cloud.put_pair("anna")
    function.walk("anna")


def frame_removed(cloud: Cloud, function: Instance) -> None:
    passed(cloud, function)
    (frame,) = cloud.bucket.keys("liveness/frames/")
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
    cloud.bucket.put(key, cloud.stored(key).body().replace(b"96.3", b"99.9"))


def changed(cloud: Cloud, function: Instance) -> None:
    passed(cloud, function)
    cloud.put_pair("anna", b"other content")


def given_up(cloud: Cloud, function: Instance) -> None:
    cloud.put_pair("anna", UNANSWERED | {"times": 3})
    calls = cloud.calls  # of other pairs
    for _ in range(3):
        assert function.walk("anna")["state"] == "parked"
        cloud.advance(LAST_PAUSE)
    assert function.walk("anna")["status"] == "failed"
    assert cloud.calls - calls == 3


def exhausted(cloud: Cloud, function: Instance) -> None:
    """The last of the attempts may still be answered."""
    cloud.put_pair("anna", UNANSWERED)
    for number in (1, 2, 3):
        assert function.walk("anna")["state"] == "parked"
        if number < 3:
            cloud.advance(LAST_PAUSE)
    assert cloud.calls == 3
    keep_last_marker(cloud)


def overdue(cloud: Cloud, function: Instance) -> None:
    """All attempts are used up, and the time to give up has come."""
    exhausted(cloud, function)
    cloud.advance(LAST_PAUSE)


def exhausted_unmarked(cloud: Cloud, function: Instance) -> None:
    exhausted(cloud, function)
    forget_markers(cloud)
    cloud.advance(60)  # to the end of the lease


def unanswered(cloud: Cloud, function: Instance) -> None:
    """Its lease still runs, but its owner has said that there was no reply."""
    cloud.put_pair("anna", UNANSWERED)
    function.walk("anna")


def unanswered_twice(cloud: Cloud, function: Instance) -> None:
    unanswered(cloud, function)
    cloud.advance(75)
    function.walk("anna")
    keep_last_marker(cloud)


def unanswered_unmarked(cloud: Cloud, function: Instance) -> None:
    """As after a crash long ago; the only attempt that is left comes after an hour."""
    unanswered_twice(cloud, function)
    forget_markers(cloud)
    cloud.advance(60)


def running(cloud: Cloud, function: Instance) -> None:
    unanswered(cloud, function)
    forget_markers(cloud)  # an invocation that still waits for the reply has written none


def set_back(cloud: Cloud, function: Instance) -> None:
    cloud.put_pair("anna", BAD_LINK)
    function.walk("anna")


def set_back_unmarked(cloud: Cloud, function: Instance) -> None:
    set_back(cloud, function)
    forget_markers(cloud)


def answered_late(cloud: Cloud, function: Instance) -> None:
    """The answer to the only attempt came after its deadline."""
    passed(cloud, function)
    (response,) = cloud.ledger_keys("response")
    cloud.bucket.put(response.removesuffix("response") + "late-1", cloud.stored(response).body())
    remove(cloud, response)
    remove(cloud, "liveness/results/anna/result.json")
    cloud.advance(75)


def blocked(cloud: Cloud, function: Instance) -> None:
    open_breaker(cloud, function)
    cloud.sandbox.hooks.clear()
    throttled(cloud, function)


def throttled(cloud: Cloud, function: Instance) -> None:
    cloud.put_pair("anna", THROTTLED)
    assert function.walk("anna")["state"] == "parked"


def waiting(cloud: Cloud, function: Instance) -> None:
    cloud.put("anna", "live.bin", b"x")


def empty_input(cloud: Cloud, function: Instance) -> None:
    cloud.put_pair("anna", b"")
    function.walk("anna")


def never_triggered(cloud: Cloud, function: Instance) -> None:
    cloud.put_pair("anna")


def gone(cloud: Cloud, function: Instance) -> None:
    passed(cloud, function)
    for name in ("live.bin", "reference.jpg"):
        remove(cloud, f"liveness/incoming/anna/{name}")


def unknown(cloud: Cloud, function: Instance) -> None:
    pass


def reused_package(cloud: Cloud, function: Instance) -> None:
    cloud.put_pair("bert", PACKAGE)
    function.walk("bert")
    cloud.put_pair("anna", PACKAGE)
    assert function.walk("anna")["status"] == "rejected"


def too_many_submissions(cloud: Cloud, function: Instance) -> None:
    """With a limit that was lower than it is now."""
    passed(cloud, function)
    cloud.put_pair("anna", b"another try")
    assert cloud.instance(MAX_SUBMISSIONS="1").walk("anna")["status"] == "invalid"


Arrange = Callable[[Cloud, Instance], None]
# For each situation: the state, a part of the timeline, and a part of the outlook.
SITUATIONS: dict[Arrange, tuple[str, str, str]] = {
    passed: ("passed", "passed: Success; best frame exists", "the result is final"),
    frame_removed: ("passed", "best frame was deleted", "that it names was deleted"),
    frame_lost: ("passed", "no best frame: its URL answered", "could not be copied"),
    unpublished: ("answered", "so passed; 1 call possibly billed", "without another call"),
    damaged: ("damaged", "damaged: not as the function wrote it", "Every walk of this pair fails"),
    changed: ("ready", "(of other content)", "may be billed, is made by the upload's event"),
    given_up: ("failed", "given up after attempt 3; 3 calls", "is left to an operator"),
    exhausted: ("exhausted", "attempt 3 by invocation invocation-1; no response", "are used up"),
    overdue: (
        "exhausted",
        "attempt 3 by",
        "published as failed by the next drain, within a minute",
    ),
    exhausted_unmarked: (
        "exhausted",
        "attempt 3 by",
        "not before the wait for a late answer is over",
    ),
    running: ("running", "its lease expires in", "Invocation invocation-1 is running, or crashed"),
    unanswered: ("ready", "no response was recorded", "by the next drain after its marker is due"),
    unanswered_twice: ("ready", "attempt 2 by", "The pair pauses for another"),
    unanswered_unmarked: ("ready", "attempt 2 by", "reconcile, not before its pause is over, in"),
    set_back: ("ready", "attempt 1 released", "The pair pauses for another"),
    set_back_unmarked: ("ready", "attempt 1 released", "not before its pause is over, in"),
    answered_late: ("answered", "arrived after", "A late response is used and published"),
    blocked: ("ready", "attempt 1 released", "The breaker is open (unanswered)"),
    throttled: ("ready", "attempt 1 released, nothing was billed", "by the next drain"),
    waiting: ("waiting", "liveness/incoming/anna/live.bin, 1 byte", "waits for the image input"),
    empty_input: ("invalid", "invalid: InputEmpty", "the result says InputEmpty"),
    never_triggered: ("ready", "liveness/incoming/anna/reference.jpg", "by the upload's event"),
    gone: ("gone", "passed: Success", "both inputs were deleted"),
    reused_package: ("rejected", "refused: PackageReused, no call", "was refused (PackageReused)"),
    too_many_submissions: (
        "invalid",
        "refused: TooManySubmissions, no call",
        "was refused (TooManySubmissions), without a call",
    ),
    unknown: ("unknown", "", "this pair id has no input, no result and no ledger entry"),
}


@pytest.mark.parametrize("arrange", SITUATIONS, ids=lambda arrange: arrange.__name__)
def test_explain_shows_state_history_and_outlook(
    cloud: Cloud, operator: Operator, arrange: Arrange
) -> None:
    arrange(cloud, cloud.instance())
    state, entry_text, outlook = SITUATIONS[arrange]

    value = operator.view("explain", "anna")

    assert value["state"] == state
    assert any(entry_text in entry["text"] for entry in value["timeline"]) or not entry_text
    assert outlook in value["next"]["outlook"]
    assert f": {state}" in operator.words.partition(" inputs ")[0]
    assert entry_text in operator.words
    assert outlook in operator.words


def test_explain_prints_one_page(cloud: Cloud, operator: Operator) -> None:
    throttled(cloud, cloud.instance())

    operator.view("explain", "anna")

    printed = re.sub(r"[0-9-]{10} [0-9:]{8}|[0-9-]{10}T[0-9:]{8}Z", "<time>", operator.printed)
    printed = re.sub(r"[0-9a-f]{64}", "<hash>", printed)
    assert [" ".join(line.split()) for line in printed.splitlines()] == [
        "Pair anna at <time> UTC: ready",
        "",
        "inputs live, image",
        "fingerprint <hash>",
        "attempts 1 attempt, 3 allowed",
        "submissions 1 of at most 5; 0 calls possibly billed for all of them",
        "parked RequestLimitExceeded: The verification service is busy. It will be tried again;",
        "nothing needs to be done; since <time>; next try <time>;",
        "set-backs 0 of 11, attempts without a reply 0 of 3",
        "",
        "Timeline",
        "UTC Kind Details",
        "<time> input liveness/incoming/anna/live.bin, 97 bytes",
        "<time> input liveness/incoming/anna/reference.jpg, 21,348 bytes",
        "<time> claim attempt 1 by invocation invocation-1",
        "<time> marker due <time>: RequestLimitExceeded: The verification",
        "service is busy. It will be tried again; nothing needs to be done.",
        "<time> released attempt 1 released, nothing was billed",
        "",
        "next The next call, which may be billed, is made by the next drain, within a minute: its",
        "marker is due.",
        "you can Make it now: liveness retry anna",
    ]


def test_explain_names_the_current_drainer(cloud: Cloud, operator: Operator) -> None:
    throttled(cloud, cloud.instance())
    add_drainer(cloud, "drainer-7")

    value = operator.view("explain", "anna")

    assert "by invocation drainer-7" in value["next"]["outlook"]


def test_explain_escapes_control_characters_in_keys(cloud: Cloud, operator: Operator) -> None:
    name = "\x1b[31m[bold]会话\u202e"
    cloud.put(name, "live.bin", b"x")

    value = operator.view("explain", name)

    assert value["pair_id"] == name
    assert "\\u001b[31m[bold]会话\\u202e" in operator.printed
    assert "\x1b" not in operator.printed


# ---- submissions, and packages that were used before


def put_json(cloud: Cloud, key: str, **fields: Any) -> None:
    cloud.bucket.put(key, json.dumps(fields).encode())


def fingerprint_of(cloud: Cloud, pair_id: str) -> str:
    value: str = json.loads(cloud.stored(f"liveness/results/{pair_id}/result.json").body())[
        "fingerprint"
    ]
    return value


def submit(cloud: Cloud, pair_id: str, number: int, fingerprint: str) -> None:
    """Number a content, as the function does."""
    key = f"liveness/ledger/submissions/{pair_hash(pair_id)}/{number}"
    put_json(
        cloud, key, schema="liveness-submission/1", pair_id=pair_id, number=number,
        fingerprint=fingerprint, owner={},
    )  # fmt: skip


def use(cloud: Cloud, md5: str, number: int, pair_id: str, fingerprint: str) -> None:
    """Number the use of a package, as the function does."""
    put_json(
        cloud, f"liveness/ledger/packages/{md5}/{number}", schema="liveness-package/1",
        number=number, pair_id=pair_id, fingerprint=fingerprint, owner={},
    )  # fmt: skip


def test_explain_counts_the_submissions_of_a_pair(cloud: Cloud, operator: Operator) -> None:
    """Three contents: one that does not look like the photo, one without an answer, one passes."""
    function = cloud.instance()
    cloud.put_pair("anna", {"code": "FailedOperation.CompareLowSimilarity", "sim": 12})
    function.walk("anna")
    first = fingerprint_of(cloud, "anna")
    cloud.put_pair("anna", UNANSWERED | {"comment": "second"})
    function.walk("anna")
    (claim,) = (key for key in cloud.ledger_keys("1.claim") if first not in key)
    second = claim.split("/")[-2]
    forget_markers(cloud)
    cloud.put_pair("anna")
    function.walk("anna")
    for number, fingerprint in enumerate((first, second, fingerprint_of(cloud, "anna")), 1):
        submit(cloud, "anna", number, fingerprint)

    value = operator.view("explain", "anna")["submissions"]

    assert (value["count"], value["limit"], value["possibly_billed_calls"]) == (3, 5, 3)
    assert [
        (row["number"], row["status"], row["reason"], row["possibly_billed_calls"])
        for row in value["contents"]
    ] == [
        (1, "rejected", "FailedOperation.CompareLowSimilarity", 1),
        (2, None, None, 1),
        (3, "passed", "Success", 1),
    ]
    assert [row["is_current"] for row in value["contents"]] == [False, False, True]
    assert "submissions 3 of at most 5; 3 calls possibly billed for all of them" in operator.words
    assert "3 (current)" in operator.words


def test_explain_shows_both_pairs_of_a_reused_package(cloud: Cloud, operator: Operator) -> None:
    function = cloud.instance()
    for number, name in enumerate(("anna", "bert", "cleo"), 1):
        cloud.put_pair(name, PACKAGE if name != "cleo" else b"another package")
        function.walk(name)
        md5 = hashlib.md5(cloud.stored(f"liveness/incoming/{name}/live.bin").body()).hexdigest()
        use(cloud, md5, number if name != "cleo" else 1, name, fingerprint_of(cloud, name))

    of_bert = operator.view("explain", "bert")
    words = operator.words
    of_cleo = operator.view("explain", "cleo")

    assert of_bert["package"]["reused"] is True
    assert [row["pair_id"] for row in of_bert["package"]["uses"]] == ["anna", "bert"]
    assert "package also that of anna; the first time at" in words
    assert of_cleo["package"]["reused"] is False
    assert "also that of" not in operator.words


def test_a_listing_that_lags_does_not_hide_a_submission(cloud: Cloud, operator: Operator) -> None:
    cloud.sandbox.faults.add(Fault(FaultAction(stale_list=3600)))
    passed(cloud, cloud.instance())
    submit(cloud, "anna", 1, fingerprint_of(cloud, "anna"))

    value = operator.view("explain", "anna")

    assert value["submissions"]["count"] == 1


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"pair_id": 3, "fingerprint": null}'])
def test_damaged_submissions_and_uses_are_shown(
    cloud: Cloud, operator: Operator, body: bytes
) -> None:
    passed(cloud, cloud.instance())
    md5 = hashlib.md5(PACKAGE).hexdigest()
    cloud.bucket.put(f"liveness/ledger/submissions/{pair_hash('anna')}/1", body)
    cloud.bucket.put(f"liveness/ledger/submissions/{pair_hash('anna')}/x", body)
    cloud.bucket.put(f"liveness/ledger/packages/{md5}/1", body)

    value = operator.view("explain", "anna")

    assert value["submissions"]["contents"][0]["fingerprint"] == ""
    assert value["package"]["uses"][0]["pair_id"] == ""
    assert "package also that of damaged" in operator.words


def test_status_shows_pairs_with_several_contents(cloud: Cloud, operator: Operator) -> None:
    """No content is billed twice, and the person is judged three times."""
    function = cloud.instance()
    cloud.put_pair("bert")
    function.walk("bert")
    for number in range(3):
        cloud.put_pair("anna", {"sim": 60 + number, "comment": str(number)})
        function.walk("anna")

    value = operator.view("status")

    assert value["possible_double_billing"] == []
    assert value["several_contents"] == [{"pair_id": "anna", "contents": 3, "calls": 3}]
    assert "tried again 1 pair with several contents, 3 calls possibly billed" in operator.words


# ---- all pairs


def test_status_summarizes_the_bucket(cloud: Cloud, operator: Operator) -> None:
    function = cloud.instance()
    for name in ("passed-1", "passed-2"):
        cloud.put_pair(name)
        function.walk(name)
    given_up(cloud, function)
    cloud.put_pair("bert", THROTTLED)
    function.walk("bert")
    cloud.put_pair("cleo", TROUBLED)
    function.walk("cleo")
    add_drainer(cloud, "drainer-7")

    value = operator.view("status")

    assert value["bucket"] == BUCKET
    assert value["results"]["by_status"] == {"passed": 2, "failed": 1}
    assert value["drain"]["request_id"] == "drainer-7"
    assert value["backlog"]["pairs"] == 3
    assert value["backlog"]["oldest"]["pair_id"] == "anna"
    assert [(row["pair_id"], row["code"]) for row in value["failed"]] == [("anna", "GivenUp")]
    (double,) = value["possible_double_billing"]
    assert (double["pair_id"], double["calls"], double["answered"]) == ("anna", 3, False)
    errors = {(row["found_in"], row["pair_id"], row["times"]) for row in value["last_errors"]}
    assert errors == {("marker", "cleo", 1), ("result", "anna", 1), ("marker", "anna", 3)}
    assert "backlog 5 markers of 3 pairs, 4 due" in operator.words
    assert "draining invocation drainer-7 of liveness" in operator.words
    assert "results 3 of 3 read: passed 2, failed 1" in operator.words
    assert "billed twice 1 pair, 2 extra calls" in operator.words
    assert "Not checked inputs: pairs that wait, and keys that belong to no pair" in operator.words


def test_status_of_an_empty_bucket_is_empty(operator: Operator) -> None:
    value = operator.view("status")

    assert value["backlog"]["markers"] == 0
    assert "backlog empty oldest none draining none" in operator.words
    assert "results 0 of 0 read billed twice none tried again none Not checked" in operator.words


def test_status_finds_double_billing_of_unfinished_pairs(cloud: Cloud, operator: Operator) -> None:
    exhausted(cloud, cloud.instance())

    (double,) = operator.view("status")["possible_double_billing"]

    assert (double["pair_id"], double["calls"]) == ("anna", 3)


def test_status_does_not_count_calls_that_were_not_billed(cloud: Cloud, operator: Operator) -> None:
    # The first call may have been billed; the code of the second says that it was not.
    cloud.put_pair("anna", {"code": "FailedOperation.LivessDetectFake"})
    cloud.on("POST", "DetectReflectLivenessAndCompare", Drop(), phase="after", service="faceid")
    function = cloud.instance()
    assert function.walk("anna")["state"] == "parked"
    cloud.advance(75)
    assert function.walk("anna")["status"] == "rejected"
    assert "2.claim" in cloud.ledger()

    value = operator.view("status")

    assert value["possible_double_billing"] == []


def test_status_reads_no_more_than_its_limit(cloud: Cloud, operator: Operator) -> None:
    fields = {
        "schema": MARKER_SCHEMA,
        "reason": "reconcile",
        "detail": "",
        "deliveries": 0,
        "fingerprint": "",
        "history": History().to_record(),
    }
    for number in range(1005):
        key = f"liveness/ledger/pending/20200101T000000Z-{pair_hash(str(number))}-n"
        body = {**fields, "pair_id": str(number)}
        cloud.bucket.put(key, json.dumps(body).encode())
        cloud.bucket.put(f"liveness/results/{number}/result.json", b"[]")

    value = operator.view("status", "--limit", "3")
    unlimited = json.loads(operator.run("status", "--all", "--json").stdout)

    assert (value["backlog"]["markers"], value["backlog"]["pairs"]) == (1005, 1005)
    assert value["backlog"]["reasons"][0]["markers"] == 3
    assert (value["results"]["listed"], value["results"]["read"]) == (1005, 3)
    assert "the content of 1,002 later markers" in operator.printed
    assert "1,002 older results" in operator.printed
    assert unlimited["results"]["by_status"] == {"unreadable": 1005}
    assert unlimited["backlog"]["reasons"][0]["markers"] == 1005


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"reason": "see https://x/?q-sign=1"}',
        b'{"pair_id": "anna", "reason": "as version 0.1.0 wrote it", "visits": 0}',
        b'{"parked_at": 1e999, "finished_pass_began": 1e999}',
        b'{"parked_at": 1e99, "finished_pass_began": 1e99}',
    ],
    ids=lambda body: repr(body[:20]),
)
def test_damaged_objects_are_reported(cloud: Cloud, operator: Operator, body: bytes) -> None:
    cloud.put_pair("anna")
    hashed, fingerprint = pair_hash("anna"), operator.view("explain", "anna")["fingerprint"]
    for key in (
        f"ledger/pending/20200101T000000Z-{hashed}-n",
        f"ledger/pending/{hashed}",
        f"ledger/claims/{hashed}/{fingerprint}/1.claim",
        f"ledger/claims/{hashed}/{fingerprint}/2.claim",
        f"ledger/claims/{hashed}/{fingerprint}/response",
        f"ledger/claims/{hashed}/{fingerprint}/other",
        "ledger/reconcile.json",
        "results/anna/result.json",
    ):
        cloud.bucket.put(f"liveness/{key}", body)

    status, explanation = operator.view("status"), operator.view("explain", "anna")

    assert status["results"]["by_status"] == {"unreadable": 1}
    assert status["backlog"]["damaged"] == 2
    assert (explanation["state"], explanation["result"]["status"]) == ("damaged", "unreadable")


@pytest.mark.parametrize("parked_at", ["1e999", "1e99", "null", '"yesterday"'])
def test_a_marker_with_an_impossible_time_is_shown(
    cloud: Cloud, operator: Operator, parked_at: str
) -> None:
    throttled(cloud, cloud.instance())
    (key,) = cloud.bucket.keys("liveness/ledger/pending/")
    marker = json.loads(cloud.stored(key).body())
    text = json.dumps({**marker, "parked_at": 0}).replace(
        '"parked_at": 0', f'"parked_at": {parked_at}'
    )
    cloud.bucket.put(key, text.encode())

    status, explanation = operator.view("status"), operator.view("explain", "anna")

    assert (status["backlog"]["markers"], status["backlog"]["damaged"]) == (1, 0)
    assert explanation["markers"][0]["reason"] == "throttled"


# ---- commands that change something


def test_retry_makes_one_more_attempt_after_confirmation(cloud: Cloud, operator: Operator) -> None:
    given_up(cloud, cloud.instance())
    billed = cloud.billed

    declined = operator.run("retry", "anna", answer="n\n")

    assert declined.exit_code == 1
    assert "anna (failed): at most 1 call" in declined.stderr
    assert cloud.billed == billed

    accepted = operator.run("retry", "anna", "anna", "--json", answer="y\n")

    assert accepted.exit_code == 0, accepted.stderr
    assert json.loads(accepted.stdout) == {
        "schema": "liveness-retried/2",
        "pairs": [
            {"pair_id": "anna", "before": "failed", "state": "published", "status": "passed",
             "reason": None},
        ],
    }  # fmt: skip
    assert cloud.billed == billed + 1
    assert operator.view("explain", "anna")["state"] == "passed"


@pytest.mark.parametrize("arrange", SITUATIONS, ids=lambda arrange: arrange.__name__)
def test_retry_makes_no_more_calls_than_announced(
    cloud: Cloud, operator: Operator, arrange: Arrange
) -> None:
    arrange(cloud, cloud.instance())
    max_calls = operator.view("explain", "anna")["next"]["max_calls"]
    calls = cloud.calls

    operator.run("retry", "anna", "--yes")

    assert cloud.calls - calls <= max_calls


def test_retry_need_not_wait_for_a_pause_but_for_a_lease(cloud: Cloud, operator: Operator) -> None:
    unanswered_twice(cloud, cloud.instance())
    action = operator.view("explain", "anna")["next"]["action"]
    assert "as soon as the last call's lease expires, in 5" in action
    calls = cloud.calls

    operator.run("retry", "anna", "--yes")
    assert cloud.calls == calls
    cloud.advance(53)
    operator.run("retry", "anna", "--yes")

    assert cloud.calls == calls + 1


def test_retry_does_not_ask_when_nothing_can_be_billed(cloud: Cloud, operator: Operator) -> None:
    unpublished(cloud, cloud.instance())

    retried = operator.run("retry", "anna", "--log")

    assert retried.exit_code == 0, retried.output
    (line,) = retried.stdout.splitlines()[2:]
    assert line.split()[:3] == ["anna", "answered", "passed"]
    logged = [json.loads(line)["event"] for line in retried.stderr.splitlines()[1:]]
    assert logged.count("invocation.started") == 1
    assert cloud.calls == 1


def test_retry_of_an_unknown_id_invokes_nothing_and_says_so(
    cloud: Cloud, operator: Operator
) -> None:
    unpublished(cloud, cloud.instance())

    retried = operator.run("retry", "anna", "nobody", "--log")

    assert retried.exit_code == 1
    assert "nobody  unknown   error   there is no such pair" in retried.stdout
    logged = [json.loads(line)["event"] for line in retried.stderr.splitlines()[1:]]
    assert logged.count("invocation.started") == 1
    assert operator.run("retry", "nobody").stdout.startswith("Not retried")


def test_retry_of_a_pair_that_it_cannot_change_says_what_can_be_done(
    cloud: Cloud, operator: Operator
) -> None:
    reused_package(cloud, cloud.instance())

    retried = operator.run("retry", "anna", "--yes", "--json")

    (pair,) = json.loads(retried.stdout)["pairs"]
    assert (pair["before"], pair["status"]) == ("rejected", "rejected")
    assert pair["reason"] == operator.view("explain", "anna")["next"]["action"]


def test_retry_reports_the_error_of_a_pair(cloud: Cloud, operator: Operator) -> None:
    damaged(cloud, cloud.instance())

    retried = operator.run("retry", "anna")

    assert retried.exit_code == 1
    assert "LedgerDamagedError" in retried.stdout


@pytest.fixture
def unfinished_pairs(cloud: Cloud) -> None:
    """Two complete pairs without a result, and one with."""
    for name in ("2026/anna", "2026/bert", "2027/cleo"):
        cloud.put_pair(name)
    cloud.instance().walk("2026/bert")


def test_reconcile_dry_run_shows_unfinished_pairs(
    cloud: Cloud, operator: Operator, unfinished_pairs: None
) -> None:
    value = operator.view("reconcile", "--dry-run", "--prefix", "2026/")
    printed = operator.printed
    unrestricted = operator.view("reconcile", "--dry-run")

    assert value == {
        "schema": "liveness-reconciled/3",
        "dry_run": True,
        "prefix": "2026/",
        "complete": True,
        "keys": 4,
        "checked": 2,
        "parked": 1,
        "pairs": ["2026/anna"],
    }
    assert "1 would be parked" in printed
    assert unrestricted["pairs"] == ["2026/anna", "2027/cleo"]
    assert cloud.markers() == []


def test_reconcile_parks_unfinished_pairs(
    cloud: Cloud, operator: Operator, unfinished_pairs: None
) -> None:
    reconciled = operator.run("reconcile")

    assert "6 keys listed, 3 pairs checked, 2 parked" in reconciled.stdout
    assert {marker["pair_id"] for marker in cloud.markers()} == {"2026/anna", "2027/cleo"}
    assert json.loads(cloud.stored("liveness/ledger/reconcile.json").body())["cursor"] == ""
    assert operator.view("status")["reconcile"]["last_finished_pass_began"] is not None


def test_reconcile_goes_on_until_the_function_has_finished_its_pass(
    cloud: Cloud, environment: None, liveness: Command, unfinished_pairs: None
) -> None:
    """The function stops before its time is over, and continues where it stopped."""
    function = cloud.deploy()
    operator = Operator(cloud, liveness)
    real_call, calls = function._function, []

    def short_of_time_at_first(event: object, context: dict[str, Any]) -> Any:
        calls.append(event)
        if len(calls) == 1:
            return {"reconcile": {"complete": False, "keys": 2, "checked": 1, "parked": 0}}
        return real_call(event, context)

    function._function = short_of_time_at_first  # type: ignore[assignment]

    value = json.loads(operator.run("reconcile", "--json").stdout)

    assert calls == [{"reconcile": {"prefix": ""}}] * 2
    assert (value["complete"], value["keys"], value["checked"]) == (True, 8, 4)


# ---- the function that does the work


CHANGING = (["retry", "anna", "--yes"], ["reconcile"])


@pytest.mark.parametrize("command", CHANGING, ids=" ".join)
def test_without_a_function_nothing_is_changed(
    cloud: Cloud, environment: None, liveness: Command, command: list[str]
) -> None:
    unpublished(cloud, cloud.instance())
    before = cloud.bucket.keys("")

    result = liveness(*command)

    assert result.exit_code == 1
    assert_one_sentence(result, "there is no function liveness in ap-singapore", "--function-name")
    assert cloud.bucket.keys("") == before


@pytest.mark.parametrize("command", CHANGING, ids=" ".join)
def test_a_function_that_works_on_other_objects_is_not_invoked(
    cloud: Cloud, environment: None, liveness: Command, command: list[str]
) -> None:
    """It would try another bucket's pair of the same id."""
    function = cloud.deploy(LEDGER_PREFIX="elsewhere/", RESULT_PREFIX="out/")
    unpublished(cloud, cloud.instance())

    result = liveness(*command)

    assert result.exit_code == 1
    assert_one_sentence(result, "LIVENESS_RESULT_PREFIX, LIVENESS_LEDGER_PREFIX", "make them the")
    assert function.lines == []


@pytest.mark.parametrize("command", CHANGING, ids=" ".join)
def test_the_function_may_have_another_name(
    cloud: Cloud, environment: None, liveness: Command, command: list[str]
) -> None:
    cloud.deploy("liveness-2")
    unpublished(cloud, cloud.instance())

    result = liveness(*command, "--function-name", "liveness-2")

    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("command", CHANGING, ids=" ".join)
def test_a_function_that_is_stopped_says_so(
    cloud: Cloud, operator: Operator, liveness: Command, command: list[str]
) -> None:
    unpublished(cloud, cloud.instance())
    assert liveness("configure", "--reserved-mb", "0").exit_code == 0

    result = operator.run(*command)

    assert result.exit_code == 1
    assert "over the concurrency quota" in " ".join(result.output.split())


@pytest.mark.parametrize("command", CHANGING, ids=" ".join)
def test_a_lost_reply_does_not_look_like_a_failure_of_the_function(
    cloud: Cloud, operator: Operator, command: list[str]
) -> None:
    unpublished(cloud, cloud.instance())
    cloud.sandbox.hooks.append(
        lambda request, phase: (
            Drop() if (request.action, phase) == ("InvokeFunction", "after") else None
        )
    )

    result = operator.run(*command)

    assert result.exit_code == 1
    assert "the function may still be running" in " ".join(result.output.split())


@pytest.mark.parametrize("command", CHANGING, ids=" ".join)
def test_a_key_that_may_not_invoke_the_function_is_told_what_it_needs(
    cloud: Cloud, operator: Operator, command: list[str]
) -> None:
    unpublished(cloud, cloud.instance())
    error = {"Code": "AuthFailure.UnauthorizedOperation", "Message": "no"}
    body = json.dumps({"Response": {"Error": error, "RequestId": "r"}}).encode()
    reply = Reply(200, body, {"Content-Type": "application/json"})
    cloud.sandbox.hooks.append(
        lambda request, phase: (
            reply if (request.action, phase) == ("InvokeFunction", "before") else None
        )
    )

    result = operator.run(*command)

    assert result.exit_code == 1
    assert "your key needs the policy operator" in " ".join(result.output.split())


def test_what_the_function_logged_is_shown_without_control_characters(
    cloud: Cloud, operator: Operator
) -> None:
    name = "an\x9b31mna\u202e\u200b\x7f\u2028"
    cloud.put_pair(name)

    result = operator.run("retry", name, "--yes", "--log")

    assert result.exit_code == 0, result.output
    assert "pair.published" in result.stderr
    assert "passed" in result.stdout
    assert [char for char in result.output if not char.isprintable() and char != "\n"] == []


# ---- the environment, and errors


@pytest.mark.parametrize("command", [["status"], ["explain", "x"], ["retry", "x"], ["reconcile"]])
def test_all_missing_variables_are_reported_at_once(liveness: Command, command: list[str]) -> None:
    result = liveness(*command)

    assert result.exit_code == 2
    for name in ("LIVENESS_BUCKET", "TENCENTCLOUD_REGION", "TENCENTCLOUD_SECRETID"):
        assert name in result.stderr
    assert "Traceback" not in result.stderr


def test_credentials_may_have_the_names_of_the_vendors_tools(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TENCENTCLOUD_SECRETID")
    monkeypatch.setenv("TENCENTCLOUD_SESSIONTOKEN", "of another key")

    value = operator.view("status")

    assert value["bucket"] == BUCKET


def test_a_key_is_never_combined_with_the_token_of_another() -> None:
    platform = {"TENCENTCLOUD_SECRETID": "a", "TENCENTCLOUD_SECRETKEY": "b"}
    tools = {
        "TENCENTCLOUD_SECRET_ID": "c", "TENCENTCLOUD_SECRET_KEY": "d", "TENCENTCLOUD_TOKEN": "e",
    }  # fmt: skip

    same = {"TENCENTCLOUD_SECRETID": "c", "TENCENTCLOUD_SECRETKEY": "d"}

    both, tools_only = with_platform_names({**platform, **tools}), with_platform_names(tools)

    assert both.get("TENCENTCLOUD_SESSIONTOKEN") is None
    names = ("SECRETID", "SECRETKEY", "SESSIONTOKEN")
    for renamed in (tools_only, with_platform_names({**same, **tools})):
        assert [renamed[f"TENCENTCLOUD_{name}"] for name in names] == ["c", "d", "e"]


@pytest.mark.parametrize("pair_id", ["", "x" * 900])
def test_an_invalid_pair_id_is_rejected(operator: Operator, pair_id: str) -> None:
    result = operator.run("explain", pair_id)

    assert result.exit_code == 2
    assert_one_sentence(result, "pair id")


@pytest.mark.parametrize(
    ("reply", "text"),
    [(Reply(403), "check the policy of your key"), (Reply(503), "StoreUnavailableError")],
)
@pytest.mark.parametrize("command", ["status", "explain anna", "reconcile --dry-run"])
def test_a_failing_bucket_is_reported_in_one_sentence(
    cloud: Cloud,
    operator: Operator,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    reply: Reply,
    text: str,
) -> None:
    monkeypatch.setattr("liveness.cloud.system.SystemClock.sleep", lambda self, seconds: None)
    cloud.sandbox.hooks.append(
        lambda request, phase: reply if phase == "before" and request.service == "cos" else None
    )

    result = operator.run(*command.split())

    assert result.exit_code == 1
    assert_one_sentence(result, text)


def test_progress_is_shown_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")

    with progress() as update:
        update("listing markers", 1000, None)
        update("reading markers", 16, 200)
        update("reading markers", 200, 200)

    captured = capsys.readouterr()
    assert captured.out == ""
    assert "200 of 200" in captured.err
    assert "1,000" in captured.err


# ---- pairs that wait, and keys that are no inputs


@pytest.fixture
def misnamed(cloud: Cloud) -> None:
    """A pair whose package has another name, one that waits, one that is finished, and a folder."""
    cloud.put("anna", "reference.jpg", JPEG)
    cloud.put("anna", "live.mp4", PACKAGE)
    cloud.put("anna-10", "live.mp4", PACKAGE)
    cloud.put("bert", "live.bin", PACKAGE)
    cloud.put_pair("cleo")
    cloud.instance().walk("cleo")
    cloud.bucket.delete("liveness/incoming/cleo/live.bin")
    cloud.put("", "", b"")
    cloud.bucket.backdate("liveness/incoming/bert/live.bin", 3600)


def test_explain_shows_what_was_meant_to_be_an_input(
    cloud: Cloud, operator: Operator, misnamed: None
) -> None:
    value = operator.view("explain", "anna")

    assert value["missing"] == ["live"]
    (stray,) = value["strays"]
    assert stray["key"] == "liveness/incoming/anna/live.mp4"
    assert "not inputs liveness/incoming/anna/live.mp4 ends in none of" in operator.words


def test_status_lists_pairs_that_wait_with_their_age_and_keys_of_no_pair(
    cloud: Cloud, operator: Operator, misnamed: None
) -> None:
    value = operator.view("status", "--waiting")

    (pair,) = value["waiting"]["pairs"]  # anna's photo is younger
    assert (pair["pair_id"], pair["missing"]) == ("bert", ["image"])
    assert 3600 <= pair["seconds"] < 4000
    assert [
        row["key"].removeprefix("liveness/incoming/") for row in value["waiting"]["strays"]
    ] == [
        "anna-10/live.mp4",
        "anna/live.mp4",
    ]
    assert "waiting 1 pair for 15 minutes or longer; 2 keys of no pair" in operator.words
    assert not any("--waiting" in remark for remark in value["not_checked"])

    younger = operator.view("status", "--waiting", "0")
    assert [row["pair_id"] for row in younger["waiting"]["pairs"]] == ["bert", "anna"]
    assert operator.view("status")["waiting"] is None
