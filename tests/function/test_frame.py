"""Step 5, the best frame: it is verified, and its absence never costs the verdict."""

from __future__ import annotations

import hashlib
import json

import pytest

from liveness_sandbox import Reply
from tests.conftest import Cloud


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        ("none", "gave none"),
        ("wrong-md5", "MD5 mismatch"),
        ("not-jpeg", "not a JPEG"),
        ("too-large", "larger than"),
        ("foreign-host", "not on a COS host"),
        ("redirect", "answered 302"),
        ("missing", "answered 404"),
        ("md5-string", "is not an MD5"),
    ],
)
def test_an_unavailable_frame_does_not_lose_the_verdict(
    cloud: Cloud, frame: str, reason: str
) -> None:
    cloud.put_pair("anna", {"frame": frame})
    function = cloud.instance()

    assert function.walk("anna")["status"] == "passed"

    result = cloud.result("anna")
    assert result is not None
    assert result["best_frame"]["key"] is None
    assert reason in result["best_frame"]["missing_because"]
    assert cloud.bucket.keys("liveness/frames/") == []
    assert all(request.service != "unknown" for request in cloud.sandbox.requests)
    assert function.walk("anna")["state"] == "done"


@pytest.mark.parametrize(
    "url",
    [
        "http://faces-1250000000.cos.ap-singapore.myqcloud.com.evil.example/x",
        "http://evil.example/faces-1.cos.ap-singapore.myqcloud.com",
        "http://faces-1.cos.ap-singapore.myqcloud.com@evil.example/",
        "http://faces-1.cos.ap-singapore.myqcloud.com:8080/x",
        "http://faces-1.cos.ap-hongkong.myqcloud.com/x",
        "http://faces-1.cos.ap-singapore.cos.ap-hongkong.myqcloud.com/x",
        "http://faces-1.cos-internal.ap-singapore.tencentcos.cn/x",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "http://[::1/",
        "not a URL",
    ],
)
def test_frames_are_fetched_from_cos_hosts_only(cloud: Cloud, url: str) -> None:
    cloud.put_pair("anna", {"response": {"BestFrameUrl": url}})
    before = {request.host for request in cloud.sandbox.requests}

    assert cloud.instance().walk("anna")["status"] == "passed"

    hosts = {request.host for request in cloud.sandbox.requests} - before
    assert not any(
        word in host for host in hosts for word in ("evil", "169", "hongkong", "faces-1.")
    )
    result = cloud.result("anna")
    assert result is not None and "its URL" in result["best_frame"]["missing_because"]


def test_the_frame_is_stored_before_the_result_names_it(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    keys_before_result: list[str] = []
    cloud.on(
        "PUT",
        "result.json",
        lambda: keys_before_result.extend(cloud.bucket.keys("liveness/frames/")),
    )

    cloud.instance().walk("anna")

    (key,) = keys_before_result
    assert "best-frame" in key


def test_a_frame_that_was_not_written_is_never_named(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    cloud.on("PUT", ".jpg", Reply(503), times=99)

    with pytest.raises(Exception, match="anna"):
        cloud.instance().walk("anna")

    assert cloud.result("anna") is None


def test_transient_errors_of_the_frame_host_are_retried(cloud: Cloud) -> None:
    cloud.put_pair("anna")

    def hook(request: object, phase: str) -> Reply | None:
        host = getattr(request, "host", "")
        if host.startswith("faceid-resource") and phase == "before" and failures:
            return failures.pop()
        return None

    failures = [Reply(503), Reply(503)]
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
        body = cloud.stored(result["best_frame"]["key"]).body()
        frames[name] = body
        assert hashlib.md5(f"package of {name}".encode()).hexdigest().encode() in body
    assert frames["anna"] != frames["bert"]


def test_a_result_with_its_frame_is_not_replaced_by_one_without(cloud: Cloud) -> None:
    """Hours after the call the frame's URL has expired, but its copy is still stored."""
    cloud.put_pair("anna")
    cloud.instance().walk("anna")
    first = cloud.result("anna")
    cloud.bucket.delete("liveness/results/anna/result.json")
    cloud.sandbox.clock.advance(3 * 3600)

    cloud.instance().walk("anna")

    second = cloud.result("anna")
    assert first is not None and second is not None
    assert second["best_frame"] == first["best_frame"]


def test_a_result_that_misses_a_stored_frame_is_corrected(cloud: Cloud) -> None:
    """Another instance stores the frame between the search for it and the PUT of the result."""
    cloud.put_pair("anna")
    cloud.instance().walk("anna")
    result = cloud.stored("liveness/results/anna/result.json")
    key = json.loads(result.body())["best_frame"]["key"]
    frame = cloud.stored(key).body()
    cloud.bucket.delete("liveness/results/anna/result.json")
    cloud.bucket.delete(key)
    cloud.sandbox.clock.advance(3 * 3600)

    def store_frame() -> None:
        cloud.bucket.put(key, frame)

    cloud.on("PUT", "result.json", store_frame)

    cloud.instance().walk("anna")

    corrected = cloud.result("anna")
    assert corrected is not None
    assert corrected["best_frame"]["key"] == key
