"""What is served, and what is not, is what docs/sandbox.md lists."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
from tencentcloud.common.exception import TencentCloudSDKException

from liveness_sandbox import Sandbox
from liveness_sandbox.cos.catalogue import HEADERS_NOT_SERVED, SERVED, SUBRESOURCES

from .clients import api_client

PAGE = (Path(__file__).parents[2] / "docs/sandbox.md").read_text()
APIS = {
    "cam": "2019-01-16",
    "cls": "2020-10-16",
    "scf": "2018-04-16",
    "sts": "2018-08-13",
}


@pytest.mark.parametrize("product", APIS)
def test_every_action_of_an_api_is_served_if_and_only_if_it_is_listed(
    sandbox: Sandbox, product: str
) -> None:
    version = APIS[product]
    module = importlib.import_module(
        f"tencentcloud.{product}.v{version.replace('-', '')}.{product}_client"
    )
    declared = getattr(module, f"{product.capitalize()}Client")
    actions = [name for name in vars(declared) if name[0].isupper()]
    assert len(actions) >= 7
    client = api_client(sandbox, product, version)

    def is_served(action: str) -> bool:
        try:
            client.call_json(action, {"Nonsense": 1})
        except TencentCloudSDKException as error:
            assert error.code in ("UnknownParameter", "InvalidAction"), (action, error)
            return bool(error.code == "UnknownParameter")
        raise AssertionError(f"{action} accepts a parameter that it does not have")

    served = {action for action in actions if is_served(action)}

    assert served == {action for action in actions if re.search(rf"\b{action}\b", PAGE)}


def test_every_subresource_that_cos_has_and_the_sandbox_does_not_is_listed() -> None:
    not_served = SUBRESOURCES - SERVED
    assert {name for name in not_served if f"`{name}`" not in PAGE} == set()


def test_every_header_that_is_refused_is_listed() -> None:
    listed = {name.lower() for name in re.findall(r"`([\w-]+)`", PAGE)}
    assert HEADERS_NOT_SERVED - listed == set()
