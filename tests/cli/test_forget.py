"""`liveness forget`: erases all of one pair and nothing of another, under running invocations."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from liveness.keys import pair_hash
from liveness_cli.operator.erasure import QUIESCENCE_SECONDS
from liveness_sandbox import Fault, FaultAction, Reply
from tests.conftest import BUCKET, PACKAGE, Cloud
from tests.review.stored import put_review

from .conftest import Command, assert_one_sentence

THROTTLED = {"code": "RequestLimitExceeded", "channel": "error", "times": 1}
DETECT = "DetectReflectLivenessAndCompare"
Forget = Callable[..., Result]
PACKAGE_MD5 = hashlib.md5(PACKAGE).hexdigest()
FRAMES = "liveness/ledger/frame-urls/"
PACKAGES = "liveness/ledger/packages/"
SUBMISSIONS = "liveness/ledger/submissions/"
FINGERPRINT = "f" * 64


class Sleep:
    """Replaces the command's waits: counts the seconds, and calls `meanwhile` instead."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.meanwhile: Callable[[], Any] = lambda: None

    def __call__(self, clock: object, seconds: float) -> None:
        self.seconds += seconds
        self.meanwhile()


@pytest.fixture
def sleep(monkeypatch: pytest.MonkeyPatch) -> Sleep:
    sleep = Sleep()
    monkeypatch.setattr(
        "liveness.cloud.system.SystemClock.sleep", lambda *arguments: sleep(*arguments)
    )
    return sleep


@pytest.fixture
def forget(cloud: Cloud, environment: None, sleep: Sleep, liveness: Command) -> Forget:
    def call(*arguments: str, answer: str | None = None) -> Result:
        result = liveness("forget", *arguments, stdin=answer)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        for secret in (cloud.sandbox.credentials.secret_key, "q-sign", "http://", "https://"):
            assert secret not in result.output
        return result

    return call


def erased(result: Result) -> dict[str, Any]:
    """Return what became of the only pair."""
    (pair,) = json.loads(result.stdout)["pairs"]
    assert isinstance(pair, dict)
    return pair


def objects_of(cloud: Cloud, pair_id: str) -> list[str]:
    """Return every object whose key or body names the pair."""
    names = (f"/{pair_id}/", pair_hash(pair_id))
    return [
        key
        for key in cloud.bucket.keys("")
        if any(name in key for name in names) or f'"{pair_id}"'.encode() in cloud.stored(key).body()
    ]


def publish(cloud: Cloud, *pair_ids: str) -> None:
    """Upload pairs, and let the function publish their results."""
    for pair_id in pair_ids:
        cloud.put_pair(pair_id)
        assert cloud.instance().walk(pair_id)["state"] == "published"


def backdate_all(cloud: Cloud) -> None:
    """Make all objects so old that no invocation can be running."""
    for key in cloud.bucket.keys(""):
        cloud.bucket.backdate(key, 2 * QUIESCENCE_SECONDS)


def test_a_package_whose_metadata_cannot_be_read_is_erased(cloud: Cloud, forget: Forget) -> None:
    """More headers than HTTP clients read, which an uploader may give it."""
    cloud.put_pair("anna")
    key, many = "liveness/incoming/anna/live.bin", {f"x-cos-meta-{n}": "1" for n in range(101)}
    cloud.client.put_object(BUCKET, PACKAGE, key, Metadata=many)

    assert forget("anna", "--yes").exit_code == 0

    assert cloud.bucket.keys("") == []


def test_all_of_one_pair_and_nothing_of_others_is_erased(cloud: Cloud, forget: Forget) -> None:
    publish(cloud, "anna", "ann", "annab", "anna/2", "anna/2/b", "x/anna")
    for pair_id in ("bert", "anna"):
        cloud.put_pair(pair_id, {**THROTTLED, "comment": pair_id})
        assert cloud.instance().walk(pair_id)["state"] == "parked"
    hashed = pair_hash("anna")
    of_anna = {
        key
        for key in cloud.bucket.keys("")
        if hashed in key
        or key.rpartition("/")[0]
        in ("liveness/incoming/anna", "liveness/results/anna", "liveness/frames/anna")
        or (key.startswith(PACKAGES) and b'"anna"' in cloud.stored(key).body())
    }
    before = set(cloud.bucket.keys(""))

    result = forget("anna", "--yes", "--json")

    assert result.exit_code == 0, result.output
    value = erased(result)
    assert {kind: len(keys) for kind, keys in value["objects"].items() if keys} == {
        "inputs": 2, "markers": 1, "packages": 2, "frames": 1, "results": 1, "submissions": 2,
        "ledger": 4,
    }  # fmt: skip
    assert {key for keys in value["objects"].values() for key in keys} == of_anna
    assert set(cloud.bucket.keys("")) == before - of_anna
    assert value["state"] == "erased"
    assert not [key for key in objects_of(cloud, "anna") if "anna/2" not in key and "x/" not in key]


