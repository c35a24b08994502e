"""The types that the sandbox reads in the vendor's models are those of their fields."""

from __future__ import annotations

import importlib

import pytest

from liveness_sandbox.api.errors import ApiError
from liveness_sandbox.api.fields import Models


@pytest.mark.parametrize(
    "package", ["cam.v20190116", "cls.v20201016", "scf.v20180416", "sts.v20180813"]
)
def test_every_field_of_every_request_has_a_type(package: str) -> None:
    """A field without one would be refused as unknown, a wrong one would raise KeyError."""
    module = importlib.import_module(f"tencentcloud.{package}.models")
    models = Models(package)
    requests = [name for name in vars(module) if name.endswith("Request")]
    assert len(requests) >= 5

    for request in requests:
        fields = [name for name, each in vars(getattr(module, request)).items() if is_field(each)]
        for field in fields:
            assert models.check(request.removesuffix("Request"), {field: None}) == {}
            with pytest.raises(ApiError) as caught:
                models.check(request.removesuffix("Request"), {field: object()})
            assert caught.value.code == "InvalidParameter"
        with pytest.raises(ApiError) as caught:
            models.check(request.removesuffix("Request"), {"Nonsense": None})
        assert caught.value.code == "UnknownParameter"


def is_field(member: object) -> bool:
    return isinstance(member, property)
