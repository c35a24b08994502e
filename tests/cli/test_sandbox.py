"""`liveness sandbox`: a client in another process, restarts, timers, dead letters, faults."""

from __future__ import annotations

import json
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from qcloud_cos import CosConfig, CosS3Client
from tencentcloud.common.credential import Credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.scf.v20180416.models import ListFunctionsRequest
from tencentcloud.scf.v20180416.scf_client import ScfClient

from liveness_cli.local_cloud import TIMERS
from liveness_cli.permissions.roles import ROLES

from .conftest import ROOT, Command, Start, assert_one_sentence
from .processes import await_children, needs_proc, still_running

# A program that knows nothing but its environment.
CLIENT = """
import json, os, time
from qcloud_cos import CosConfig, CosS3Client, CosServiceError

keys = os.environ["TENCENTCLOUD_SECRETID"], os.environ["TENCENTCLOUD_SECRETKEY"]
config = CosConfig(Region=os.environ["TENCENTCLOUD_REGION"], SecretId=keys[0], SecretKey=keys[1],
                   Scheme=os.environ["LIVENESS_ENDPOINT_SCHEME"])
client, bucket = CosS3Client(config, retry=0), os.environ["LIVENESS_BUCKET"]
package = json.dumps({"sandbox": True, "code": "FailedOperation.CompareLowSimilarity", "sim": 12.5})
client.put_object(Bucket=bucket, Key="liveness/incoming/one/live.bin", Body=package.encode())
client.put_object(Bucket=bucket, Key="liveness/incoming/one/reference.jpg", Body=b"\\xff\\xd8\\xff")
deadline = time.monotonic() + 150
while True:
    try:
        reply = client.get_object(Bucket=bucket, Key="liveness/results/one/result.json")
        break
    except CosServiceError as error:
        assert error.get_status_code() == 404 and time.monotonic() < deadline, error
        time.sleep(0.05)
print(reply["Body"].get_raw_stream().read().decode())
"""


def printed_environment(process: subprocess.Popen[str]) -> dict[str, str]:
    """Return the variables in the lines after the one that says that the sandbox is ready."""
    assert process.stdout is not None
    ready = process.stdout.readline()
    assert re.fullmatch(r"liveness sandbox ready on http://127\.0\.0\.1:\d+\n", ready), ready
    environment = {}
    for line in process.stdout:
        export, assignment = shlex.split(line)
        assert export == "export"
        name, _, value = assignment.partition("=")
        environment[name] = value
        if name == "LIVENESS_BUCKET":  # the last one
            break
    return environment