def test_a_dry_run_lists_the_same_and_removes_nothing(cloud: Cloud, forget: Forget) -> None:
    publish(cloud, "anna")
    before = cloud.bucket.keys("")

    listed = erased(forget("anna", "--dry-run", "--json"))
    printed = forget("anna", "--dry-run").stdout

    assert cloud.bucket.keys("") == before
    assert "8 objects would be removed" in printed
    removed = erased(forget("anna", "--yes", "--json"))
    assert removed["objects"] == listed["objects"]


def test_inputs_are_deleted_first_and_claims_last(cloud: Cloud, forget: Forget) -> None:
    publish(cloud, "anna")

    forget("anna", "--yes")

    deleted = [
        request.key.removeprefix("liveness/").removeprefix("ledger/").partition("/")[0]
        for request in cloud.sandbox.requests
        if request.method == "DELETE" and request.principal == cloud.sandbox.credentials.secret_id
    ]
    order = ["incoming"] * 2 + ["packages", "frames", "results", "submissions"] + ["claims"] * 2
    assert deleted == order


def test_it_asks_before_it_deletes(cloud: Cloud, forget: Forget) -> None:
    publish(cloud, "anna")
    before = cloud.bucket.keys("")

    declined = forget("anna", answer="n\n")

    assert declined.exit_code == 1
    assert (
        "anna: 2 inputs, 1 use of a package, 1 best frame, 1 result object, 1 submission, "
        "2 ledger objects" in declined.stderr
    )
    assert cloud.bucket.keys("") == before

    accepted = forget("anna", answer="y\n")

    assert accepted.exit_code == 0
    assert cloud.bucket.keys("") == []


def test_removed_objects_and_what_is_not_erased_are_printed(cloud: Cloud, forget: Forget) -> None:
    cloud.put_pair("anna", THROTTLED)
    cloud.instance().walk("anna")

    lines = forget("anna", "--yes").stdout.splitlines()

    assert lines[:8] == [
        "Pair anna: 7 objects removed",
        "  inputs       liveness/incoming/anna/live.bin",
        "               liveness/incoming/anna/reference.jpg",
        "  markers      1 marker, see --json",
        "  packages     1 use of a package, see --json",
        "  submissions  1 submission, see --json",
        "  ledger       2 ledger objects, see --json",
        "",
    ]
    assert lines[8] == "Not erased"
    assert len(lines) == 15


def test_the_json_document_lists_keys_by_kind(cloud: Cloud, forget: Forget) -> None:
    cloud.put("anna", "live.bin", b"x")

    value = json.loads(forget("anna", "--yes", "--json").stdout)

    assert len(value.pop("not_erased")) == 6
    assert value.pop("at").endswith("Z")
    assert value == {
        "schema": "liveness-forgotten/4",
        "bucket": BUCKET,
        "dry_run": False,
        "complete": True,
        "error": None,
        "exit_status": 0,
        "pairs": [
            {
                "pair_id": "anna",
                "state": "erased",
                "objects": {
                    "inputs": ["liveness/incoming/anna/live.bin"],
                    "markers": [],
                    "frame_urls": [],
                    "packages": [],
                    "frames": [],
                    "results": [],
                    "submissions": [],
                    "ledger": [],
                },
                "left": {},
                "strays": [],
                "local_file": "absent",
                "problem": None,
            }
        ],
    }


