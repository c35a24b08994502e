"""A least-privilege policy for everybody who takes part, of the settings alone. No I/O here.

Every function takes the settings and returns what CAM takes; `roles` says who is who. Of resources
it is documented that a key may end in `*`, and nothing of a `*` with more behind it. The uploaders
need one, and so carry a deny beside it: whether CAM reads such a `*` as any text, as the character,
or stops reading there, nobody can write the other's file (tests/permissions holds all three).
"""

from __future__ import annotations

from collections.abc import Sequence

from liveness.settings import Settings

from .language import Policy, Statement, allow, cos, deny, key, owned, policy

# As serverless.yml has them.
FUNCTION_ROLE = "liveness-function"
FUNCTION = "namespace/default/function/liveness"
APP = "appname/liveness/*"
# The role under which the Serverless Cloud Framework deploys (1040/36819).
DEPLOYING_ROLE = "SLS_QcsRole"

# What `doctor` reads, and what `configure` reads and sets.
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
# Not to be published by a header of the upload; most uploads carry none.
_PRIVATE = {"string_equal_if_exist": {"cos:x-cos-acl": ["private", "default"]}}
_CREATE_ONLY = {"string_equal": {"cos:x-cos-forbid-overwrite": "true"}}


def trust(settings: Settings) -> Policy:
    """Who may take the function's role: the function platform."""
    return policy(
        {
            "effect": "allow",
            "action": ["name/sts:AssumeRole"],
            "principal": {"service": ["scf.qcloud.com"]},
        }
    )


def function(settings: Settings) -> Policy:
    """What the function does: read inputs, write results, keep the ledger, call the API."""
    return policy(*_working(settings))


def viewer(settings: Settings, uin: str) -> Policy:
    """`status`, `explain`, `doctor`, and every `--dry-run`."""
    return policy(*_viewing(settings, uin))


def operator(settings: Settings, uin: str) -> Policy:
    """All commands of an operator: look, do the function's work, erase a person."""
    return policy(
        *_viewing(settings, uin),
        *_working(settings),
        allow(
            cos("DeleteObject"),
            [*_inputs(settings), *_results(settings), *_ledger(settings, "claims/*")],
        ),
    )


def reader(settings: Settings) -> Policy:
    """Whoever uses the results. Not the ledger: its records hold live URLs of best frames."""
    return policy(allow(cos("HeadObject", "GetObject"), _results(settings)))


def app(settings: Settings) -> Policy:
    """The person's device: may put the liveness package, whole or in parts, and nothing else."""
    own, others = settings.live_suffixes, settings.image_suffixes
    return policy(
        allow(cos("PutObject", "InitiateMultipartUpload"), _ending(settings, own), _PRIVATE),
        allow(cos(*_MULTIPART), _ending(settings, own)),
        *_never(settings, own, others),
    )


def backend(settings: Settings) -> Policy:
    """The customer's backend: may put the reference photo, and nothing else."""
    own, others = settings.image_suffixes, settings.live_suffixes
    return policy(
        allow(cos("PutObject"), _ending(settings, own), _PRIVATE),
        *_never(settings, own, others),
    )


def deployer(settings: Settings, uin: str) -> Policy:
    """`scf deploy` and `liveness configure`; reads and writes no object."""
    region = settings.region
    roles = (FUNCTION_ROLE, DEPLOYING_ROLE)
    return policy(
        allow(["sls:*"], [owned("sls", region, uin, APP)]),
        allow(["cam:PassRole"], [owned("cam", "", uin, f"roleName/{name}") for name in roles]),
        allow(_CONFIGURE_FUNCTION, [owned("scf", region, uin, FUNCTION)]),
        allow(cos("GetBucketLifecycle", "PutBucketLifecycle"), _buckets(settings)),
    )


# ---- the function's and the operator's statements


def _working(settings: Settings) -> list[Statement]:
    """The claims are written once: whoever holds this can add to the ledger, not rewrite it."""
    faceid = ["faceid:DetectReflectLivenessAndCompare"]
    if settings.transfer == "upload":
        faceid.append("faceid:CreateUploadUrl")
    return [
        allow(cos("HeadObject", "GetObject"), [*_inputs(settings), *_ledger(settings, "*")]),
        allow(cos("HeadObject"), _results(settings)),
        allow(
            cos("PutObject"),
            [*_results(settings), *_ledger(settings, "pending/*", "reconcile.json")],
        ),
        allow(cos("PutObject"), _ledger(settings, "claims/*", "drain/*"), _CREATE_ONLY),
        allow(cos("DeleteObject"), _ledger(settings, "pending/*", "drain/*")),
        allow(cos("GetBucket"), _buckets(settings)),
        allow(faceid, ["*"]),
    ]


def _viewing(settings: Settings, uin: str) -> list[Statement]:
    objects = [*_inputs(settings), *_results(settings), *_ledger(settings, "*")]
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


def _ledger(settings: Settings, *names: str) -> list[str]:
    front = settings.ledger_prefix
    return [key(settings.region, settings.ledger_bucket, front + name) for name in names]


def _buckets(settings: Settings) -> list[str]:
    buckets = (settings.bucket, settings.result_bucket, settings.ledger_bucket)
    return [key(settings.region, bucket, "*") for bucket in buckets]


def _ending(settings: Settings, suffixes: Sequence[str]) -> list[str]:
    """Input keys of one role, whoever's pair it is."""
    front = f"{settings.input_prefix}*"
    return [key(settings.region, settings.bucket, front + suffix) for suffix in suffixes]


def _never(settings: Settings, own: Sequence[str], others: Sequence[str]) -> list[Statement]:
    """The other uploader's keys, whatever else is allowed.

    Left out where an own suffix ends like one of theirs: the longest suffix says whose a key is,
    and this would take the own ones along.
    """
    theirs = [suffix for suffix in others if not any(mine.endswith(suffix) for mine in own)]
    return [deny(["name/cos:*"], _ending(settings, theirs))] if theirs else []
