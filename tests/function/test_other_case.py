"""Suffixes match whatever their case, without a request more for the usual spelling."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import BUCKET, JPEG, PACKAGE, Cloud, Instance

LIVE, PHOTO, OTHER_PHOTO = "live.bin", "reference.jpg", "reference.JPG"


def upload(cloud: Cloud, function: Instance, name: str) -> dict[str, Any]:
    """Upload an input, and return what its event comes to."""
    cloud.put("anna", name, PACKAGE if name.lower() == LIVE else JPEG)
    event = cloud.sandbox.trigger_event(BUCKET, f"liveness/incoming/anna/{name}")
    (pair,) = function(event)["pairs"]
    assert isinstance(pair, dict)
    return pair


def listings(cloud: Cloud) -> int:
    return sum(
        request.query.get("prefix") == "liveness/incoming/anna"
        for request in cloud.sandbox.requests
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (LIVE, OTHER_PHOTO),
        (PHOTO, "LIVE.BIN"),
        (PHOTO, "Live.bin"),
        (OTHER_PHOTO, "LIVE.BIN"),
        ("LIVE.BIN", OTHER_PHOTO),
    ],
)
def test_a_pair_is_judged_whose_second_input_is_in_another_case(
    cloud: Cloud, first: str, second: str
) -> None:
    function = cloud.instance()
    assert upload(cloud, function, first)["state"] == "waiting"

    assert upload(cloud, function, second)["status"] == "passed"

    result = cloud.result("anna")
    assert result is not None
    keys = {item["key"].rpartition("/")[2] for item in result["inputs"]}
    assert keys == {first, second}
    assert function.walk("anna")["state"] == "done"
    assert cloud.calls == 1


def test_reconcile_finds_a_pair_whose_first_input_is_in_another_case(cloud: Cloud) -> None:
    function = cloud.instance()
    assert upload(cloud, function, OTHER_PHOTO)["state"] == "waiting"
    assert upload(cloud, function, LIVE)["state"] == "waiting"

    assert function({"reconcile": {}})["reconcile"]["parked"] == 1
    cloud.advance(120)
    function({"drain": {}})

    result = cloud.result("anna")
    assert result is not None and result["status"] == "passed"


def test_the_usual_spelling_costs_no_listing(cloud: Cloud) -> None:
    function = cloud.instance()

    upload(cloud, function, PHOTO)
    upload(cloud, function, LIVE)

    assert listings(cloud) == 0


def test_an_input_as_configured_hides_others_of_its_role(cloud: Cloud) -> None:
    function = cloud.instance()
    upload(cloud, function, LIVE)
    assert upload(cloud, function, PHOTO)["status"] == "passed"

    assert upload(cloud, function, OTHER_PHOTO)["state"] == "done"

    assert cloud.calls == 1


def test_two_inputs_in_other_cases_are_ambiguous(cloud: Cloud) -> None:
    function = cloud.instance()
    for name in (OTHER_PHOTO, "REFERENCE.jpg"):
        cloud.put("anna", name, JPEG)

    assert upload(cloud, function, "LIVE.bin")["status"] == "invalid"

    result = cloud.result("anna")
    assert result is not None and result["reason"]["code"] == "InputAmbiguous"
    assert cloud.calls == 0


def test_no_other_pairs_input_is_taken(cloud: Cloud) -> None:
    function = cloud.instance()
    cloud.put("anna2", OTHER_PHOTO, JPEG)
    cloud.put("anna/x", OTHER_PHOTO, JPEG)

    assert upload(cloud, function, "LIVE.BIN")["state"] == "waiting"


def test_a_key_of_no_pair_is_logged_once_for_its_upload(cloud: Cloud) -> None:
    function = cloud.instance()
    cloud.put("anna", "live.mp4", PACKAGE)
    function(cloud.sandbox.trigger_event(BUCKET, "liveness/incoming/anna/live.mp4"))
    function({"reconcile": {}})

    (line,) = function.logged("record.stray")
    assert "liveness/incoming/anna/live.mp4" in line["reason"]
