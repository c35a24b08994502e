"""A least-privilege policy for each role, made from the settings alone. Pure.

Every public function returns a policy document; `roles` explains the roles. The vendor documents
that a resource may end in `*`, but not what a `*` in the middle means. Where a policy needs one, it
also denies the keys that must not be reached: whether CAM takes such a `*` for any text, for the
character itself, or ignores what follows it, no role can do more than it should
(tests/permissions tests all three).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from liveness.keys import (
    IMAGE,
    LIVE,
    breaker_key,
    candidate_keys,
    claims_prefix,
    control_key,
    drain_prefix,
    frame_urls_prefix,
    marker_prefix,
    packages_prefix,
    reconcile_state_key,
    submissions_prefix,
)
from liveness.settings import Settings

from .conditions import CREATE_ONLY, PLAIN, PRIVATE, TLS, all_of, at_most
from .language import Policy, Statement, allow, cos, deny, key, owned, policy

# The same as in serverless.yml.
FUNCTION_ROLE = "liveness-function"
FUNCTION = "namespace/default/function/liveness"
# The prefix of the pair ids of `liveness accept`.
ACCEPT_PAIRS = "liveness-accept-"

# The actions of `doctor`, of `configure`, and of `deploy` on a function that exists.
_READ_FUNCTION = (
    "scf:GetAlias",
    "scf:GetFunction",
    "scf:ListTriggers",
    "scf:GetFunctionEventInvokeConfig",
    "scf:GetReservedConcurrencyConfig",
)
_CONFIGURE_FUNCTION = (
    "scf:GetAlias",
    "scf:GetFunction",
    "scf:GetFunctionEventInvokeConfig",
    "scf:UpdateFunctionEventInvokeConfig",
    "scf:GetReservedConcurrencyConfig",
    "scf:PutReservedConcurrencyConfig",
    "scf:DeleteReservedConcurrencyConfig",
)
_DEPLOY_FUNCTION = (
    "scf:ListVersionByFunction",
    "scf:UpdateFunctionCode",
    "scf:UpdateFunctionConfiguration",
    "scf:PublishVersion",
    "scf:InvokeFunction",
    "scf:UpdateAlias",
    "scf:DeleteFunctionVersion",
    "scf:CreateTrigger",
    "scf:UpdateTriggerStatus",
    "scf:DeleteTrigger",
)
_READ = ("HeadObject", "GetObject")
# What the page and the example consumer read of one; it has about two KB.
_MAX_DECISION_BYTES = 256 * 1024
# A sub-account cannot call it otherwise. The keys never allow more than the sub-account itself may.
_ISSUE_TEMPORARY_KEYS = allow(["sts:GetFederationToken"], ["*"])


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
    """Read inputs, write results, keep the ledger, call the API, and publish nothing.

    Claims, submissions and packages are create-only: the ledger cannot be rewritten.
    """
    faceid = ["faceid:DetectReflectLivenessAndCompare"]
    if settings.transfer == "upload":
        faceid.append("faceid:CreateUploadUrl")
    markers = _ledger(settings, marker_prefix(settings))
    slots = _ledger(settings, drain_prefix(settings))
    frame_urls = _ledger(settings, frame_urls_prefix(settings))
    written = [*_results(settings), *_frames(settings)]
    breaker = _ledger_object(settings, breaker_key(settings))
    records = [
        resource
        for prefix in (claims_prefix, submissions_prefix, packages_prefix)
        for resource in _ledger(settings, prefix(settings))
    ]
    return policy(
        allow(cos(*_READ), [*_inputs(settings), *_ledger(settings, settings.ledger_prefix)]),
        allow(cos("HeadObject"), written),
        allow(
            cos("PutObject"),
            [
                *written,
                *markers,
                *frame_urls,
                _ledger_object(settings, reconcile_state_key(settings)),
                breaker,
            ],
            PRIVATE,
        ),
        allow(cos("PutObject"), [*records, *slots], all_of(CREATE_ONLY, PRIVATE)),
        allow(cos("DeleteObject"), [*markers, *slots, *frame_urls, breaker]),
        allow(cos("GetBucket"), _buckets(settings)),
        allow(faceid, ["*"]),
    )


# ---- uploaders


def app(settings: Settings) -> Policy:
    """Issue temporary keys that upload liveness packages, whole or in parts, from a device."""
    resources = _keys_ending_in(settings, settings.live_suffixes)
    return policy(
        *_put(resources, settings.max_live_bytes),
        *_put_in_parts(resources, settings.max_live_bytes),
        *_deny_other_uploader(settings, settings.image_suffixes, settings.live_suffixes),
        _ISSUE_TEMPORARY_KEYS,
    )


def app_simple(settings: Settings) -> Policy:
    """Issue temporary keys that upload liveness packages whole, which limits their size."""
    resources = _keys_ending_in(settings, settings.live_suffixes)
    return policy(
        *_put(resources, settings.max_live_bytes),
        *_deny_other_uploader(settings, settings.image_suffixes, settings.live_suffixes),
        _ISSUE_TEMPORARY_KEYS,
    )


def backend(settings: Settings) -> Policy:
    """Upload reference photos from the customer's backend."""
    resources = _keys_ending_in(settings, settings.image_suffixes)
    return policy(
        *_put(resources, settings.max_image_bytes),
        *_deny_other_uploader(settings, settings.live_suffixes, settings.image_suffixes),
    )


