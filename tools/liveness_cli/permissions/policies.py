"""A least-privilege policy for each role, made from the settings alone. Pure.

Every public function returns a policy document; `roles` explains the roles. The vendor documents
that a resource may end in `*`, but not what a `*` in the middle means. The uploaders' policies need
one, and therefore also contain a deny statement: whether CAM takes such a `*` for any text, for
the character itself, or ignores what follows it, neither uploader can write the other's file
(tests/permissions tests all three).
"""

from __future__ import annotations

from collections.abc import Sequence

from liveness.keys import (
    breaker_key,
    claims_prefix,
    drain_prefix,
    marker_prefix,
    reconcile_state_key,
)
from liveness.settings import Settings

from .language import Policy, Statement, allow, cos, deny, key, owned, policy

# The same as in serverless.yml.
FUNCTION_ROLE = "liveness-function"
FUNCTION = "namespace/default/function/liveness"
APP = "appname/liveness/*"
# The role under which the Serverless Cloud Framework deploys (1040/36819).
DEPLOYING_ROLE = "SLS_QcsRole"

# The actions of `doctor`, and below those of `configure`.
_READ_FUNCTION = (
    "scf:GetFunction",
    "scf:ListTriggers",
    "scf:GetFunctionEventInvokeConfig",
    "scf:GetReservedConcurrencyConfig",
)
_READ_ROLE = ("cam:GetRole", "cam:ListAttachedRolePolicies", "cam:GetPolicy")
_CONFIGURE_FUNCTION = (
    "scf:GetFunction",
    "scf:GetFunctionEventInvokeConfig",
    "scf:UpdateFunctionEventInvokeConfig",
    "scf:GetReservedConcurrencyConfig",
    "scf:PutReservedConcurrencyConfig",
    "scf:DeleteReservedConcurrencyConfig",
)
_MULTIPART = (
    "UploadPart",
    "CompleteMultipartUpload",
    "AbortMultipartUpload",
    "ListParts",
)
# An upload must not make the object public with a header; most uploads send none.
_PRIVATE = {"string_equal_if_exist": {"cos:x-cos-acl": ["private", "default"]}}
_CREATE_ONLY = {"string_equal": {"cos:x-cos-forbid-overwrite": "true"}}


def trust(settings: Settings) -> Policy:
    """Allow the function platform to assume the function's role."""
    return policy(
        {
            "effect": "allow",
            "action": ["name/sts:AssumeRole"],
            "principal": {"service": ["scf.qcloud.com"]},
        }
    )


def function(settings: Settings) -> Policy:
    """Read inputs, write results, keep the ledger, call the API."""
    return policy(*_function_statements(settings))


def viewer(settings: Settings, uin: str) -> Policy:
    """Run `status`, `explain`, `doctor`, and every `--dry-run`."""
    return policy(*_viewer_statements(settings, uin))


def operator(settings: Settings, uin: str) -> Policy:
    """Run all of the operator's commands: view, do the function's work, erase a person."""
    return policy(
        *_viewer_statements(settings, uin),
        *_function_statements(settings),
        allow(
            cos("DeleteObject"),
            [
                *_inputs(settings),
                *_results(settings),
                *_below(settings, claims_prefix(settings)),
            ],
        ),
    )


def reader(settings: Settings) -> Policy:
    """Read results, but not the ledger: its records contain live URLs of best frames."""
    return policy(allow(cos("HeadObject", "GetObject"), _results(settings)))


def app(settings: Settings) -> Policy:
    """Upload liveness packages, whole or in parts, from the person's device."""
    own_suffixes, other_suffixes = settings.live_suffixes, settings.image_suffixes
    return policy(
        allow(
            cos("PutObject", "InitiateMultipartUpload"),
            _keys_ending_in(settings, own_suffixes),
            _PRIVATE,
        ),
        allow(cos(*_MULTIPART), _keys_ending_in(settings, own_suffixes)),
        *_deny_other_uploader(settings, own_suffixes, other_suffixes),
    )


def backend(settings: Settings) -> Policy:
    """Upload reference photos from the customer's backend."""
    own_suffixes, other_suffixes = settings.image_suffixes, settings.live_suffixes
    return policy(
        allow(cos("PutObject"), _keys_ending_in(settings, own_suffixes), _PRIVATE),
        *_deny_other_uploader(settings, own_suffixes, other_suffixes),
    )