def test_decisions_and_the_local_file_are_erased(
    cloud: Cloud, forget: Forget, liveness: Command, tmp_path: Path
) -> None:
    publish(cloud, "anna-4711", "berta")
    body = cloud.stored("liveness/results/anna-4711/result.json").body()
    put_review(cloud, "anna-4711", 1, "approve", "same-person", body)
    assert json.loads(liveness("cost", "--json").stdout)["total"]["results"] == 2
    (file,) = (tmp_path / "cache/liveness").glob("*.sqlite3")
    assert b"4711" in file.read_bytes()

    assert erased(forget("anna-4711", "--dry-run", "--json"))["local_file"] == "unchanged"
    result = forget("anna-4711", "--yes")

    assert "liveness/results/anna-4711/review-1.json" in result.stdout
    assert "  locally      what this machine had read of its result" in result.stdout
    assert not objects_of(cloud, "anna-4711")
    assert b"4711" not in file.read_bytes()
    value = json.loads(liveness("cost", "--offline", "--json").stdout)
    assert value["total"]["results"] == 1


def test_a_local_file_that_others_use_is_reported(
    cloud: Cloud, forget: Forget, liveness: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(cloud, "anna")
    liveness("cost")
    monkeypatch.setattr("liveness_review.session.BUSY_SECONDS", 0.01)
    (file,) = (tmp_path / "cache/liveness").glob("*.sqlite3")
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        result = forget("anna", "--yes")

    assert result.exit_code == 1
    assert "NOT COMPLETE, 0 objects left: another command uses the local file" in result.stdout
    assert not objects_of(cloud, "anna")
    assert erased(forget("anna", "--yes", "--json"))["local_file"] == "removed"


def test_an_unknown_pair_has_nothing_to_remove(cloud: Cloud, forget: Forget) -> None:
    publish(cloud, "bert")
    before = cloud.bucket.keys("")

    result = forget("anna")  # without a question, and so without an answer

    assert result.exit_code == 3
    assert "Pair anna: NOTHING FOUND under this id" in result.stdout
    assert "removed\n" not in result.stdout
    assert cloud.bucket.keys("") == before


def test_many_ids_from_a_file_are_erased_and_the_receipt_says_so(
    cloud: Cloud, forget: Forget, tmp_path: Path
) -> None:
    publish(cloud, "anna", "bert", "carl", "-dora")
    (tmp_path / "ids.txt").write_text("bert\n\n-dora\nnobody\nbert\n", encoding="utf-8")

    result = forget("anna", "--from", "ids.txt", "--receipt", "receipt.json", "--yes", "--json")

    assert result.exit_code == 3  # nobody
    value = json.loads((tmp_path / "receipt.json").read_text())
    assert value == json.loads(result.stdout)
    assert {pair["pair_id"]: pair["state"] for pair in value["pairs"]} == {
        "anna": "erased", "bert": "erased", "-dora": "erased", "nobody": "absent",
    }  # fmt: skip
    assert (tmp_path / "receipt.json").stat().st_mode & 0o777 == 0o600
    assert {pair for pair in ("anna", "bert", "carl", "-dora") if objects_of(cloud, pair)} == {
        "carl"
    }


def test_a_receipt_never_replaces_a_file_and_nothing_is_deleted_without_one(
    cloud: Cloud, forget: Forget, tmp_path: Path
) -> None:
    publish(cloud, "anna")
    before = cloud.bucket.keys("")
    (tmp_path / "receipt.json").write_text("of yesterday")

    for path in ("receipt.json", "nowhere/receipt.json"):
        result = forget("anna", "--receipt", path, "--yes")
        assert result.exit_code == 2
        assert_one_sentence(result, f"--receipt {path}")
    declined = forget("anna", "--receipt", "new.json", answer="n\n")

    assert declined.exit_code == 1 and not (tmp_path / "new.json").exists()
    assert (tmp_path / "receipt.json").read_text() == "of yesterday"
    assert cloud.bucket.keys("") == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give a pair id"),
        (("--from", "nowhere.txt"), "--from nowhere.txt: No such file"),
        (("--from", "-"), "add --yes"),
    ],
)
def test_wrong_use_is_reported(forget: Forget, arguments: tuple[str, ...], message: str) -> None:
    result = forget(*arguments)

    assert result.exit_code == 2
    assert_one_sentence(result, message)


