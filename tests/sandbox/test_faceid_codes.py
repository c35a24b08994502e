"""Every error code of the face API, in both channels: in `Result`, and as an API error."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tencentcloud.common.exception import TencentCloudSDKException

from liveness_sandbox import Sandbox
from tests.unit.test_verdicts import COMMON, PLAUSIBLE

from .clients import BUCKET, JPEG, Pair

VENDOR_CODES = Path(__file__).parents[1] / "unit/faceid-error-codes.tsv"


def documented() -> list[str]:
    lines = [line for line in VENDOR_CODES.read_text().splitlines() if not line.startswith("#")]
    rows = csv.DictReader(lines, delimiter="\t")
    return [row["code"] for row in rows if row["documented_for_this_action"] == "yes"]


CODES = sorted(
    {*documented(), *(code for code, _ in PLAUSIBLE), *(code for code, _ in COMMON)}
    | {"FailedOperation.CompareLowSimilarity"}
)
BILLED = {"FailedOperation.CompareLowSimilarity", "InternalError.CompareLowSimilarity"}


@pytest.fixture(scope="module")
def unlimited() -> Iterator[Sandbox]:
    with Sandbox() as running:
        running.create_bucket(BUCKET)
        running.faceid.rate_limit = None
        yield running


def test_all_codes_of_the_document_are_covered() -> None:
    assert len(documented()) == 25


@pytest.mark.parametrize("channel", ["result", "error"])
@pytest.mark.parametrize("code", CODES)
def test_every_code_can_be_returned_in_both_channels(
    unlimited: Sandbox, code: str, channel: str
) -> None:
    live = json.dumps({"sandbox": 1, "code": code, "channel": channel}).encode()
    judged = Pair(unlimited, live, JPEG)
    if channel == "result":
        response = judged.judge()
        received, request_id = response["Result"], response["RequestId"]
        assert (response["BestFrameUrl"], response["BestFrameMd5"]) == ("", "")
    else:
        with pytest.raises(TencentCloudSDKException) as caught:
            judged.judge()
        received, request_id = caught.value.code, caught.value.requestId

    assert received == code

    call = unlimited.faceid.calls[-1]
    assert (call.code, call.request_id, call.billed) == (code, request_id, code in BILLED)
