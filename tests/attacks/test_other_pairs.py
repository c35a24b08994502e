"""Another person's pair: temporary keys are for one pair id, for a while, and for their owner."""

from __future__ import annotations

import pytest
from tencentcloud.common.exception import TencentCloudSDKException

from liveness_cli.permissions.policies import FUNCTION_ROLE
from liveness_cli.permissions.roles import PolicyError, policy_of_pair
from liveness_sandbox import Credentials
from tests.conftest import BUCKET, PACKAGE

from .cast import (
    CREATE_ONLY,
    DENIED,
    DONE,
    UIN,
    USERS,
    Actor,
    Cast,
    allowing,
    outcome_of,
    package_key,
    put,
)

UNAUTHORIZED = "AuthFailure.UnauthorizedOperation"  # by the caller's policies
NOT_TRUSTED = "UnauthorizedOperation"  # by the role
# Each looks like anna's own key to a careless reader.
OTHERS = (
    package_key("bert"),
    package_key("anna2"),
    package_key("anna/2"),
    package_key("Anna"),
    package_key("anna/../bert"),
    package_key("anna/live.bin/../../bert"),
    package_key("anna%2F..%2Fbert"),
    package_key("anna\x00bert"),
    package_key("*"),
    "liveness/incoming/anna/live.bin/",
    "liveness/incoming/anna",
)


@pytest.mark.parametrize("key", OTHERS, ids=ascii)
def test_keys_for_one_pair_do_not_reach_another(cast: Cast, key: str) -> None:
    keys = cast.session("anna")
    attempt = put(key, headers=CREATE_ONLY)

    assert outcome_of(attempt, cast.actor(keys)).startswith("403")
    assert cast.cloud.bucket.keys("") == []
    assert outcome_of(put(package_key("anna"), headers=CREATE_ONLY), cast.actor(keys)) == DONE


def test_only_the_policy_of_its_session_keeps_an_app_to_one_pair(cast: Cast) -> None:
    """The sub-account's own policy has a `*`: with it alone, an app could put any package."""
    attempt = put(package_key("bert"), headers=CREATE_ONLY)

    assert cast.attempt_in_session("anna", attempt) == DENIED
    assert cast.attempt_in_session("anna", attempt, weaken=allowing("name/cos:*")) == DONE


@pytest.mark.parametrize("pair_id", ["*", "anna*", "a?na", "${qcs:uin}", "anna\u202e", "a\x9bnna"])
def test_a_pair_id_cannot_widen_the_keys_that_it_is_for(cast: Cast, pair_id: str) -> None:
    """It stands in a policy, where CAM takes some characters for patterns or variables."""
    with pytest.raises(PolicyError):
        policy_of_pair("app", cast.settings, pair_id)


def test_a_package_under_another_pair_id_does_not_pass_with_their_photo(cast: Cast) -> None:
    """Even if a backend forgot to name the pair: whose photo it is decides."""
    cast.photo("bert")
    unlike = b'{"sandbox": 1, "code": "FailedOperation.CompareLowSimilarity", "sim": 12.5}'
    put(package_key("bert"), unlike, CREATE_ONLY)(cast.actor("app"))

    assert cast.wake("bert")["status"] == "rejected"


def test_expired_keys_upload_nothing(cast: Cast) -> None:
    actor = cast.actor(cast.session("anna", seconds=600))
    upload = actor.cos.create_multipart_upload(
        BUCKET, package_key("anna"), Metadata=dict(CREATE_ONLY)
    )["UploadId"]
    cast.cloud.advance(601)

    def upload_part(who: Actor) -> None:
        who.cos.upload_part(BUCKET, package_key("anna"), PACKAGE, 1, upload)

    for attempt in (put(package_key("anna"), headers=CREATE_ONLY), upload_part):
        assert outcome_of(attempt, actor).startswith("403")
    assert cast.attempt_in_session("anna", put(package_key("anna"), headers=CREATE_ONLY)) == DONE


def test_parts_of_two_sessions_cannot_be_combined(cast: Cast) -> None:
    """The secret of one with the token of another, or without one, is no key."""
    anna, bert = cast.session("anna"), cast.session("bert")
    for mixed in (
        Credentials(anna.secret_id, anna.secret_key, bert.token),
        Credentials(anna.secret_id, bert.secret_key, anna.token),
        Credentials(anna.secret_id, anna.secret_key),
    ):
        for name in ("anna", "bert"):
            attempt, actor = put(package_key(name), headers=CREATE_ONLY), cast.actor(mixed)
            assert outcome_of(attempt, actor).startswith("403")
    assert cast.cloud.bucket.keys("") == []


TRUSTS_THE_ACCOUNT = {
    "version": "2.0",
    "statement": [
        {
            "effect": "allow",
            "action": ["name/sts:AssumeRole"],
            "principal": {"qcs": [f"qcs::cam::uin/{UIN}:root"]},
        }
    ],
}


def assume_the_functions_role(who: Actor) -> None:
    who.api("sts", "2018-08-13").call_json(
        "AssumeRole",
        {"RoleArn": f"qcs::cam::uin/{UIN}:roleName/{FUNCTION_ROLE}", "RoleSessionName": "attack"},
    )


@pytest.mark.parametrize("role", USERS)
def test_nobody_becomes_the_function(cast: Cast, role: str) -> None:
    """Its role trusts the platform alone, whatever a sub-account may ask STS for."""
    assert cast.attempt(role, assume_the_functions_role) == UNAUTHORIZED
    with cast.with_policy(role, allowing("*")):
        assert cast.attempt(role, assume_the_functions_role) == NOT_TRUSTED
        cast.cloud.sandbox.put_role(FUNCTION_ROLE, TRUSTS_THE_ACCOUNT, {})
        assert cast.attempt(role, assume_the_functions_role) == DONE


def test_an_app_cannot_prolong_its_session(cast: Cast) -> None:
    actor = cast.actor(cast.session("anna"))

    with pytest.raises(TencentCloudSDKException):
        actor.api("sts", "2018-08-13").call_json(
            "GetFederationToken", {"Name": "again", "Policy": "%7B%7D", "DurationSeconds": 7200}
        )