def run_client(environment: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", CLIENT],
        env={**environment, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@needs_proc
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_sandbox_serves_another_process_until_it_is_stopped(start: Start, number: int) -> None:
    process = start("sandbox")
    result = run_client(printed_environment(process))
    assert result["status"] == "rejected"
    assert result["similarity"] == 12.5
    workers = await_children(process.pid)

    process.send_signal(number)
    _, errors = process.communicate(timeout=100)

    assert process.returncode == 0
    assert "uploaded  liveness/incoming/one/live.bin" in errors
    assert "woken     by liveness/incoming/one/" in errors
    assert "one published rejected" in errors
    assert "pair.published" not in errors  # the log is shown on request
    assert still_running(workers) == set()


def test_on_request_it_shows_the_functions_log_or_nothing(start: Start) -> None:
    for option, shown in (("--log", True), ("--quiet", False)):
        process = start("sandbox", option)
        run_client(printed_environment(process))
        process.terminate()
        _, errors = process.communicate(timeout=10)

        assert ('"event": "pair.published"' in errors) == shown
        assert shown or errors == ""


def test_data_is_kept_for_the_next_start(start: Start, tmp_path: Path) -> None:
    arguments = ("sandbox", "--data", str(tmp_path / "kept"))
    first = start(*arguments)
    run_client(printed_environment(first))
    first.terminate()
    assert first.wait(timeout=100) == 0

    second = start(*arguments, "--no-function")
    result = run_client(printed_environment(second))

    assert result["pair_id"] == "one"  # written by the function of the first start


def test_data_of_another_region_is_rejected(
    start: Start, liveness: Command, tmp_path: Path
) -> None:
    data = ("sandbox", "--data", str(tmp_path / "kept"), "--no-function")
    first = start(*data)
    printed_environment(first)
    first.terminate()
    assert first.wait(timeout=100) == 0

    result = liveness(*data, "--region", "ap-hongkong")

    assert result.exit_code == 1
    assert_one_sentence(result, "--data: ", "faces-1250000000 in ap-singapore")


# Uploads one input of a pair.
UPLOAD_ONE_INPUT = (
    CLIENT.partition("client.put_object")[0]
    + """
client.put_object(Bucket=bucket, Key="liveness/incoming/one/live.bin", Body=b"x")
"""
)


DENIED = {"status": 403, "code": "AccessDenied"}


def upload_one_input(environment: dict[str, str]) -> str:
    """Upload with another process; returns its error output."""
    command = [sys.executable, "-c", UPLOAD_ONE_INPUT]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200)
    return done.stderr


def test_an_event_that_always_fails_becomes_a_dead_letter(start: Start, tmp_path: Path) -> None:
    """Nothing of the pair may be read, and no marker written that would take the event's place.

    At this speed its three tries are a second apart.
    """
    dead, scenario = tmp_path / "dead", tmp_path / "scenario.json"
    denied = (
        {"method": "HEAD"},
        {"method": "GET", "key": "liveness/incoming/*"},
        {"method": "PUT", "key": "liveness/ledger/pending/*"},
    )
    scenario.write_text(json.dumps({"faults": [{"match": each, "do": DENIED} for each in denied]}))
    options = ("--speed", "60", "--dead-letters", str(dead), "--scenario", str(scenario))
    environment = printed_environment(start("sandbox", *options))

    upload_one_input(environment)

    deadline = time.monotonic() + 300
    while not list(dead.glob("*.json")):
        assert time.monotonic() < deadline, "no dead letter"
        time.sleep(0.05)
    [letter] = (json.loads(path.read_text()) for path in dead.glob("*.json"))
    assert (letter["Body"]["RequestSource"], letter["Body"]["RetryNum"]) == ("TRIGGER_COS", 2)


def test_the_timers_fire(start: Start) -> None:
    """An hour passes in two seconds, so that drain and reconcile list their prefixes."""
    environment = printed_environment(start("sandbox", "--speed", "1800"))

    with requests.Session() as session:
        session.trust_env = False
        deadline = time.monotonic() + 300
        listed: set[str] = set()
        while not {"liveness/ledger/pending/", "liveness/incoming/"} <= listed:
            assert time.monotonic() < deadline, listed
            time.sleep(0.1)
            log = session.get(f"{environment['http_proxy']}/_sandbox/requests", timeout=10).json()
            listed = {each["query"].get("prefix", "") for each in log}


def test_the_timers_are_those_of_the_deployment() -> None:
    manifest = (ROOT / "serverless.yml").read_text()

    timers = re.findall(r"name: (\w+)\n +cronExpression: '(.*)'.*\n.*\n +argument: (\w+)", manifest)

    assert timers == [(name, cron, name) for name, cron in TIMERS.items()]


def test_the_faults_of_a_scenario_are_injected(start: Start, tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.json"
    fault = {"match": {"method": "PUT"}, "do": {"status": 503, "code": "SlowDown"}}
    scenario.write_text(json.dumps({"faults": [fault]}))
    process = start("sandbox", "--no-function", "--scenario", str(scenario))

    errors = upload_one_input(printed_environment(process))

    assert "SlowDown" in errors


def test_a_data_folder_is_used_by_one_sandbox_at_a_time(
    start: Start, liveness: Command, tmp_path: Path
) -> None:
    data = ("sandbox", "--data", str(tmp_path / "kept"), "--no-function")
    printed_environment(start(*data))

    result = liveness(*data)

    assert result.exit_code == 1
    assert_one_sentence(result, "--data: another sandbox is using")


def test_an_empty_account_has_only_the_keys_of_its_owner(start: Start) -> None:
    process = start("sandbox", "--empty")
    assert process.stdout is not None
    address = process.stdout.readline().split()[-1]

    with requests.Session() as session:
        session.trust_env = False
        environment = session.get(f"{address}/_sandbox/environment", timeout=10).json()
        identities = session.get(f"{address}/_sandbox/cam", timeout=10).json()["identities"]

    assert identities == []
    assert "LIVENESS_BUCKET" not in environment
    keys = Credential(environment["TENCENTCLOUD_SECRETID"], environment["TENCENTCLOUD_SECRETKEY"])
    profile = HttpProfile(protocol="http")
    profile.proxy = address
    region = environment["TENCENTCLOUD_REGION"]
    scf = ScfClient(keys, region, ClientProfile(httpProfile=profile))
    assert scf.ListFunctions(ListFunctionsRequest()).TotalCount == 0
    config = CosConfig(
        Region=region,
        SecretId=keys.secret_id,
        SecretKey=keys.secret_key,
        Scheme="http",
        Proxies={"http": address},
    )
    assert CosS3Client(config, retry=0).list_buckets()["Buckets"] is None


# Uploads each of the keys, and prints which of them are allowed.
UPLOAD = """
import os, sys
from qcloud_cos import CosConfig, CosS3Client, CosServiceError

names = "TENCENTCLOUD_SECRETID", "TENCENTCLOUD_SECRETKEY", "TENCENTCLOUD_SESSIONTOKEN"
secret_id, secret_key, token = (os.environ.get(name) for name in names)
config = CosConfig(Region=os.environ["TENCENTCLOUD_REGION"], SecretId=secret_id,
                   SecretKey=secret_key, Token=token, Scheme="http")
client = CosS3Client(config, retry=0)
for key in sys.argv[1:]:
    headers = {"x-cos-forbid-overwrite": "true"}
    try:
        client.put_object(os.environ["LIVENESS_BUCKET"], b"x", key, Metadata=headers)
        print(key)
    except CosServiceError as error:
        assert error.get_error_code() == "AccessDenied", error
"""
KEYS = (
    "liveness/incoming/one/live.bin",
    "liveness/incoming/one/reference.jpg",
    "liveness/results/one/result.json",
    "other",
)


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("app", KEYS[:1]),
        ("backend", KEYS[1:2]),
        ("reader", ()),
        ("function", KEYS[2:3]),
        (None, KEYS),
    ],
)
def test_each_role_has_keys_with_its_policy(
    start: Start,
    liveness: Command,
    monkeypatch: pytest.MonkeyPatch,
    role: str | None,
    allowed: tuple[str, ...],
) -> None:
    """The function is not deployed, which would itself write results."""
    environment = printed_environment(start("sandbox", "--no-function"))
    if role is not None:
        monkeypatch.setenv("http_proxy", environment["http_proxy"])
        result = liveness("sandbox", "--role", role)
        assert result.exit_code == 0, result.output
        unset, *exports = result.output.splitlines()
        assert unset == "unset TENCENTCLOUD_SESSIONTOKEN TENCENTCLOUD_TOKEN"
        environment = dict(shlex.split(line)[1].partition("=")[::2] for line in exports)

    done = subprocess.run(
        [sys.executable, "-c", UPLOAD, *KEYS],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )

    assert (done.returncode, done.stdout.split()) == (0, list(allowed)), done.stderr