def app_of_pair(settings: Settings, pair_id: str) -> Policy:
    """Upload the liveness package of one pair; the keys are named in full, without a `*`."""
    resources = _keys_of_pair(settings, pair_id, LIVE)
    limit = settings.max_live_bytes
    return policy(*_put(resources, limit), *_put_in_parts(resources, limit))


def app_simple_of_pair(settings: Settings, pair_id: str) -> Policy:
    """Upload the liveness package of one pair, whole."""
    return policy(*_put(_keys_of_pair(settings, pair_id, LIVE), settings.max_live_bytes))


def backend_of_pair(settings: Settings, pair_id: str) -> Policy:
    """Upload the reference photo of one pair."""
    return policy(*_put(_keys_of_pair(settings, pair_id, IMAGE), settings.max_image_bytes))


# ---- readers


def reader(settings: Settings) -> Policy:
    """Read results and decisions, but no face and not the ledger."""
    return policy(allow(cos(*_READ), _results(settings)))


def reader_with_frames(settings: Settings) -> Policy:
    """Read results, decisions and best frames, but not the ledger."""
    return policy(allow(cos(*_READ), [*_results(settings), *_frames(settings)]))


def reviewer(settings: Settings) -> Policy:
    """Look at results, best frames and reference photos, and record decisions, each only once."""
    return policy(
        allow(cos("HeadObject"), _inputs(settings)),
        allow(
            cos("GetObject"),
            [*_keys_ending_in(settings, settings.image_suffixes), _control_object(settings)],
        ),
        *_deny(cos("GetObject"), settings, settings.live_suffixes, settings.image_suffixes),
        allow(cos(*_READ), [*_results(settings), *_frames(settings)]),
        allow(cos("GetObject"), _readable_ledger(settings)),
        allow(
            cos("PutObject"),
            _results(settings, "*/review-*.json"),
            all_of(TLS, CREATE_ONLY, PRIVATE, PLAIN, at_most(_MAX_DECISION_BYTES)),
        ),
        deny(cos("PutObject"), _results(settings, "*/result.json")),
        allow(cos("GetBucket"), _buckets(settings)),
        allow(["sts:GetCallerIdentity"], ["*"]),
    )


def viewer(settings: Settings, uin: str) -> Policy:
    """Run `status`, `explain`, `doctor`, and every `--dry-run`; see no face."""
    return policy(*_viewer_statements(settings, uin))


def operator(settings: Settings, uin: str) -> Policy:
    """Run what a viewer may, and have the function retry and reconcile."""
    return policy(
        *_viewer_statements(settings, uin),
        allow(["scf:InvokeFunction"], [owned("scf", settings.region, uin, FUNCTION)]),
    )


