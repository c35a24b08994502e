"""Step 5: the best frame is checked, and what it lacks never costs the verdict."""

from __future__ import annotations

import hashlib
import json

import pytest

from liveness_sandbox import Reply
from tests.conftest import Cloud


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        ("none", "gave none"),
        ("wrong-md5", "not the one the service gave"),
        ("not-jpeg", "no JPEG"),
        ("too-large", "larger than"),
        ("foreign-host", "not on a COS host"),
        ("redirect", "answered 302"),
        ("missing", "answered 404"),
        ("md5-string", "no MD5"),
    ],
)
def test_a_frame_that_cannot_be_had_does_not_lose_the_verdict(
    cloud: Cloud, frame: str, why: str
) -> None:
    cloud.put_pair("anna", {"frame": frame})
    function = cloud.instance()

    assert function.walk("anna")["status"] == "passed"

    result = cloud.result("anna")
    assert result is not None
    assert result["best_frame"]["key"] is None
    assert why in result["best_frame"]["missing_because"]
    assert [key for key in cloud.bucket.keys("liveness/results/") if "frame" in key] == []
    assert all(request.service != "unknown" for request in cloud.sandbox.requests)
    assert function.walk("anna")["state"] == "done"


@pytest.mark.parametrize(
    "url",
    [
        "http://faces-1250000000.cos.ap-singapore.myqcloud.com.evil.example/x",
        "http://evil.example/faces-1.cos.ap-singapore.myqcloud.com",
        "http://faces-1.cos.ap-singapore.myqcloud.com@evil.example/",
        "http://faces-1.cos.ap-singapore.myqcloud.com:8080/x",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "http://[::1/",
        "no url",
    ],
)
def test_only_cos_hosts_are_ever_fetched(cloud: Cloud, url: str) -> None:
    cloud.put_pair("anna", {"response": {"BestFrameUrl": url}})
    before = {request.host for request in cloud.sandbox.requests}
    assert cloud.instance().walk("anna")["status"] == "passed"
    hosts = {request.host for request in cloud.sandbox.requests} - before
    assert not any("evil" in host or "169" in host for host in hosts)


def test_the_frame_lies_there_before_the_result_names_it(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    seen: list[bool] = []

    def look() -> None:
        seen.append(any("best-frame" in key for key in cloud.bucket.keys("liveness/results/")))

    cloud.on("PUT", "result.json", look)
    cloud.instance().walk("anna")
    assert seen == [True]


def test_a_frame_that_cannot_be_written_is_never_named(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    cloud.on("PUT", ".jpg", Reply(503), times=99)
    with pytest.raises(Exception, match="anna"):
        cloud.instance().walk("anna")
    assert cloud.result("anna") is None


def test_a_stumble_of_the_frames_host_is_tried_again(cloud: Cloud) -> None:
    cloud.put_pair("anna")

    def hook(request: object, phase: str) -> Reply | None:
        host = getattr(request, "host", "")
        if host.startswith("faceid-resource") and phase == "before" and stumbles:
            stumbles.pop()
            return Reply(503)
        return None

    stumbles = [1, 1]
    cloud.sandbox.hooks.append(hook)
    cloud.instance().walk("anna")
    result = cloud.result("anna")
    assert result is not None
    assert result["best_frame"]["key"]


def test_each_person_gets_their_own_frame(cloud: Cloud) -> None:
    for name in ("anna", "bert"):
        cloud.put_pair(name, f"package of {name}".encode())
    cloud.instance().walk("anna", "bert")
    frames = {}
    for name in ("anna", "bert"):
        result = cloud.result(name)
        assert result is not None
        body = cloud.bucket.get(result["best_frame"]["key"]).body()
        frames[name] = body
        assert hashlib.md5(f"package of {name}".encode()).hexdigest().encode() in body
    assert frames["anna"] != frames["bert"]


def test_a_result_with_its_frame_is_not_replaced_by_one_without(cloud: Cloud) -> None:
    # Another instance publishes from the same record, hours later: the frame's URL is gone by then,
    # its copy is not.
    cloud.put_pair("anna")
    cloud.instance().walk("anna")
    first = cloud.result("anna")
    cloud.bucket.delete("liveness/results/anna/result.json")
    cloud.sandbox.clock.advance(3 * 3600)

    cloud.instance().walk("anna")

    second = cloud.result("anna")
    assert first is not None and second is not None
    assert second["best_frame"] == first["best_frame"]


def test_a_poorer_result_that_lands_last_is_mended(cloud: Cloud) -> None:
    # Between our look for a copied frame and our PUT, the luckier instance publishes.
    cloud.put_pair("anna")
    cloud.instance().walk("anna")
    result = cloud.bucket.get("liveness/results/anna/result.json")
    key = json.loads(result.body())["best_frame"]["key"]
    frame = cloud.bucket.get(key).body()
    cloud.bucket.delete("liveness/results/anna/result.json")
    cloud.bucket.delete(key)
    cloud.sandbox.clock.advance(3 * 3600)

    def luckier() -> None:
        cloud.bucket.put(key, frame)

    cloud.on("PUT", "result.json", luckier)
    cloud.instance().walk("anna")

    mended = cloud.result("anna")
    assert mended is not None
    assert mended["best_frame"]["key"] == key