def test_inputs_in_another_case_are_erased_and_keys_of_no_pair_are_named(
    cloud: Cloud, forget: Forget
) -> None:
    for name in ("LIVE.bin", "reference.JPG", "selfie.mp4"):
        cloud.put("anna", name, PACKAGE)
    cloud.put("anna2", "selfie.mp4", PACKAGE)
    backdate_all(cloud)

    result = forget("anna", "--yes")

    assert result.exit_code == 0
    assert "delete them yourself" in result.stdout
    assert "liveness/incoming/anna/selfie.mp4" in result.stdout
    assert "anna2" not in result.stdout
    assert cloud.bucket.keys("liveness/incoming/") == [
        "liveness/incoming/anna/selfie.mp4",
        "liveness/incoming/anna2/selfie.mp4",
    ]


def test_interrupted_it_says_what_is_gone_and_what_is_left(
    cloud: Cloud, forget: Forget, sleep: Sleep
) -> None:
    publish(cloud, "anna", "bert")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    sleep.meanwhile = interrupt  # once all of anna's is removed, and its erasure waits

    result = forget("anna", "bert", "--yes", "--receipt", "receipt.json")

    assert result.exit_code == 130
    assert "Pair anna: 8 objects removed" in result.stdout
    assert "Pair bert: NOT TRIED, nothing was removed" in result.stdout
    assert "INTERRUPTED: 2 pairs of 2 to be repeated." in result.stdout
    anna, bert = json.loads(Path("receipt.json").read_text())["pairs"]
    assert (anna["state"], bert["state"]) == ("incomplete", "not tried")
    assert len(anna["objects"]["inputs"]) == 2 and not any(anna["left"].values())
    assert len(bert["left"]["inputs"]) == 2 and not any(bert["objects"].values())
    assert "Waiting" in result.stderr


def test_an_old_pair_is_erased_without_waiting(cloud: Cloud, forget: Forget, sleep: Sleep) -> None:
    publish(cloud, "anna")
    backdate_all(cloud)

    result = forget("anna", "--yes")

    assert result.exit_code == 0
    assert objects_of(cloud, "anna") == []
    assert sleep.seconds < 5


# ---- submissions, packages, frames and decisions


def put_json(cloud: Cloud, key: str, **fields: Any) -> str:
    cloud.bucket.put(key, json.dumps(fields).encode())
    return key


def put_use(cloud: Cloud, md5: str, number: int, pair_id: str) -> str:
    """Record that a pair was judged with a package."""
    key = f"{PACKAGES}{md5}/{number}"
    return put_json(
        cloud, key, schema="liveness-package/1", number=number, pair_id=pair_id,
        fingerprint=FINGERPRINT, owner={},
    )  # fmt: skip


def put_response(cloud: Cloud, pair_id: str, name: str, live_md5: object) -> str:
    """Record what was judged under an earlier content of a pair."""
    key = f"liveness/ledger/claims/{pair_hash(pair_id)}/{FINGERPRINT}/{name}"
    return put_json(cloud, key, digests={"live": {"md5": live_md5}, "image": {"md5": "0" * 32}})


def put_all_kinds(cloud: Cloud, pair_id: str, number: int) -> set[str]:
    """Put one of each kind that another module, a reviewer or an earlier content left behind."""
    hashed = pair_hash(pair_id)
    return {
        put_json(cloud, f"{SUBMISSIONS}{hashed}/1", pair_id=pair_id),
        put_json(cloud, f"{SUBMISSIONS}{hashed}/2", pair_id=pair_id),
        put_json(cloud, f"{FRAMES}{hashed}/{FINGERPRINT}-1", url="x"),
        put_json(cloud, f"liveness/results/{pair_id}/review-1.json", pair_id=pair_id),
        put_use(cloud, PACKAGE_MD5, number, pair_id),
    }


def test_what_a_pair_submitted_and_what_people_decided_is_erased(
    cloud: Cloud, forget: Forget
) -> None:
    publish(cloud, "anna", "bert", "anna/b")
    kept = put_all_kinds(cloud, "bert", 1) | put_all_kinds(cloud, "anna/b", 2)
    added = put_all_kinds(cloud, "anna", 3)
    before = set(cloud.bucket.keys(""))

    value = erased(forget("anna", "--yes", "--json"))

    removed = {key for keys in value["objects"].values() for key in keys}
    assert added <= removed
    assert not kept & removed
    assert set(cloud.bucket.keys("")) == before - removed
    assert value["objects"]["packages"] == [f"{PACKAGES}{PACKAGE_MD5}/3"]
    assert len(value["objects"]["submissions"]) == 2
    assert len(value["objects"]["frame_urls"]) == 1
    assert "liveness/results/anna/review-1.json" in value["objects"]["results"]