def eraser(settings: Settings) -> Policy:
    """Run `forget`: find and delete what belongs to one pair, and write nothing."""
    return policy(
        _look_at_objects(settings),
        allow(
            cos("GetObject"),
            [
                _control_object(settings),
                *_results(settings),
                *_ledger(settings, claims_prefix(settings)),
                *_ledger(settings, submissions_prefix(settings)),
                *_ledger(settings, packages_prefix(settings)),
            ],
        ),
        allow(
            cos("DeleteObject"),
            [
                *_inputs(settings),
                *_results(settings),
                *_frames(settings),
                *(
                    resource
                    for prefix in (
                        claims_prefix,
                        submissions_prefix,
                        packages_prefix,
                        frame_urls_prefix,
                        marker_prefix,
                    )
                    for resource in _ledger(settings, prefix(settings))
                ),
            ],
        ),
        allow(cos("GetBucket"), _buckets(settings)),
    )


def deployer(settings: Settings, uin: str) -> Policy:
    """Run `deploy` where the function and its role exist, `rollback`, and `configure`.

    It reads roles and policies and changes none, so that it cannot give itself more. A deployer
    decides what the function's code does with the function's permissions. To make a new version
    check itself, it may invoke the function with any event: CAM does not see the event.
    """
    region = settings.region
    return policy(
        allow(
            sorted({*_READ_FUNCTION, *_CONFIGURE_FUNCTION, *_DEPLOY_FUNCTION}),
            [owned("scf", region, uin, FUNCTION)],
        ),
        # Another function's trigger on the same prefix, which COS would refuse.
        allow(["scf:ListTriggers"], [owned("scf", region, uin, "*")]),
        allow(["scf:GetAccount", "cam:ListPolicies"], ["*"]),
        allow(["cls:DescribeTopics", "cls:DescribeIndex"], [owned("cls", region, uin, "topic/*")]),
        allow(
            ["cam:PassRole", "cam:GetRole", "cam:ListAttachedRolePolicies"],
            [owned("cam", "", uin, f"roleName/{FUNCTION_ROLE}")],
        ),
        allow(["cam:GetPolicy"], [owned("cam", "", uin, "policyid/*")]),
        allow(
            cos(
                "HeadBucket",
                "GetBucketACL",
                "GetBucketVersioning",
                "GetBucketLifecycle",
                "PutBucketLifecycle",
            ),
            _buckets(settings),
        ),
        allow(cos("GetObject"), [_control_object(settings)]),
    )


def installer(settings: Settings, uin: str) -> Policy:
    """With `deployer`: the first `deploy`, changes of policies and the role, and `remove`.

    The right to write policies includes every other right, so this is an administrator's role.
    `remove --delete-data` also needs `eraser`: this deletes only what no verdict is based on.
    """
    return policy(
        allow(
            ["scf:CreateFunction", "scf:DeleteFunction"],
            [owned("scf", settings.region, uin, FUNCTION)],
        ),
        *_install_logs(settings.region, uin),
        allow(["cam:CreatePolicy"], ["*"]),
        allow(["cam:UpdatePolicy", "cam:DeletePolicy"], [owned("cam", "", uin, "policyid/*")]),
        allow(
            [
                "cam:CreateRole",
                "cam:UpdateAssumeRolePolicy",
                "cam:AttachRolePolicy",
                "cam:DetachRolePolicy",
                "cam:DeleteRole",
            ],
            [owned("cam", "", uin, f"roleName/{FUNCTION_ROLE}")],
        ),
        allow(
            cos("PutBucket", "PutBucketEncryption", "DeleteBucketLifecycle", "GetBucket"),
            _buckets(settings),
        ),
        allow(
            cos("DeleteObject"),
            [
                *_ledger(settings, drain_prefix(settings)),
                *_ledger(settings, accept_prefix(settings)),
                _ledger_object(settings, reconcile_state_key(settings)),
                _ledger_object(settings, breaker_key(settings)),
            ],
        ),
    )


