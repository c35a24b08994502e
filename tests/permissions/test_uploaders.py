"""The two uploaders: a person who is checked cannot write the photo that they are compared with.

The vendor does not document what a `*` in the middle of a resource means, so the tests try every
interpretation that CAM could have.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import assume, given, reject
from hypothesis import strategies as st
from qcloud_cos import CosConfig, CosS3Client

from liveness.keys import IMAGE, LIVE, InputKey, read_input_key
from liveness.settings import Settings, read_settings
from liveness_cli.permissions.evaluator import Request, allows
from liveness_cli.permissions.roles import PAIR_ROLES, PolicyError, policy_of, policy_of_pair
from liveness_sandbox import Sandbox
from tests.conftest import BUCKET, JPEG, PACKAGE, Cloud

from .interpretations import (
    Interpretation,
    any_text,
    end_of_pattern,
    interpreted,
    literal_character,
)
from .requests_made import REGION, cos, requests_by

ENVIRONMENT = {"TENCENTCLOUD_REGION": REGION, "LIVENESS_BUCKET": BUCKET}
DEFAULT = read_settings(ENVIRONMENT)
FLAT = read_settings(
    ENVIRONMENT | {"LIVENESS_LIVE_SUFFIXES": ".live", "LIVENESS_IMAGE_SUFFIXES": ".jpg,.png"}
)
# A photo's suffix ends like a package's.
NESTED = read_settings(
    ENVIRONMENT | {"LIVENESS_LIVE_SUFFIXES": ".jpg", "LIVENESS_IMAGE_SUFFIXES": ".photo.jpg"}
)
PACKAGE_KEY = "liveness/incoming/anna/live.bin"
PHOTO_KEY = "liveness/incoming/anna/reference.jpg"
WRITES = ("PutObject", "PostObject", "InitiateMultipartUpload", "UploadPart", "AppendObject")


class Uploader:
    """A client with the real SDK and keys of its own."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._keys = sandbox.temporary_credentials()
        config = CosConfig(
            Region=REGION,
            SecretId=self._keys.secret_id,
            SecretKey=self._keys.secret_key,
            Token=self._keys.token,
            Scheme="http",
            Proxies={"http": sandbox.url},
        )
        self.client = CosS3Client(config, retry=0)

    def is_allowed(self, role: str) -> bool:
        """Whether the role's policy allows all of the client's requests."""
        requests = requests_by(self._keys.secret_id, self._sandbox.requests)
        assert requests
        return all(allows([policy_of(role, DEFAULT)], request) for request in requests)


CREATE_ONLY = {"x-cos-forbid-overwrite": "true"}


def put_package(client: CosS3Client) -> None:
    client.put_object(BUCKET, PACKAGE, PACKAGE_KEY, Metadata=CREATE_ONLY)