@pytest.mark.parametrize("name", ["response", "response-2", "late-1"])
def test_uses_of_a_package_that_was_replaced_are_found_by_its_record(
    cloud: Cloud, forget: Forget, name: str
) -> None:
    earlier = "a" * 32
    put_response(cloud, "anna", name, earlier)
    own, of_bert = put_use(cloud, earlier, 2, "anna"), put_use(cloud, earlier, 1, "bert")

    forget("anna", "--yes")

    assert cloud.bucket.get(own) is None
    assert cloud.bucket.get(of_bert) is not None


def test_a_use_is_found_by_the_package_before_any_answer(cloud: Cloud, forget: Forget) -> None:
    cloud.put("anna", "live.bin", PACKAGE)
    own = put_use(cloud, PACKAGE_MD5, 1, "anna")

    forget("anna", "--yes")

    assert cloud.bucket.get(own) is None


def test_a_use_is_found_by_a_submission_without_package_or_answer(
    cloud: Cloud, forget: Forget
) -> None:
    """As when the package was replaced while its call was not answered."""
    earlier = "a" * 32
    put_json(cloud, f"{SUBMISSIONS}{pair_hash('anna')}/1", package_md5=earlier)
    own = put_use(cloud, earlier, 1, "anna")

    forget("anna", "--yes")

    assert cloud.bucket.get(own) is None


@pytest.mark.parametrize("md5", ["", "../x", "A" * 32, None, ["a"], 3])
def test_a_damaged_record_names_no_package(cloud: Cloud, forget: Forget, md5: object) -> None:
    put_response(cloud, "anna", "response", md5)
    of_bert = put_use(cloud, "a" * 32, 1, "bert")

    result = forget("anna", "--yes")

    assert result.exit_code == 0, result.output
    assert cloud.bucket.keys("") == [of_bert]


def test_an_interrupted_erasure_still_finds_the_uses_of_packages(
    cloud: Cloud, forget: Forget
) -> None:
    """The records that name the packages are deleted after them."""
    earlier = "a" * 32
    publish(cloud, "anna")
    response = put_response(cloud, "anna", "response", earlier)
    own = put_use(cloud, earlier, 1, "anna")
    cloud.on("DELETE", f"{earlier}/1", Reply(503), times=4)

    assert forget("anna", "--yes").exit_code == 1
    assert cloud.bucket.get(response) is not None
    assert forget("anna", "--yes").exit_code == 0

    assert cloud.bucket.get(own) is None
    assert cloud.bucket.keys("") == []


# ---- while an invocation is running


def test_objects_that_a_running_invocation_writes_are_erased(
    cloud: Cloud, forget: Forget, sleep: Sleep
) -> None:
    cloud.put_pair("anna", {"delay": 1})
    walks: list[dict[str, Any]] = []
    invocation = threading.Thread(target=lambda: walks.append(cloud.instance().walk("anna")))
    invocation.start()
    # Wait until the face API has downloaded both files, so that only its answer is missing.
    while not any(request.auth == "query" and request.status for request in downloads(cloud)):
        time.sleep(0.01)
    # The invocation ends only when the command has waited for a minute.
    sleep.meanwhile = lambda: invocation.join() if sleep.seconds > 60 else None

    result = forget("anna", "--yes", "--json")

    invocation.join()
    assert walks[0]["state"] == "published"
    value = erased(result)
    assert result.exit_code == 0 and value["state"] == "erased"
    assert any(key.endswith("/response") for key in value["objects"]["ledger"])
    assert any("best-frame" in key for key in value["objects"]["frames"])
    assert cloud.bucket.keys("") == []
    assert sleep.seconds > QUIESCENCE_SECONDS


def downloads(cloud: Cloud) -> list[Any]:
    return [r for r in cloud.sandbox.requests if (r.key or "").endswith("reference.jpg")]