def tester(settings: Settings, uin: str) -> Policy:
    """Run `accept`: upload pairs of its own, have them judged, and read the outcome.

    It may write both inputs of a pair, but only of ids that begin with `liveness-accept-`, which a
    backend gives to no session. `accept` also creates an object several times at once, in a folder
    of the ledger that nothing else uses.
    """
    pairs = f"{ACCEPT_PAIRS}*"
    largest = max(settings.max_live_bytes, settings.max_image_bytes)
    inputs = [key(settings.region, settings.bucket, settings.input_prefix + pairs)]
    results = _results(settings, pairs)
    frames = [key(settings.region, settings.result_bucket, settings.frame_prefix + pairs)]
    raced = _ledger(settings, accept_prefix(settings))
    return policy(
        *_put(inputs, largest),
        allow(cos("HeadObject"), [*inputs, *results, *frames]),
        allow(
            cos("GetObject"),
            [_control_object(settings), *results, *_ledger_of_pairs(settings)],
        ),
        allow(cos("PutObject"), raced, all_of(TLS, CREATE_ONLY, PRIVATE)),
        allow(cos("DeleteObject"), raced),
        allow(cos("GetBucket"), _buckets(settings)),
        allow(
            ["scf:GetAlias", "scf:GetFunction", "scf:InvokeFunction"],
            [owned("scf", settings.region, uin, FUNCTION)],
        ),
    )


def accept_prefix(settings: Settings) -> str:
    """Return the prefix under which `liveness accept` makes creations of an object race."""
    return f"{settings.ledger_prefix}accept/"


def _install_logs(region: str, uin: str) -> list[Statement]:
    logsets, topics, notices, alarms = (
        [owned("cls", region, uin, f"{kind}/*")]
        for kind in ("logset", "topic", "alarmNotice", "alarm")
    )
    return [
        allow(["cls:DescribeLogsets", "cls:CreateLogset", "cls:CreateTopic"], logsets),
        allow(["cls:CreateIndex", "cls:ModifyIndex"], topics),
        allow([f"cls:{verb}AlarmNotice" for verb in ("Create", "Modify", "Delete")], notices),
        allow(["cls:DescribeAlarmNotices"], notices),
        allow([f"cls:{verb}Alarm" for verb in ("Create", "Modify", "Delete")], alarms),
        allow(["cls:DescribeAlarms"], alarms),
    ]


# ---- statements that several policies share


def _put(resources: Sequence[str], max_bytes: int) -> list[Statement]:
    """Allow uploading an object whole, unless its key is taken."""
    condition = all_of(TLS, CREATE_ONLY, PRIVATE, PLAIN, at_most(max_bytes))
    return [allow(cos("PutObject"), resources, condition)]


def _put_in_parts(resources: Sequence[str], max_bytes: int) -> list[Statement]:
    """Allow a multipart upload, unless its key is taken when it begins or ends.

    The size is limited for each part only: the function rejects what is too large as a whole.
    """
    return [
        allow(
            cos("InitiateMultipartUpload", "CompleteMultipartUpload"),
            resources,
            all_of(TLS, CREATE_ONLY, PRIVATE, PLAIN),
        ),
        allow(cos("UploadPart"), resources, all_of(TLS, at_most(max_bytes))),
        allow(cos("AbortMultipartUpload", "ListParts"), resources, TLS),
    ]


def _look_at_objects(settings: Settings) -> Statement:
    """Allow finding out whether objects exist, and their metadata, without reading them."""
    resources = (
        *_inputs(settings),
        *_results(settings),
        *_frames(settings),
        *_ledger(settings, settings.ledger_prefix),
    )
    return allow(cos("HeadObject"), resources)


