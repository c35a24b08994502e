"""serverless.yml is consistent, and what breaks it is refused before it is deployed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml

from liveness.settings import ADVISED_SIM_THRESHOLD, read_settings
from liveness_package.check import ManifestError, find_problems, read_manifest
from liveness_sandbox.runtime.cron import Cron
from tests.conftest import BUCKET, ROOT

from .conftest import FILLED_IN, TEXT

Inputs = dict[str, Any]
Change = Callable[[Inputs], Any]


def cos(inputs: Inputs) -> Inputs:
    parameters: Inputs = inputs["events"][0]["cos"]["parameters"]
    return parameters


def timer(inputs: Inputs, name: str) -> Inputs:
    timers: list[Inputs] = [
        event["timer"]["parameters"] for event in inputs["events"] if "timer" in event
    ]
    (parameters,) = (each for each in timers if each["name"] == name)
    return parameters


def split_trigger(inputs: Inputs, *suffixes: str) -> None:
    """Replace the COS trigger by one trigger per suffix."""
    parameters = inputs["events"].pop(0)["cos"]["parameters"]
    for suffix in suffixes:
        filters = {**parameters["filter"], "suffix": suffix}
        inputs["events"].append({"cos": {"parameters": {**parameters, "filter": filters}}})


def test_the_manifest_has_no_problem(inputs: Inputs, all_inputs: Inputs) -> None:
    assert find_problems(inputs) == find_problems(all_inputs) == []


def test_one_trigger_per_suffix_is_accepted(inputs: Inputs) -> None:
    split_trigger(inputs, "/live.bin", "/reference.jpg", "/reference.jpeg", "/reference.png")

    assert find_problems(inputs) == []


def variables(**values: str) -> Change:
    return lambda inputs: inputs["environment"]["variables"].update(values)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda inputs: inputs.update(timeout=59), "timeout is 59 s: give 60 to 900"),
        (lambda inputs: inputs.update(timeout=901), "timeout is 901 s: give 60 to 900"),
        (lambda inputs: inputs.update(memorySize=250), "give 64, or a multiple of 128 up to 3072"),
        (lambda inputs: inputs.update(memorySize=3200), "memorySize is 3200 MB"),
        (lambda inputs: inputs.update(memorySize=0), "memorySize is 0 MB"),
        (lambda inputs: inputs.update(memorySize=64), None),
        (lambda inputs: inputs.update(initTimeout=1), "initTimeout is 1 s: give 3 to 300"),
        (lambda inputs: inputs.update(region="ap-guangzhou"), "the face API exists in"),
        (variables(LIVENESS_TRESHOLD="80"), "LIVENESS_TRESHOLD is not a known setting"),
        (variables(LIVENESS_ENDPOINT_SCHEME="http"), "it is for the sandbox only"),
        (
            variables(LIVENESS_ENDPOINT_SCHEME=" http", http_proxy="http://127.0.0.1"),
            "it is for the sandbox only",
        ),
        (variables(OTHER="é" * 2048), "bytes: at most 4096 are allowed"),
        (variables(LIVENESS_RESULT_PREFIX="liveness/incoming/results/"), "overlap in bucket"),
        (variables(LIVENESS_INPUT_PREFIX="uploads/"), "LIVENESS_INPUT_PREFIX is 'uploads/'"),
        (variables(LIVENESS_BUCKET="others-1250000000"), "is at others-1250000000.cos.ap-"),
        (variables(LIVENESS_LIVE_SUFFIXES=".live"), None),
        (lambda inputs: cos(inputs)["filter"].update(prefix=""), "is for the prefix ''"),
        (
            lambda inputs: cos(inputs)["filter"].update(prefix="liveness/"),
            "is for the prefix 'liveness/'",
        ),
        (lambda inputs: cos(inputs).pop("enable"), "a cos trigger is not enabled"),
        (lambda inputs: cos(inputs).update(events="cos:ObjectCreated:Put"), "give cos:Object"),
        (lambda inputs: timer(inputs, "drain").update(enable=False), "a timer trigger is not"),
        (lambda inputs: timer(inputs, "drain").update(argument="dry"), "['dry', 'reconcile']"),
        (
            lambda inputs: timer(inputs, "drain").update(cronExpression="* * * * *"),
            "the timer drain has the cronExpression '* * * * *': give 7 fields",
        ),
        (lambda inputs: inputs["events"].pop(), "the timers' arguments are ['drain']"),
        (lambda inputs: inputs["events"].pop(0), "inputs that end in '/live.bin'"),
        (lambda inputs: split_trigger(inputs, "/live.bin"), "inputs that end in '/reference.png'"),
        (lambda inputs: split_trigger(inputs, "", "/live.bin"), "COS triggers overlap"),
    ],
)
def test_what_breaks_the_manifest_is_reported(
    inputs: Inputs, change: Change, problem: str | None
) -> None:
    change(inputs)

    problems = find_problems(inputs)

    assert any(problem in each for each in problems) if problem else problems == [], problems


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda inputs: inputs.pop("name"), "inputs.name is missing"),
        (lambda inputs: inputs.update(runtime=None), "inputs.runtime is missing"),
        (lambda inputs: inputs.update(memorySize="lots"), "inputs.memorySize is 'lots': give a"),
        (lambda inputs: inputs.update(timeout=True), "inputs.timeout is True: give a whole"),
        (lambda inputs: inputs.pop("environment"), "inputs.environment.variables is missing"),
        (lambda inputs: inputs.update(environment={}), "inputs.environment.variables is missing"),
        (lambda inputs: inputs.pop("events"), "inputs.events is missing"),
        (lambda inputs: inputs.update(events={}), "inputs.events is missing"),
        (lambda inputs: inputs["events"].append("timer"), "inputs.events[3] is 'timer': give cos"),
        (lambda inputs: inputs["events"].append({"cos": None}), "[3].cos.parameters is missing"),
        (
            lambda inputs: timer(inputs, "drain").pop("cronExpression"),
            "inputs.events[1].timer.parameters.cronExpression is missing",
        ),
        (lambda inputs: cos(inputs).pop("filter"), "[0].cos.parameters.filter is missing"),
        (lambda inputs: cos(inputs).update(filter="all"), "filter needs a prefix and a suffix"),
        (lambda inputs: cos(inputs)["filter"].pop("suffix"), "filter needs a prefix and a suffix"),
    ],
)
def test_what_is_missing_or_of_another_kind_is_named(
    inputs: Inputs, change: Change, problem: str
) -> None:
    change(inputs)

    (found,) = find_problems(inputs)

    assert problem in found


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("inputs\n  name: a", "^serverless.yml is not YAML, line 2, column 7: mapping values are"),
        ("name: liveness", "^serverless.yml has no part `inputs`"),
        ("", "^serverless.yml has no part `inputs`"),
        ("inputs: []", "^serverless.yml has no part `inputs`"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_reported(text: str, problem: str) -> None:
    with pytest.raises(ManifestError, match=problem):
        read_manifest(text, FILLED_IN)


def test_every_problem_is_reported_at_once(inputs: Inputs) -> None:
    inputs["timeout"] = 3
    cos(inputs).update(enable=False, bucket="faces")

    assert len(find_problems(inputs)) == 3


def test_the_manifest_shows_the_advised_threshold(inputs: Inputs) -> None:
    variables = inputs["environment"]["variables"]

    settings = read_settings(variables | FILLED_IN)

    assert variables["LIVENESS_SIM_THRESHOLD"] == "70"
    assert settings.sim_threshold == ADVISED_SIM_THRESHOLD
    assert settings.warnings == ()


@pytest.mark.parametrize(
    ("name", "interval"), [("drain", timedelta(minutes=1)), ("reconcile", timedelta(hours=1))]
)
def test_the_timers_fire_every_minute_and_every_hour(
    inputs: Inputs, name: str, interval: timedelta
) -> None:
    start = datetime(2026, 12, 31, 23, 59, 30, tzinfo=timezone.utc).timestamp()
    cron = Cron(timer(inputs, name)["cronExpression"])

    first = cron.after(start)

    assert first is not None
    assert cron.after(first) == first + interval.total_seconds()


@pytest.mark.parametrize("name", FILLED_IN)
@pytest.mark.parametrize("value", [None, ""])
def test_a_variable_that_is_not_filled_in_is_reported(name: str, value: str | None) -> None:
    environ = {key: text for key, text in FILLED_IN.items() if key != name}
    environ |= {} if value is None else {name: value}

    with pytest.raises(ManifestError, match=f"^{name} must be filled in: copy .env.example"):
        read_manifest(TEXT, environ)


def test_bucket_and_region_are_filled_in_only_in_env() -> None:
    example = (ROOT / ".env.example").read_text().splitlines()

    assert [line for line in example if not line.startswith("#")] == [f"{n}=" for n in FILLED_IN]
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()
    assert BUCKET.partition("-")[2] not in TEXT
    assert "ap-" not in TEXT


def run_hook(**environment: str) -> subprocess.CompletedProcess[str]:
    """Run `src.hook` in `src.src`, as the vendor's command does first; it stops on an error."""
    source = yaml.safe_load(TEXT)["inputs"]["src"]
    excluded = ("LIVENESS_", "TENCENTCLOUD_", "MAKE", "MFLAGS")
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(excluded)}
    return subprocess.run(
        source["hook"],
        shell=True,
        cwd=ROOT / source["src"],
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=100,
    )