def deployer(settings: Settings, uin: str) -> Policy:
    """Run `scf deploy` and `liveness configure`, without access to objects."""
    region = settings.region
    roles = (FUNCTION_ROLE, DEPLOYING_ROLE)
    return policy(
        allow(["sls:*"], [owned("sls", region, uin, APP)]),
        allow(["cam:PassRole"], [owned("cam", "", uin, f"roleName/{name}") for name in roles]),
        allow(_CONFIGURE_FUNCTION, [owned("scf", region, uin, FUNCTION)]),
        allow(cos("GetBucketLifecycle", "PutBucketLifecycle"), _buckets(settings)),
    )


# ---- statements that several policies share


def _function_statements(settings: Settings) -> list[Statement]:
    """Allow what the function does. Claims are create-only: the ledger cannot be rewritten."""
    faceid = ["faceid:DetectReflectLivenessAndCompare"]
    if settings.transfer == "upload":
        faceid.append("faceid:CreateUploadUrl")
    claims = _below(settings, claims_prefix(settings))
    markers = _below(settings, marker_prefix(settings))
    slots = _below(settings, drain_prefix(settings))
    state = key(settings.region, settings.ledger_bucket, reconcile_state_key(settings))
    breaker = key(settings.region, settings.ledger_bucket, breaker_key(settings))
    return [
        allow(
            cos("HeadObject", "GetObject"),
            [*_inputs(settings), *_below(settings, settings.ledger_prefix)],
        ),
        allow(cos("HeadObject"), _results(settings)),
        allow(
            cos("PutObject"),
            [*_results(settings), *markers, state, breaker],
        ),
        allow(cos("PutObject"), [*claims, *slots], _CREATE_ONLY),
        allow(cos("DeleteObject"), [*markers, *slots, breaker]),
        allow(cos("GetBucket"), _buckets(settings)),
        allow(faceid, ["*"]),
    ]


def _viewer_statements(settings: Settings, uin: str) -> list[Statement]:
    objects = [
        *_inputs(settings),
        *_results(settings),
        *_below(settings, settings.ledger_prefix),
    ]
    return [
        allow(cos("HeadObject", "GetObject"), objects),
        allow(
            cos("GetBucket", "HeadBucket", "GetBucketVersioning", "GetBucketLifecycle"),
            _buckets(settings),
        ),
        allow(_READ_FUNCTION, [owned("scf", settings.region, uin, FUNCTION)]),
        allow(_READ_ROLE, ["*"]),
    ]


# ---- keys


def _inputs(settings: Settings) -> list[str]:
    return [key(settings.region, settings.bucket, f"{settings.input_prefix}*")]


def _results(settings: Settings) -> list[str]:
    return [key(settings.region, settings.result_bucket, f"{settings.result_prefix}*")]


def _below(settings: Settings, ledger_prefix: str) -> list[str]:
    return [key(settings.region, settings.ledger_bucket, ledger_prefix + "*")]


def _buckets(settings: Settings) -> list[str]:
    buckets = (settings.bucket, settings.result_bucket, settings.ledger_bucket)
    return [key(settings.region, bucket, "*") for bucket in buckets]


def _keys_ending_in(settings: Settings, suffixes: Sequence[str]) -> list[str]:
    """Name the keys of one input of all pairs."""
    prefix = f"{settings.input_prefix}*"
    return [key(settings.region, settings.bucket, prefix + suffix) for suffix in suffixes]


def _deny_other_uploader(
    settings: Settings, own_suffixes: Sequence[str], other_suffixes: Sequence[str]
) -> list[Statement]:
    """Deny the other uploader's keys, even if another policy allows them.

    A suffix with which one of the uploader's own suffixes ends is left out: such a key belongs to
    the longer suffix, so the statement would deny the uploader's own keys, too.
    """
    deniable = [
        suffix
        for suffix in other_suffixes
        if not any(own_suffix.endswith(suffix) for own_suffix in own_suffixes)
    ]
    return [deny(["name/cos:*"], _keys_ending_in(settings, deniable))] if deniable else []