def _viewer_statements(settings: Settings, uin: str) -> list[Statement]:
    role = owned("cam", "", uin, f"roleName/{FUNCTION_ROLE}")
    return [
        _look_at_objects(settings),
        allow(
            cos("GetObject"),
            [
                _control_object(settings),
                *_results(settings),
                *_readable_ledger(settings),
            ],
        ),
        allow(
            cos("GetBucket", "HeadBucket", "GetBucketVersioning", "GetBucketLifecycle"),
            _buckets(settings),
        ),
        allow(_READ_FUNCTION, [owned("scf", settings.region, uin, FUNCTION)]),
        allow(["cam:GetRole", "cam:ListAttachedRolePolicies"], [role]),
        # A policy is read by its number, which only the role's list contains.
        allow(["cam:GetPolicy"], [owned("cam", "", uin, "policyid/*")]),
    ]


def _deny_other_uploader(
    settings: Settings, other_suffixes: Sequence[str], own_suffixes: Sequence[str]
) -> list[Statement]:
    """Deny the other uploader's keys, even if another policy allows them."""
    return _deny(["name/cos:*"], settings, other_suffixes, own_suffixes)


def _deny(
    actions: Sequence[str], settings: Settings, suffixes: Sequence[str], kept: Sequence[str]
) -> list[Statement]:
    """Deny actions on inputs with some suffixes.

    A suffix is left out if a suffix that must stay allowed ends with it: a key with the longer
    suffix would be denied, too.
    """
    deniable = [suffix for suffix in suffixes if not any(each.endswith(suffix) for each in kept)]
    return [deny(actions, _keys_ending_in(settings, deniable))] if deniable else []


# ---- keys


def _inputs(settings: Settings) -> list[str]:
    return [key(settings.region, settings.bucket, f"{settings.input_prefix}*")]


def _control_object(settings: Settings) -> str:
    return key(settings.region, settings.bucket, control_key(settings))


def _results(settings: Settings, pattern: str = "*") -> list[str]:
    return [key(settings.region, settings.result_bucket, settings.result_prefix + pattern)]


def _frames(settings: Settings) -> list[str]:
    return [key(settings.region, settings.result_bucket, f"{settings.frame_prefix}*")]


def _ledger(settings: Settings, prefix: str) -> list[str]:
    return [_ledger_object(settings, prefix + "*")]


def _ledger_object(settings: Settings, name: str) -> str:
    return key(settings.region, settings.ledger_bucket, name)


def _readable_ledger(settings: Settings) -> list[str]:
    """Name the ledger's objects, without the live URLs of best frames."""
    return [
        *_ledger_of_pairs(settings),
        _ledger_object(settings, reconcile_state_key(settings)),
    ]


def _ledger_of_pairs(settings: Settings) -> list[str]:
    """Name the objects of the ledger that are read to explain a pair."""
    prefixes = (
        claims_prefix,
        submissions_prefix,
        packages_prefix,
        marker_prefix,
        drain_prefix,
    )
    return [
        *(resource for prefix in prefixes for resource in _ledger(settings, prefix(settings))),
        _ledger_object(settings, breaker_key(settings)),
    ]


def _buckets(settings: Settings) -> list[str]:
    buckets = (settings.bucket, settings.result_bucket, settings.ledger_bucket)
    return [key(settings.region, bucket, "*") for bucket in buckets]


def _keys_ending_in(settings: Settings, suffixes: Sequence[str]) -> list[str]:
    """Name the keys of one input of all pairs."""
    prefix = f"{settings.input_prefix}*"
    return [key(settings.region, settings.bucket, prefix + suffix) for suffix in suffixes]


def _keys_of_pair(settings: Settings, pair_id: str, role: str) -> list[str]:
    """Name the keys of one input of one pair; none of them belongs to another pair."""
    return [
        key(settings.region, settings.bucket, candidate.key)
        for candidate in candidate_keys(settings, pair_id)
        if candidate.role == role
    ]


# By role, for one pair.
OF_PAIR: dict[str, Callable[[Settings, str], Policy]] = {
    "app": app_of_pair,
    "app-simple": app_simple_of_pair,
    "backend": backend_of_pair,
}