def test_an_incomplete_manifest_is_not_deployed() -> None:
    done = run_hook(LIVENESS_BUCKET=BUCKET)

    assert done.returncode != 0
    assert "Nothing was deployed.\nTENCENTCLOUD_REGION must be filled in" in done.stderr


def test_a_manifest_with_a_problem_is_not_deployed() -> None:
    done = run_hook(LIVENESS_BUCKET="faces", TENCENTCLOUD_REGION="ap-singapore")

    assert done.returncode != 0
    assert "LIVENESS_BUCKET is 'faces': give the bucket's full name" in done.stderr


def test_exactly_the_current_package_is_uploaded() -> None:
    source = yaml.safe_load(TEXT)["inputs"]["src"]
    uploaded = ROOT / source["dist"]
    stale = uploaded / "tests" / "stale.py"
    stale.parent.mkdir(parents=True, exist_ok=True)
    stale.touch()

    done = run_hook(**FILLED_IN)

    assert done.returncode == 0, done.stderr
    assert not stale.exists()
    names = {path.name for path in uploaded.iterdir()}
    assert {"index.py", "liveness", "qcloud_cos", "LICENSE"} <= names
    assert not names & {path.name for path in ROOT.iterdir()} - {"LICENSE"}
    assert not any(path.name.startswith(".") for path in uploaded.rglob("*"))
    for path in (ROOT / "src").rglob("*.py"):
        assert (uploaded / path.relative_to(ROOT / "src")).read_bytes() == path.read_bytes()


def test_without_the_hook_only_src_would_be_uploaded() -> None:
    source = yaml.safe_load(TEXT)["inputs"]["src"]

    assert Path(source["src"]) == Path("src")
    assert source["dist"]  # the hook runs only if it is set
