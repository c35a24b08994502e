"""The example consumer from its package alone: Python 3.10, and no other modules to import."""

from __future__ import annotations

from pathlib import Path

from liveness_sandbox import DeployOptions
from tests.conftest import BUCKET, ROOT, Cloud
from tests.examples.deployment import CONSUMER, SECRET, inputs_of
from tests.examples.endpoint import Endpoint

from .conftest import make_package


def test_the_packaged_consumer_delivers(cloud: Cloud, python310: str, tmp_path: Path) -> None:
    source = str(ROOT / "examples/consumer")
    make_package(tmp_path, "--source", source, "--entry", "deliver.py", "--compile-with", python310)
    cloud.put_pair("anna")
    cloud.instance().walk("anna")
    endpoint = Endpoint(SECRET)
    inputs = inputs_of(CONSUMER, endpoint.url)
    options = DeployOptions(
        inputs["handler"],
        environment={
            **inputs["environment"]["variables"],
            "LIVENESS_ENDPOINT_SCHEME": "http",
            "no_proxy": "127.0.0.1",
        },
        timeout_seconds=inputs["timeout"],
        python=python310,
        dependencies=(),
    )
    consumer = cloud.sandbox.deploy(inputs["name"], tmp_path / "function", options)

    invocation = consumer.invoke(
        cloud.sandbox.trigger_event(BUCKET, "liveness/results/anna/result.json")
    )
    endpoint.close()

    assert invocation.error is None
    assert invocation.stderr == ""
    assert [held.status for held in endpoint.acted_on] == ["passed"]
    assert not (tmp_path / "function/tencentcloud").exists()  # it calls no such service
