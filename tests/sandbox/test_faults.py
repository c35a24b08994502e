"""Faults: which requests a fault hits, how often, and what the client sees."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from qcloud_cos import CosS3Client
from qcloud_cos.cos_exception import CosClientError, CosServiceError
from tencentcloud.common.exception import TencentCloudSDKException

from liveness_sandbox import Bucket, Fault, FaultAction, Match, Sandbox

from .clients import BUCKET, DETECT, Pair, api_client, cos_client, face_client

CREATE_ONLY = {"x-cos-forbid-overwrite": "true"}


def put_status(cos: CosS3Client, key: str, body: bytes = b"", **options: object) -> int:
    try:
        cos.put_object(BUCKET, body, key, **options)
    except CosServiceError as error:
        status: int = error.get_status_code()
        return status
    return 200


def listed(cos: CosS3Client, prefix: str = "") -> list[str]:
    contents = cos.list_objects(BUCKET, Prefix=prefix).get("Contents", [])
    return [each["Key"] for each in contents]


@pytest.mark.parametrize("kind", ["drop", "reset"])
@pytest.mark.parametrize(("when", "keys"), [("before", []), ("after", ["a"])])
def test_a_dropped_request_gets_no_reply(
    sandbox: Sandbox, cos: CosS3Client, bucket: Bucket, kind: str, when: str, keys: list[str]
) -> None:
    sandbox.faults.add(Fault(FaultAction(**{kind: when}), Match(method="PUT")))  # type: ignore[arg-type]
    seen = {"drop": "RemoteDisconnected", "reset": "ConnectionResetError"}[kind]

    with pytest.raises(CosClientError, match=seen):
        cos.put_object(BUCKET, b"body", "a")
    assert bucket.keys() == keys
    assert sandbox.requests[-1].status is None


def test_a_fault_can_return_an_error_of_cos(
    sandbox: Sandbox, cos: CosS3Client, bucket: Bucket
) -> None:
    def error(action: FaultAction) -> tuple[int, str]:
        sandbox.faults.clear()
        sandbox.faults.add(Fault(action))
        with pytest.raises(CosServiceError) as caught:
            cos.put_object(BUCKET, b"", "a")
        assert caught.value.get_request_id()
        assert sandbox.requests[-1].error_code == caught.value.get_error_code()
        return caught.value.get_status_code(), caught.value.get_error_code()

    assert error(FaultAction(status=500)) == (500, "InternalError")
    assert error(FaultAction(status=503)) == (503, "SlowDown")
    assert error(FaultAction(status=403, code="AccessDenied")) == (403, "AccessDenied")
    assert bucket.keys() == []
    assert error(FaultAction(status=500, when="after")) == (500, "InternalError")
    assert bucket.keys() == ["a"]


def test_a_fault_can_return_an_error_of_the_face_api(
    sandbox: Sandbox, pair: Callable[..., Pair]
) -> None:
    judged = pair()

    def code(action: FaultAction) -> str:
        sandbox.faults.clear()
        sandbox.faults.add(Fault(action, Match(service="faceid", action="Detect*")))
        with pytest.raises(TencentCloudSDKException) as caught:
            judged.judge()
        code: str = caught.value.code
        return code

    assert code(FaultAction(status=502)) == "ServerNetworkError", (
        "the SDK's code for a status without an error"
    )
    assert code(FaultAction(code="InternalError")) == "InternalError"
    assert sandbox.requests[-1].status == 200
    assert code(FaultAction(status=500, code="InternalError")) == "ServerNetworkError"
    assert sandbox.faceid.calls == []
    assert code(FaultAction(code="InternalError", when="after")) == "InternalError"
    assert len(sandbox.faceid.billed) == 1

    face_client(sandbox).call_json("CreateUploadUrl", {"TargetAction": DETECT})


def test_a_fault_can_hit_the_downloads_of_the_face_api(
    sandbox: Sandbox, pair: Callable[..., Pair]
) -> None:
    judged = pair()
    match = Match(key="*/live.bin", user_agent="faceid-resource-fetcher")
    sandbox.faults.add(Fault(FaultAction(status=503), match))

    with pytest.raises(TencentCloudSDKException, match=r"FailedOperation\.DownLoadError"):
        judged.judge()
    assert requests.get(judged.params["LiveDataUrl"], proxies={"http": sandbox.url}).ok


def test_a_fault_can_delay_a_request(sandbox: Sandbox, cos: CosS3Client, bucket: Bucket) -> None:
    sandbox.faults.add(Fault(FaultAction(delay=0.2), Match(method="PUT")))
    started = time.monotonic()

    cos.put_object(BUCKET, b"", "a")

    assert time.monotonic() - started >= 0.2


def test_a_client_can_time_out_after_the_effect(sandbox: Sandbox, bucket: Bucket) -> None:
    sandbox.faults.add(Fault(FaultAction(delay=5, when="after"), Match(times=1)))
    with pytest.raises(CosClientError, match=r"(?i)timed out"):
        cos_client(sandbox, Timeout=0.2).put_object(BUCKET, b"", "a")
    assert bucket.keys() == ["a"]


def test_faults_are_consulted_in_the_order_of_addition(sandbox: Sandbox, cos: CosS3Client) -> None:
    for action in (FaultAction(delay=0.1), FaultAction(status=503), FaultAction(status=500)):
        sandbox.faults.add(Fault(action))
    started = time.monotonic()

    assert put_status(cos, "a") == 503
    assert time.monotonic() - started >= 0.1
    assert [active.hits for active in sandbox.faults.snapshot()] == [1, 1, 0]


@pytest.mark.parametrize(
    ("match", "hit"),
    [
        (Match(), True),
        (Match(service="cos", method="PUT", bucket="faces-*", key="ledger/*.claim"), True),
        (Match(key="*"), True),
        (Match(user_agent="cos-python-sdk-*"), True),
        (Match(service="faceid"), False),
        (Match(method="GET"), False),
        (Match(bucket="other-*"), False),
        (Match(key="*.CLAIM"), False),
        (Match(key=""), False),
        (Match(action="Detect*"), False),
    ],
)
def test_a_fault_hits_only_matching_requests(
    sandbox: Sandbox, cos: CosS3Client, match: Match, hit: bool
) -> None:
    sandbox.faults.add(Fault(FaultAction(status=500), match))
    assert put_status(cos, "ledger/1.claim") == (500 if hit else 200)


def test_listings_match_the_empty_key(sandbox: Sandbox, cos: CosS3Client) -> None:
    sandbox.faults.add(Fault(FaultAction(status=503), Match(method="GET", key="")))
    with pytest.raises(CosServiceError, match="SlowDown"):
        cos.list_objects(BUCKET)
    assert put_status(cos, "a") == 200
    assert cos.get_object(BUCKET, "a")["ETag"]


def test_a_fault_hits_at_most_the_given_times(sandbox: Sandbox, cos: CosS3Client) -> None:
    sandbox.faults.add(Fault(FaultAction(status=500), Match(key="a", times=2)))
    assert [put_status(cos, key) for key in "aabaa"] == [500, 500, 200, 200, 200]


def test_the_same_seed_gives_the_same_outcomes(cos: CosS3Client, sandbox: Sandbox) -> None:
    def run(seed: int) -> list[int]:
        sandbox.faults.clear()
        sandbox.faults.add(Fault(FaultAction(status=500), Match(probability=0.5, seed=seed)))
        return [put_status(cos, "a") for _ in range(30)]

    first = run(seed=7)

    assert 5 < first.count(500) < 25
    assert run(seed=7) == first != run(seed=8)


def test_a_fault_can_be_removed(sandbox: Sandbox, cos: CosS3Client) -> None:
    first = sandbox.faults.add(Fault(FaultAction(status=500)))
    sandbox.faults.add(Fault(FaultAction(status=503)))
    sandbox.faults.remove(first)

    assert put_status(cos, "a") == 503

    sandbox.faults.clear()
    assert put_status(cos, "a") == 200


def test_a_stale_listing_shows_the_earlier_state(
    sandbox: Sandbox, cos: CosS3Client, bucket: Bucket
) -> None:
    """Created objects are missing, deleted ones are listed, and replaced ones are old."""
    for key in ("pending/deleted", "pending/replaced"):
        bucket.put(key, b"old")
    old = bucket.get("pending/replaced")
    sandbox.faults.add(Fault(FaultAction(stale_list=30), Match(key="pending/*")))
    cos.put_object(BUCKET, b"", "pending/created")
    cos.put_object(BUCKET, b"new", "pending/replaced")
    cos.delete_object(BUCKET, "pending/deleted")
    cos.put_object(BUCKET, b"", "other")
    contents = cos.list_objects(BUCKET)["Contents"]

    assert [each["Key"] for each in contents] == ["other", "pending/deleted", "pending/replaced"]
    assert old is not None and contents[2]["ETag"] == old.etag
    # Only listings are stale.
    assert cos.get_object(BUCKET, "pending/created") and cos.head_object(BUCKET, "pending/created")

    with pytest.raises(CosServiceError):
        cos.head_object(BUCKET, "pending/deleted")

    sandbox.clock.advance(31)
    assert listed(cos) == ["other", "pending/created", "pending/replaced"]


@pytest.mark.parametrize(
    "action", [FaultAction(stale_list=30), FaultAction(status=503), FaultAction(drop="before")]
)
def test_an_empty_key_stands_for_requests_on_the_whole_bucket(
    sandbox: Sandbox, cos: CosS3Client, action: FaultAction
) -> None:
    sandbox.faults.add(Fault(action, Match(key="")))
    assert put_status(cos, "a") == 200

    with contextlib.suppress(CosServiceError, CosClientError):
        assert listed(cos) == []

    assert [active.hits for active in sandbox.faults.snapshot()] == [1]


def test_a_fault_hits_every_api(sandbox: Sandbox) -> None:
    client = api_client(sandbox, "scf", "2018-04-16")
    match = Match(service="scf", action="Create*", times=2)
    sandbox.faults.add(Fault(FaultAction(code="InternalError"), match))
    sandbox.faults.add(Fault(FaultAction(drop="after"), match))
    function = {"FunctionName": "work", "Code": {"ZipFile": "UEsFBg" + "A" * 26 + "=="}}
    function |= {"Handler": "index.main", "Runtime": "Python3.10"}

    def code(action: str, **params: object) -> str:
        with pytest.raises(TencentCloudSDKException) as caught:
            client.call_json(action, params)
        return str(caught.value.code)

    assert code("CreateFunction", **function) == "InternalError"
    assert code("GetFunction", FunctionName="work") == "ResourceNotFound.Function"
    sandbox.faults.remove("1")
    assert code("CreateFunction", **function) == "ClientNetworkError"
    assert client.call_json("GetFunction", {"FunctionName": "work"})["Response"]["FunctionName"]


def test_a_stale_listing_is_consistent_across_pages(
    sandbox: Sandbox, cos: CosS3Client, bucket: Bucket
) -> None:
    for number in range(4):
        bucket.put(f"{number}", b"")
    sandbox.faults.add(Fault(FaultAction(stale_list=30)))
    cos.delete_object(BUCKET, "1")
    first = cos.list_objects(BUCKET, MaxKeys=2)

    assert [each["Key"] for each in first["Contents"]] == ["0", "1"]

    second = cos.list_objects(BUCKET, MaxKeys=2, Marker=first["NextMarker"])
    assert [each["Key"] for each in second["Contents"]] == ["2", "3"]


def test_a_stale_listing_without_differences_is_not_a_hit(
    sandbox: Sandbox, cos: CosS3Client
) -> None:
    sandbox.faults.add(Fault(FaultAction(stale_list=30), Match(times=1)))
    assert listed(cos) == [], "there is nothing to hide yet, so this is not a hit"

    cos.put_object(BUCKET, b"", "a")
    sandbox.clock.advance(31)
    assert listed(cos) == ["a"], "there is nothing left to hide"

    cos.put_object(BUCKET, b"", "b")
    assert listed(cos) == ["a"]
    assert listed(cos) == ["a", "b"]


def test_changes_before_the_fault_are_visible(sandbox: Sandbox, cos: CosS3Client) -> None:
    cos.put_object(BUCKET, b"", "a")
    sandbox.faults.add(Fault(FaultAction(stale_list=30)))

    assert listed(cos) == ["a"]


def test_a_lagging_head_shows_the_earlier_object(
    sandbox: Sandbox, cos: CosS3Client, bucket: Bucket
) -> None:
    bucket.put("replaced", b"old")
    old = bucket.get("replaced")
    sandbox.faults.add(Fault(FaultAction(head_lag=5)))
    cos.put_object(BUCKET, b"", "created")
    cos.put_object(BUCKET, b"new", "replaced")

    with pytest.raises(CosServiceError) as caught:
        cos.head_object(BUCKET, "created")
    assert caught.value.get_status_code() == 404
    assert old is not None and cos.head_object(BUCKET, "replaced")["ETag"] == old.etag
    assert cos.get_object(BUCKET, "replaced")["Body"].get_raw_stream().read() == b"new"

    sandbox.clock.advance(6)
    assert cos.head_object(BUCKET, "created")["ETag"]
    assert cos.head_object(BUCKET, "replaced")["ETag"] != old.etag


def test_a_lagging_head_walks_through_successive_versions(
    sandbox: Sandbox, cos: CosS3Client
) -> None:
    sandbox.faults.add(Fault(FaultAction(head_lag=10)))
    etags = []

    for body in (b"1", b"2", b"3"):
        etags.append(cos.put_object(BUCKET, body, "a")["ETag"])
        with pytest.raises(CosServiceError, match="NoSuchResource"):
            cos.head_object(BUCKET, "a")
        sandbox.clock.advance(4)
    # They are 12, 8 and 4 seconds old: ten seconds ago the first one was current.
    assert cos.head_object(BUCKET, "a")["ETag"] == etags[0]

    sandbox.clock.advance(4)
    assert cos.head_object(BUCKET, "a")["ETag"] == etags[1]


def test_racing_puts_both_succeed(sandbox: Sandbox, bucket: Bucket) -> None:
    sandbox.faults.add(Fault(FaultAction(racing_puts=1), Match(key="*.claim")))
    clients = [cos_client(sandbox) for _ in range(2)]

    def create(number: int) -> int:
        body = str(number).encode()
        return put_status(clients[number], "1.claim", body, Metadata=CREATE_ONLY)

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(create, range(2))) == [200, 200]
    stored = bucket.get("1.claim")
    assert stored is not None and stored.body() in (b"0", b"1")

    sandbox.clock.advance(2)
    assert create(0) == 409, "a later request does not race"
    assert put_status(clients[0], "other", Metadata=CREATE_ONLY) == 200
    assert put_status(clients[0], "other", Metadata=CREATE_ONLY) == 409


def test_a_race_can_be_limited_to_one(sandbox: Sandbox, cos: CosS3Client) -> None:
    sandbox.faults.add(Fault(FaultAction(racing_puts=60), Match(times=1)))
    codes = [put_status(cos, "a", Metadata=CREATE_ONLY) for _ in range(3)]

    assert codes == [200, 200, 409]