def put_package_in_parts(client: CosS3Client) -> None:
    upload_id = client.create_multipart_upload(BUCKET, PACKAGE_KEY, Metadata=CREATE_ONLY)[
        "UploadId"
    ]
    part = client.upload_part(BUCKET, PACKAGE_KEY, PACKAGE, 1, upload_id)
    client.list_parts(BUCKET, PACKAGE_KEY, upload_id)
    parts = {"Part": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    client.complete_multipart_upload(BUCKET, PACKAGE_KEY, upload_id, parts, Metadata=CREATE_ONLY)


def abort_upload(client: CosS3Client) -> None:
    upload_id = client.create_multipart_upload(BUCKET, PACKAGE_KEY, Metadata=CREATE_ONLY)[
        "UploadId"
    ]
    client.abort_multipart_upload(BUCKET, PACKAGE_KEY, upload_id)


def put_photo(client: CosS3Client) -> None:
    client.put_object(BUCKET, JPEG, PHOTO_KEY, Metadata=CREATE_ONLY)


def put_photo_in_parts(client: CosS3Client) -> None:
    client.create_multipart_upload(BUCKET, PHOTO_KEY, Metadata=CREATE_ONLY)


def overwrite_package(client: CosS3Client) -> None:
    client.put_object(BUCKET, PACKAGE, PACKAGE_KEY)


def overwrite_photo(client: CosS3Client) -> None:
    client.put_object(BUCKET, JPEG, PHOTO_KEY)


def overwrite_package_in_parts(client: CosS3Client) -> None:
    """Begin while the key is free, and end when it is taken."""
    upload_id = client.create_multipart_upload(BUCKET, PACKAGE_KEY, Metadata=CREATE_ONLY)[
        "UploadId"
    ]
    part = client.upload_part(BUCKET, PACKAGE_KEY, PACKAGE, 1, upload_id)
    parts = {"Part": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    client.complete_multipart_upload(BUCKET, PACKAGE_KEY, upload_id, parts)


def remove_package(client: CosS3Client) -> None:
    client.delete_object(BUCKET, PACKAGE_KEY)


def list_inputs(client: CosS3Client) -> None:
    client.list_objects(BUCKET, Prefix="liveness/incoming/")


def read_package_back(client: CosS3Client) -> None:
    put_package(client)
    client.get_object(BUCKET, PACKAGE_KEY)


@pytest.mark.parametrize(
    ("role", "use"),
    [
        ("app", put_package),
        ("app", put_package_in_parts),
        ("app", abort_upload),
        ("app-simple", put_package),
        ("backend", put_photo),
    ],
)
def test_each_uploader_may_upload_its_own_file(
    cloud: Cloud, role: str, use: Callable[[CosS3Client], None]
) -> None:
    uploader = Uploader(cloud.sandbox)

    use(uploader.client)

    assert uploader.is_allowed(role)


@pytest.mark.parametrize(
    ("role", "use"),
    [
        ("app", put_photo),
        ("app", put_photo_in_parts),
        ("app", overwrite_package),
        ("app", overwrite_package_in_parts),
        ("app", remove_package),
        ("app", list_inputs),
        ("app", read_package_back),
        ("backend", put_package),
        ("app-simple", put_photo),
        ("app-simple", put_package_in_parts),
        ("app-simple", overwrite_package),
        ("backend", put_package_in_parts),
        ("backend", overwrite_photo),
        ("backend", list_inputs),
        ("reader", put_photo),
        ("deployer", put_photo),
        ("viewer", put_photo),
        ("reviewer", put_photo),
        ("reviewer", put_package),
        ("operator", put_photo),
        ("eraser", put_photo),
    ],
)
def test_no_role_may_do_what_is_not_its_job(
    cloud: Cloud, role: str, use: Callable[[CosS3Client], None]
) -> None:
    uploader = Uploader(cloud.sandbox)

    use(uploader.client)

    assert not uploader.is_allowed(role)


# What an honest upload sends besides its body.
UPLOAD = {"x_cos_forbid_overwrite": "true", "content_length": "1000"}


@pytest.mark.parametrize(
    ("role", "key"), [("app", PACKAGE_KEY), ("app-simple", PACKAGE_KEY), ("backend", PHOTO_KEY)]
)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x_cos_acl": "private"},
        {"x_cos_acl": "default"},
        {"x_cos_storage_class": "STANDARD"},
        {"x_cos_server_side_encryption": "AES256"},
    ],
    ids=str,
)
def test_harmless_headers_are_allowed(role: str, key: str, headers: dict[str, str]) -> None:
    assert allows([policy_of(role, DEFAULT)], cos("PutObject", BUCKET, key, **UPLOAD | headers))


@pytest.mark.parametrize(
    ("role", "action", "key"),
    [
        ("app", "PutObject", PACKAGE_KEY),
        ("app", "InitiateMultipartUpload", PACKAGE_KEY),
        ("app-simple", "PutObject", PACKAGE_KEY),
        ("backend", "PutObject", PHOTO_KEY),
    ],
)
@pytest.mark.parametrize(
    "headers",
    [
        {"secure_transport": "false"},
        {"x_cos_forbid_overwrite": "false"},
        {"x_cos_acl": "public-read"},
        {"x_cos_acl": "public-read-write"},
        {"x_cos_acl": "authenticated-read"},
        {"x_cos_acl": "bucket-owner-full-control"},
        {"x_cos_grant_read": 'id="100000000003"'},
        {"x_cos_grant_write": 'id="100000000003"'},
        {"x_cos_grant_read_acp": 'id="100000000003"'},
        {"x_cos_grant_write_acp": 'id="100000000003"'},
        {"x_cos_grant_full_control": 'id="100000000003"'},
        {"x_cos_storage_class": "ARCHIVE"},
        {"x_cos_storage_class": "DEEP_ARCHIVE"},
        {"x_cos_storage_class": "MAZ_STANDARD"},
        {"x_cos_storage_class": "INTELLIGENT_TIERING"},
        {"x_cos_server_side_encryption": "cos/kms"},
        {"x_cos_server_side_encryption_customer_algorithm": "AES256"},
    ],
    ids=str,
)
def test_harmful_headers_are_not(role: str, action: str, key: str, headers: dict[str, str]) -> None:
    policies = [policy_of(role, DEFAULT)]

    assert allows(policies, cos(action, BUCKET, key, **UPLOAD))
    assert not allows(policies, cos(action, BUCKET, key, **UPLOAD | headers))


