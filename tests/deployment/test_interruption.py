"""A deployment or removal that ends after any of its requests is finished by running it again.

Each case loses the reply of one request that changes something: it took effect, and the command
does not know. A request that took no effect leaves what the one before it left.
"""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from liveness_sandbox import Drop
from liveness_sandbox.requestlog import RequestRecord

from .conftest import WORKING, Deployment
from .test_deploy import changing

# One more than each command makes: the last case shows that there are no others.
FIRST, CODE, REMOVAL = 26, 4, 8


def lose_reply(deployment: Deployment, number: int) -> list[str]:
    """Lose the reply of that change, counted from now; return a list that it is added to."""
    lost: list[str] = []
    seen = 0

    def hook(request: RequestRecord, phase: str) -> Drop | None:
        nonlocal seen
        if phase != "after" or request.principal != deployment.key or not changing([request]):
            return None
        seen += 1
        if seen != number:
            return None
        lost.append(request.action or request.method)
        return Drop()

    deployment.sandbox.hooks.append(hook)
    return lost


def state_of(deployment: Deployment) -> Any:
    """Return what a deployment is to bring about, whatever number a version has."""
    sandbox, function = deployment.sandbox, deployment.function
    serving = function.versions.described(deployment.serving)
    assert serving is not None
    options = serving.deployment.options
    return (
        serving.deployment.code_sha256,
        (options.memory_mb, options.timeout_seconds, options.role, dict(options.environment)),
        sorted(repr(trigger.identity) for trigger in function.triggers),
        [trigger.enabled for trigger in function.triggers],
        sorted(sandbox.identities),
    )


@pytest.mark.parametrize("number", range(1, FIRST + 1))
def test_a_first_deployment(deployment: Deployment, number: int) -> None:
    lost = lose_reply(deployment, number)

    first = deployment.run("deploy", "--yes")

    assert (first.exit_code == 0) == (lost == []), first.output
    assert bool(lost) == (number < FIRST)
    deployment.deploy("--yes")
    assert deployment.deploy("--yes") == {}
    assert len(deployment.function.versions.published) == 1
    assert deployment.serving == "1"
    assert len(deployment.function.triggers) == 3
    assert all(trigger.enabled for trigger in deployment.function.triggers)


@pytest.mark.parametrize("number", range(1, CODE + 1))
def test_new_code(deployment: Deployment, number: int) -> None:
    deployment.deploy("--yes")
    before = state_of(deployment)
    deployment.replace_code("two")
    lost = lose_reply(deployment, number)

    deployment.run("deploy", "--yes")

    assert bool(lost) == (number < CODE)
    if lost and lost != ["UpdateAlias"]:
        assert state_of(deployment) == before
    deployment.deploy("--yes")
    assert deployment.deploy("--yes") == {}
    assert [each.version for each in deployment.function.versions.published] == ["1", "2"]
    assert deployment.serving == "2"
    assert state_of(deployment)[1:] == before[1:]


@pytest.mark.parametrize("number", range(1, REMOVAL + 1))
def test_a_removal(deployment: Deployment, number: int) -> None:
    deployment.deploy("--yes")
    lost = lose_reply(deployment, number)

    first = deployment.run("remove", "--yes")

    assert (first.exit_code == 0) == (lost == []), first.output
    assert bool(lost) == (number < REMOVAL)
    deployment.value("remove", "--yes")
    assert deployment.sandbox.platform.functions == []
    assert "liveness-function" not in deployment.sandbox.identities
    assert deployment.policies() == []


def test_ctrl_c(deployment: Deployment) -> None:
    deployment.deploy("--yes")
    deployment.replace_code("two")

    def press(request: RequestRecord, phase: str) -> None:
        if request.action == "PublishVersion" and phase == "before":
            os.kill(os.getpid(), signal.SIGINT)

    deployment.sandbox.hooks.append(press)

    result = deployment.run("deploy", "--yes")

    assert result.exit_code == 130
    assert "running the command again goes on from here" in result.stderr
    deployment.sandbox.hooks.clear()
    deployment.deploy("--yes")
    assert deployment.serving == "2"


@pytest.mark.parametrize("code", ["AuthFailure.TokenFailure", "RequestLimitExceeded"])
def test_a_refused_request(deployment: Deployment, code: str) -> None:
    """A key that expires halfway, or a limit of the API's."""
    deployment.deploy("--yes")
    deployment.replace_code("two", WORKING % "two")
    deployment.refuse("PublishVersion", code)

    result = deployment.run("deploy", "--yes")

    assert result.exit_code == 1
    assert f"PublishVersion: {code}" in result.stdout
    assert "Running the command again goes on from here" in result.stdout
    deployment.sandbox.hooks.pop()
    deployment.deploy("--yes")
    assert deployment.serving == "2"