def test_an_invocation_that_finds_no_inputs_makes_no_call(
    cloud: Cloud, forget: Forget, sleep: Sleep
) -> None:
    cloud.put_pair("anna")
    backdate_all(cloud)

    def delete_inputs() -> None:
        for name in ("live.bin", "reference.jpg"):
            cloud.bucket.delete(f"liveness/incoming/anna/{name}")

    cloud.on("PUT", "1.claim", delete_inputs)
    assert cloud.instance().walk("anna")["state"] == "waiting"
    assert cloud.billed == 0

    result = forget("anna", "--yes")

    assert result.exit_code == 0
    assert objects_of(cloud, "anna") == []


def test_a_late_event_writes_nothing(cloud: Cloud, forget: Forget) -> None:
    publish(cloud, "anna")
    event = cloud.sandbox.trigger_event(BUCKET, "liveness/incoming/anna/live.bin")
    assert forget("anna", "--yes").exit_code == 0
    function = cloud.instance()

    late = function(event)
    function({"reconcile": {}})
    function({"drain": {}})

    assert late["pairs"][0]["state"] == "waiting"
    assert objects_of(cloud, "anna") == []


def test_recent_objects_are_erased_though_listings_lag(
    cloud: Cloud, forget: Forget, sleep: Sleep
) -> None:
    """Listings lack new objects, and contain deleted ones."""
    cloud.sandbox.faults.add(Fault(FaultAction(stale_list=60)))
    publish(cloud, "anna")
    assert cloud.client.list_objects(BUCKET).get("Contents") is None
    listed = erased(forget("anna", "--dry-run", "--json"))["objects"]
    assert listed["results"] == ["liveness/results/anna/result.json"]
    assert len(listed["inputs"]) == 2
    sleep.meanwhile = lambda: cloud.sandbox.clock.advance(1)

    result = forget("anna", "--yes")

    assert result.exit_code == 0
    cloud.sandbox.clock.advance(61)
    assert cloud.bucket.keys("") == []


def test_a_deleted_object_in_a_stale_listing_does_not_count(cloud: Cloud, forget: Forget) -> None:
    publish(cloud, "anna")
    backdate_all(cloud)
    cloud.sandbox.faults.add(Fault(FaultAction(stale_list=3600)))

    result = forget("anna", "--yes")

    assert result.exit_code == 0
    assert len(cloud.client.list_objects(BUCKET)["Contents"]) == 8
    assert cloud.bucket.keys("") == []


def test_repeated_uploads_are_reported_as_incomplete(
    cloud: Cloud, forget: Forget, sleep: Sleep
) -> None:
    publish(cloud, "anna")
    sleep.meanwhile = lambda: cloud.put("anna", "live.bin", b"again")

    result = forget("anna", "--yes")

    assert result.exit_code == 1
    assert "NOT COMPLETE" in result.stdout


def test_the_same_upload_is_judged_again_afterwards(cloud: Cloud, forget: Forget) -> None:
    publish(cloud, "anna")
    forget("anna", "--yes")

    publish(cloud, "anna")

    assert cloud.billed == 2


# ---- errors


def test_an_interrupted_erasure_can_be_repeated(cloud: Cloud, forget: Forget) -> None:
    publish(cloud, "anna")
    cloud.on("DELETE", "result.json", Reply(503), times=4)
    interrupted = forget("anna", "--yes")
    assert interrupted.exit_code == 1
    assert_one_sentence(interrupted, "StoreUnavailableError")
    assert "NOT COMPLETE, 4 objects left" in interrupted.stdout
    assert cloud.bucket.keys("liveness/incoming/") == []

    repeated = forget("anna", "--yes")

    assert repeated.exit_code == 0
    assert cloud.bucket.keys("") == []


def test_a_key_without_permission_to_delete_is_reported(cloud: Cloud, forget: Forget) -> None:
    publish(cloud, "anna")
    cloud.on("DELETE", "", Reply(403), times=100)

    result = forget("anna", "--yes")

    assert_one_sentence(result, "403", "policy")


@pytest.mark.parametrize("pair_id", ["", "x" * 900])
def test_an_invalid_pair_id_is_rejected(forget: Forget, pair_id: str) -> None:
    result = forget(pair_id, "--yes")

    assert result.exit_code == 2
    assert_one_sentence(result, "pair id")


def test_all_missing_variables_are_reported_at_once(liveness: Command) -> None:
    result = liveness("forget", "anna")

    assert result.exit_code == 2
    for name in ("LIVENESS_BUCKET", "TENCENTCLOUD_REGION", "TENCENTCLOUD_SECRETID"):
        assert name in result.stderr