@pytest.mark.parametrize(
    ("role", "action", "key", "limit"),
    [
        ("app", "PutObject", PACKAGE_KEY, DEFAULT.max_live_bytes),
        ("app", "UploadPart", PACKAGE_KEY, DEFAULT.max_live_bytes),
        ("app-simple", "PutObject", PACKAGE_KEY, DEFAULT.max_live_bytes),
        ("backend", "PutObject", PHOTO_KEY, DEFAULT.max_image_bytes),
    ],
)
def test_no_body_may_be_larger_than_the_function_accepts(
    role: str, action: str, key: str, limit: int
) -> None:
    def upload(length: int) -> Request:
        return cos(action, BUCKET, key, **UPLOAD | {"content_length": str(length)})

    policies = [policy_of(role, DEFAULT)]

    assert allows(policies, upload(limit))
    assert not allows(policies, upload(limit + 1))


@pytest.mark.parametrize(
    ("role", "action", "key"),
    [
        ("app", "CompleteMultipartUpload", PACKAGE_KEY),
        ("app", "UploadPart", PACKAGE_KEY),
        ("app", "ListParts", PACKAGE_KEY),
        ("app", "AbortMultipartUpload", PACKAGE_KEY),
    ],
)
def test_multipart_uploads_need_tls_throughout(role: str, action: str, key: str) -> None:
    policies = [policy_of(role, DEFAULT)]

    assert allows(policies, cos(action, BUCKET, key, **UPLOAD))
    assert not allows(policies, cos(action, BUCKET, key, **UPLOAD, secure_transport="false"))


@pytest.mark.parametrize("role", ["app", "app-simple", "backend"])
@pytest.mark.parametrize(
    ("action", "key"),
    [
        ("PutObject", "liveness/incoming/anna/other.bin"),
        ("PutObject", "liveness/results/anna/result.json"),
        ("PutObject", "liveness/ledger/claims/a/b/response"),
        ("PutObject", "live.bin"),
        ("PutObjectACL", PACKAGE_KEY),
        ("PutObjectACL", PHOTO_KEY),
        ("GetObject", PHOTO_KEY),
        ("DeleteObject", PHOTO_KEY),
        ("AppendObject", PACKAGE_KEY),
        ("GetBucket", ""),
    ],
)
def test_neither_uploader_may_do_anything_else(role: str, action: str, key: str) -> None:
    assert not allows([policy_of(role, DEFAULT)], cos(action, BUCKET, key, **UPLOAD))


@pytest.mark.parametrize(("role", "key"), [("app", PACKAGE_KEY), ("backend", PHOTO_KEY)])
def test_neither_uploader_may_write_to_another_bucket(role: str, key: str) -> None:
    policies = [policy_of(role, DEFAULT)]

    assert allows(policies, cos("PutObject", BUCKET, key, **UPLOAD))
    assert not allows(policies, cos("PutObject", "other-1250000000", key, **UPLOAD))


@pytest.mark.parametrize("key", [PACKAGE_KEY, PHOTO_KEY])
def test_an_account_with_both_policies_can_write_neither_file(key: str) -> None:
    both = [policy_of("app", DEFAULT), policy_of("backend", DEFAULT)]

    assert not allows(both, cos("PutObject", BUCKET, key, **UPLOAD))


# ---- temporary keys for one pair


@pytest.mark.parametrize(
    ("role", "own_key", "other_key"),
    [
        ("app", PACKAGE_KEY, PHOTO_KEY),
        ("app-simple", PACKAGE_KEY, PHOTO_KEY),
        ("backend", PHOTO_KEY, PACKAGE_KEY),
    ],
)
def test_temporary_keys_for_one_pair_allow_only_that_pair(
    role: str, own_key: str, other_key: str
) -> None:
    policies = [policy_of(role, DEFAULT), policy_of_pair(role, DEFAULT, "anna")]

    def both_allow(key: str) -> bool:
        return all(allows([each], cos("PutObject", BUCKET, key, **UPLOAD)) for each in policies)

    assert both_allow(own_key)
    assert not both_allow(other_key)
    for name in ("bert", "anna/b", "anna2", "*"):
        assert not both_allow(own_key.replace("anna", name))
    assert "*" not in str(policies[1])


