"""Lifecycle rules: which ones COS accepts, and that it returns them unchanged."""

from __future__ import annotations

from typing import Any

import pytest
from qcloud_cos import CosS3Client
from qcloud_cos.cos_exception import CosServiceError

from .clients import BUCKET

RULE = {
    "ID": "claims",
    "Filter": {"Prefix": "liveness/ledger/claims/"},
    "Status": "Enabled",
    "Expiration": {"Days": "30"},
}


def refused(cos: CosS3Client, *rules: dict[str, Any]) -> str:
    with pytest.raises(CosServiceError) as caught:
        cos.put_bucket_lifecycle(BUCKET, {"Rule": list(rules)})
    assert caught.value.get_status_code() == 400
    return str(caught.value.get_error_code())


def test_every_kind_of_rule_is_returned_unchanged(cos: CosS3Client) -> None:
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": None}]
    rules = [
        RULE,
        {"Filter": None, "Status": "Disabled", "Expiration": {"Date": "2030-01-01T00:00:00+08:00"}},
        {
            "ID": "人",
            "Filter": {"And": {"Prefix": "a b/", "Tag": tags}},
            "Status": "Enabled",
            "Transition": [
                {"Days": "30", "StorageClass": "STANDARD_IA"},
                {"Days": "90", "StorageClass": "ARCHIVE"},
            ],
        },
        {
            "Filter": {"Prefix": None},
            "Status": "Enabled",
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": "7"},
        },
    ]

    cos.put_bucket_lifecycle(BUCKET, {"Rule": rules})

    assert cos.get_bucket_lifecycle(BUCKET)["Rule"] == rules


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"ID": "x" * 256}, "InvalidArgument"),
        ({"Expiration": {"Days": "0"}}, "InvalidArgument"),
        ({"Expiration": {"Days": "soon"}}, "InvalidArgument"),
        ({"Expiration": {"Days": "3651"}}, "InvalidArgument"),
        ({"Transition": {"Date": "2030-01-01T00:00:00+08:00"}}, "InvalidArgument"),
        ({"Status": "On"}, "MalformedXML"),
        ({"Filter": ...}, "MalformedXML"),
        ({"Expiration": ...}, "MalformedXML"),
    ],
)
def test_an_invalid_rule_is_rejected(cos: CosS3Client, change: dict[str, Any], code: str) -> None:
    changed = {**RULE, **change}
    rule = {name: value for name, value in changed.items() if value is not ...}

    assert refused(cos, rule) == code


def test_duplicate_ids_and_too_many_rules_are_rejected(cos: CosS3Client) -> None:
    assert refused(cos, RULE, RULE) == "InvalidArgument"

    many = [{**RULE, "ID": str(number)} for number in range(1001)]
    assert refused(cos, *many) == "InvalidArgument"

    cos.put_bucket_lifecycle(BUCKET, {"Rule": many[:1000]})
