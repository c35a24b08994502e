"""What a pair costs in requests, and that what is not asked is not missed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from liveness_sandbox import Pause
from tests.conftest import BUCKET, JPEG, Cloud, Instance

INPUTS = "liveness/incoming/anna/"


def event(cloud: Cloud, name: str) -> dict[str, Any]:
    return cloud.sandbox.trigger_event(BUCKET, f"{INPUTS}{name}")


def requests_by(cloud: Cloud, function: Instance, event: dict[str, Any]) -> list[str]:
    """Invoke the function; return its requests to COS, without the frame's."""
    before = len(cloud.requests_of(function))
    function(event)
    made = cloud.requests_of(function)[before:]
    return [f"{request.method} {request.key}" for request in made if request.bucket == BUCKET]


def test_an_image_that_comes_first_costs_one_request(cloud: Cloud) -> None:
    cloud.put("anna", "reference.jpg", JPEG)

    made = requests_by(cloud, cloud.instance(), event(cloud, "reference.jpg"))

    assert made == [f"HEAD {INPUTS}live.bin"]


def test_a_pair_whose_image_comes_first_costs_24_requests(cloud: Cloud) -> None:
    function = cloud.instance()
    cloud.put_pair("bert")
    function.walk("bert")  # an instance proves once that create-only works
    cloud.put("anna", "reference.jpg", JPEG)
    waiting = requests_by(cloud, function, event(cloud, "reference.jpg"))
    cloud.put_pair("anna")

    published = requests_by(cloud, function, event(cloud, "live.bin"))

    assert len(waiting) + len(published) == 24
    assert cloud.result("anna") is not None


@pytest.mark.parametrize("last", ["live.bin", "reference.jpg"])
def test_the_last_input_finishes_the_pair(cloud: Cloud, last: str) -> None:
    cloud.put_pair("anna")

    assert cloud.instance()(event(cloud, last))["pairs"][0]["status"] == "passed"


def test_a_package_in_a_bucket_that_is_not_there_is_an_error(cloud: Cloud) -> None:
    """To a HEAD, COS answers 404 for a missing bucket, too."""
    cloud.put("anna", "live.bin", JPEG)
    upload = json.loads(json.dumps(event(cloud, "live.bin")).replace("faces", "absent"))

    function = cloud.instance(BUCKET="absent-1250000000", LEDGER_BUCKET=BUCKET)
    function(upload)

    (failure,) = function.logged("pair.failed")
    assert (
        "there is no bucket absent-1250000000 (LIVENESS_BUCKET) in ap-singapore "
        "(TENCENTCLOUD_REGION): correct the variable that is wrong" in failure["reason"]
    )


def test_the_last_look_asks_for_the_two_inputs_alone(cloud: Cloud) -> None:
    cloud.put_pair("anna")

    made = requests_by(cloud, cloud.instance(), event(cloud, "live.bin"))

    last = made[made.index("PUT liveness/results/anna/result.json") + 1 :]
    looks = [request for request in last if request.startswith(("HEAD", "GET"))]
    assert sorted(looks) == [f"HEAD {INPUTS}live.bin", f"HEAD {INPUTS}reference.jpg"]


@contextmanager
def before_publishing(cloud: Cloud, function: Instance) -> Iterator[None]:
    """Invoke the function in a thread; hold its result back while the block runs."""
    arrived, resume = threading.Event(), threading.Event()

    def hold() -> Pause:
        arrived.set()
        return Pause(resume)

    cloud.on("PUT", "result.json", hold)
    upload = event(cloud, "live.bin")
    invocation = threading.Thread(target=function, args=(upload,))
    invocation.start()
    try:
        assert arrived.wait(10)
        yield
    finally:
        resume.set()
        invocation.join()


@pytest.mark.parametrize("name", ["live.bin", "reference.jpg"])
def test_an_input_that_changes_during_a_walk_is_judged_last(cloud: Cloud, name: str) -> None:
    cloud.put_pair("anna")
    slow, other = cloud.instance(), cloud.instance()

    with before_publishing(cloud, slow):
        cloud.put("anna", name, JPEG + b"changed")
        assert other.walk("anna")["state"] == "published"

    result = cloud.result("anna")
    assert result is not None
    etags = {item["etag"] for item in result["inputs"]}
    assert cloud.stored(f"{INPUTS}{name}").etag.strip('"') in etags
    assert cloud.billed == 2


def test_a_second_image_that_appears_during_a_walk_is_found_by_its_own_marker(
    cloud: Cloud,
) -> None:
    """The walk that publishes last began before there was another image."""
    cloud.put_pair("anna")
    slow, other = cloud.instance(), cloud.instance()

    with before_publishing(cloud, slow):
        cloud.put("anna", "reference.png", JPEG)
        assert other(event(cloud, "reference.png"))["pairs"][0]["status"] == "invalid"
    cloud.advance(20 * 60)
    other({"drain": {}})

    result = cloud.result("anna")
    assert result is not None
    assert result["reason"]["code"] == "InputAmbiguous"


def test_a_first_submission_does_not_ask_for_a_second(cloud: Cloud) -> None:
    cloud.put_pair("anna")

    made = requests_by(cloud, cloud.instance(), event(cloud, "live.bin"))

    numbers = [request for request in made if "/submissions/" in request]
    assert [request[-2:] for request in numbers] == ["/1", "/1"]  # create, read back