def test_the_keys_of_every_role_are_printed_as_comments(start: Start) -> None:
    process = start("sandbox", "--no-function")
    environment = printed_environment(process)
    assert process.stdout is not None
    expected = {"liveness-function", *ROLES} - {"function", "trust"}

    lines = [process.stdout.readline() for _ in expected]

    printed = dict(line.removeprefix("# ").strip().split(": ") for line in lines)
    assert printed.keys() == expected
    assert environment["TENCENTCLOUD_SECRETID"] not in "".join(lines)
    assert all(keys.startswith("TENCENTCLOUD_SECRETID=AKID") for keys in printed.values())


@pytest.mark.parametrize(
    ("proxy", "arguments", "text"),
    [
        ("", (), "give its --port"),
        ("http://proxy.example.com:3128", (), "give its --port"),
        ("", ("--port", "1"), "no sandbox is running on http://127.0.0.1:1"),
    ],
)
def test_the_keys_of_a_role_need_a_running_sandbox(
    liveness: Command,
    monkeypatch: pytest.MonkeyPatch,
    proxy: str,
    arguments: tuple[str, ...],
    text: str,
) -> None:
    monkeypatch.setenv("http_proxy", proxy)

    result = liveness("sandbox", "--role", "app", *arguments)

    assert result.exit_code == 1
    assert_one_sentence(result, text)


def test_settings_that_allow_no_policy_leave_that_role_without_keys(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sandbox says why, and starts."""
    monkeypatch.setenv("LIVENESS_LIVE_SUFFIXES", "/a*b")
    process = start("sandbox")
    printed_environment(process)
    process.terminate()

    _, errors = process.communicate(timeout=100)

    assert "no keys for the role app: '/a*b' contains a *" in errors


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--bucket", "faces"), "--bucket faces"),
        (("--region", "eu-frankfurt"), "TENCENTCLOUD_REGION is 'eu-frankfurt'"),
        (("--region", "?", "--no-function"), "--region ?"),
        (("--reserved-mb", "60000"), "--reserved-mb: 60000 MB cannot be reserved"),
        (("--scenario", "/no/such/file"), "--scenario: /no/such/file"),
    ],
)
def test_an_invalid_option_is_rejected(
    liveness: Command, arguments: tuple[str, ...], text: str
) -> None:
    result = liveness("sandbox", *arguments)

    assert result.exit_code == 1
    assert_one_sentence(result, text)


def test_a_port_in_use_is_reported(liveness: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = liveness("sandbox", "--port", str(taken.getsockname()[1]))

    assert result.exit_code == 1
    assert_one_sentence(result, "cannot start", "already in use")