@pytest.mark.parametrize("role", PAIR_ROLES)
@given(pair_id=st.text(max_size=20))
def test_temporary_keys_never_reach_a_key_of_another_pair(role: str, pair_id: str) -> None:
    """Whatever pair id a person can bring the backend to use."""
    for layout in (DEFAULT, FLAT, NESTED):
        try:
            policy = policy_of_pair(role, layout, pair_id)
        except PolicyError:
            continue
        for statement in policy["statement"]:
            for resource in statement["resource"]:
                input_key = read_input_key(layout, resource.split("/", 2)[2])
                assert isinstance(input_key, InputKey)
                assert input_key.pair_id == pair_id
                assert input_key.role == (IMAGE if role == "backend" else LIVE)
                assert not set(resource) & set("*?$[]{}\\")


@pytest.mark.parametrize(
    "pair_id", ["*", "ann?", "${qcs:uin}", "a[b]", "{anna}", "a\\b", "anna\n", "anna\x9b", "\u202e"]
)
@pytest.mark.parametrize("role", PAIR_ROLES)
def test_a_pair_id_that_cam_may_read_as_a_pattern_is_rejected(role: str, pair_id: str) -> None:
    with pytest.raises(PolicyError, match="may take for a part of a pattern or a variable"):
        policy_of_pair(role, DEFAULT, pair_id)


def test_a_pair_id_whose_keys_belong_to_another_pair_is_rejected() -> None:
    """`anna.photo` with the suffix `.jpg` would be the photo of `anna`."""
    assert policy_of_pair("app", NESTED, "anna")

    with pytest.raises(PolicyError, match="would belong to another pair"):
        policy_of_pair("app", NESTED, "anna.photo")


@pytest.mark.parametrize("pair_id", ["", "x" * 900])
def test_an_invalid_pair_id_is_rejected(pair_id: str) -> None:
    with pytest.raises(PolicyError, match="pair id"):
        policy_of_pair("app", DEFAULT, pair_id)


# ---- every interpretation of a * in the middle


names = st.text("ab./-人*", max_size=12)
suffixes = st.lists(
    st.text("ab./", min_size=1, max_size=4).filter(lambda text: not text.endswith("/")),
    min_size=1,
    max_size=3,
    unique=True,
).map(tuple)


@pytest.mark.parametrize("interpretation", [any_text, literal_character, end_of_pattern])
@given(live=suffixes, image=suffixes, name=names, data=st.data())
def test_no_layout_lets_an_uploader_write_the_others_file(
    interpretation: Interpretation,
    live: tuple[str, ...],
    image: tuple[str, ...],
    name: str,
    data: st.DataObject,
) -> None:
    assume(not set(live) & set(image))
    layout = DEFAULT._replace(live_suffixes=live, image_suffixes=image)
    key = layout.input_prefix + name + data.draw(st.sampled_from([*live, *image]))
    input_key = read_input_key(layout, key)
    assume(isinstance(input_key, InputKey))
    assert isinstance(input_key, InputKey)
    other_role, own_suffixes = ("app", live) if input_key.role == IMAGE else ("backend", image)
    if interpretation is end_of_pattern:
        # Not safe where the deny statement had to be left out.
        denied = image if input_key.role == IMAGE else live
        assume(not any(own.endswith(suffix) for own in own_suffixes for suffix in denied))

    try:
        policy = interpreted(policy_of(other_role, layout), interpretation)
    except PolicyError:
        reject()

    for action in WRITES:
        assert not allows([policy], cos(action, BUCKET, key, **UPLOAD)), policy


@pytest.mark.parametrize("role", ["app", "backend"])
@pytest.mark.parametrize(
    ("live", "image"), [(("b", "//b"), ("/b",)), (("/b",), ("b", "//b"))], ids=["live", "image"]
)
def test_suffixes_that_no_policy_can_separate_are_rejected(
    role: str, live: tuple[str, ...], image: tuple[str, ...]
) -> None:
    layout = DEFAULT._replace(live_suffixes=live, image_suffixes=image)

    with pytest.raises(PolicyError, match="no policy can keep the two uploaders apart"):
        policy_of(role, layout)


@pytest.mark.parametrize("layout", [DEFAULT, FLAT])
@given(name=names.filter(bool))
def test_each_uploader_may_write_its_own_file_of_any_pair(layout: Settings, name: str) -> None:
    """This holds if CAM takes a `*` in the middle for any text."""
    for suffix in layout.live_suffixes + layout.image_suffixes:
        key = layout.input_prefix + name + suffix
        input_key = read_input_key(layout, key)
        assert isinstance(input_key, InputKey)
        role = {LIVE: "app", IMAGE: "backend"}[input_key.role]
        assert allows([policy_of(role, layout)], cos("PutObject", BUCKET, key, **UPLOAD))
