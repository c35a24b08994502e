"""Two uploaders: nobody who is being checked can write what he is compared with.

Nothing is documented of a `*` with more behind it, so all that CAM could make of one is tried.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from qcloud_cos import CosConfig, CosS3Client

from liveness.keys import IMAGE, LIVE, InputKey, read_input_key
from liveness.settings import Settings, read_settings
from liveness_cli.permissions.evaluator import allows
from liveness_cli.permissions.language import Policy
from liveness_cli.permissions.roles import policy_of
from liveness_sandbox import Sandbox
from tests.conftest import BUCKET, JPEG, PACKAGE, Cloud

from .requests_made import REGION, asked_by, cos

ENVIRONMENT = {"TENCENTCLOUD_REGION": REGION, "LIVENESS_BUCKET": BUCKET}
DEFAULT = read_settings(ENVIRONMENT)
FLAT = read_settings(
    ENVIRONMENT | {"LIVENESS_LIVE_SUFFIXES": ".live", "LIVENESS_IMAGE_SUFFIXES": ".jpg,.png"}
)
PACKAGE_KEY = "liveness/incoming/anna/live.bin"
PHOTO_KEY = "liveness/incoming/anna/reference.jpg"
WRITES = ("PutObject", "PostObject", "InitiateMultipartUpload", "UploadPart", "AppendObject")


class Uploader:
    """Somebody with keys of his own and the real SDK."""

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
        """Whether all that he asked for is."""
        made = asked_by(self._keys.secret_id, self._sandbox.requests)
        assert made
        return all(allows([policy_of(role, DEFAULT)], request) for request in made)


def put_package(client: CosS3Client) -> None:
    client.put_object(BUCKET, PACKAGE, PACKAGE_KEY)


def put_package_in_parts(client: CosS3Client) -> None:
    started = client.create_multipart_upload(BUCKET, PACKAGE_KEY)["UploadId"]
    part = client.upload_part(BUCKET, PACKAGE_KEY, PACKAGE, 1, started)
    client.list_parts(BUCKET, PACKAGE_KEY, started)
    parts = {"Part": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    client.complete_multipart_upload(BUCKET, PACKAGE_KEY, started, parts)


def stop_in_the_middle(client: CosS3Client) -> None:
    started = client.create_multipart_upload(BUCKET, PACKAGE_KEY)["UploadId"]
    client.abort_multipart_upload(BUCKET, PACKAGE_KEY, started)


def put_large_package(client: CosS3Client) -> None:
    body = io.BytesIO(bytes(2 * 1024 * 1024 + 1))
    client.upload_file_from_buffer(BUCKET, PACKAGE_KEY, body, PartSize=1, MAXThread=1)


def put_photo(client: CosS3Client) -> None:
    client.put_object(BUCKET, JPEG, PHOTO_KEY)


def put_photo_in_parts(client: CosS3Client) -> None:
    client.create_multipart_upload(BUCKET, PHOTO_KEY)


def publish_package(client: CosS3Client) -> None:
    client.put_object(BUCKET, PACKAGE, PACKAGE_KEY, ACL="public-read")


def publish_photo(client: CosS3Client) -> None:
    client.put_object(BUCKET, JPEG, PHOTO_KEY, ACL="public-read")


def remove_package(client: CosS3Client) -> None:
    client.delete_object(BUCKET, PACKAGE_KEY)


def look_around(client: CosS3Client) -> None:
    client.list_objects(BUCKET, Prefix="liveness/incoming/")


def read_package_back(client: CosS3Client) -> None:
    client.put_object(BUCKET, PACKAGE, PACKAGE_KEY)
    client.get_object(BUCKET, PACKAGE_KEY)


@pytest.mark.parametrize(
    ("role", "work"),
    [
        ("app", put_package),
        ("app", put_package_in_parts),
        ("app", stop_in_the_middle),
        ("app", put_large_package),
        ("backend", put_photo),
    ],
)
def test_what_each_uploader_does_is_allowed(
    cloud: Cloud, role: str, work: Callable[[CosS3Client], None]
) -> None:
    uploader = Uploader(cloud.sandbox)
    work(uploader.client)
    assert uploader.is_allowed(role)


@pytest.mark.parametrize(
    ("role", "work"),
    [
        ("app", put_photo),
        ("app", put_photo_in_parts),
        ("app", publish_package),
        ("app", remove_package),
        ("app", look_around),
        ("app", read_package_back),
        ("backend", put_package),
        ("backend", put_package_in_parts),
        ("backend", publish_photo),
        ("backend", look_around),
        ("reader", put_photo),
        ("deployer", put_photo),
        ("viewer", put_photo),
    ],
)
def test_what_they_must_not_do_is_not(
    cloud: Cloud, role: str, work: Callable[[CosS3Client], None]
) -> None:
    uploader = Uploader(cloud.sandbox)
    work(uploader.client)
    assert not uploader.is_allowed(role)


@pytest.mark.parametrize("role", ["app", "backend"])
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
def test_neither_does_anything_else(role: str, action: str, key: str) -> None:
    assert not allows([policy_of(role, DEFAULT)], cos(action, BUCKET, key))


def test_neither_reaches_another_bucket() -> None:
    for role, key in (("app", PACKAGE_KEY), ("backend", PHOTO_KEY)):
        assert allows([policy_of(role, DEFAULT)], cos("PutObject", BUCKET, key))
        assert not allows([policy_of(role, DEFAULT)], cos("PutObject", "other-1250000000", key))


def test_temporary_keys_of_one_session_reach_that_session_only() -> None:
    narrowed = read_as(lambda item: item.replace("*", "anna"), policy_of("app", DEFAULT))
    assert allows([narrowed], cos("PutObject", BUCKET, PACKAGE_KEY))
    for key in (PHOTO_KEY, "liveness/incoming/bert/live.bin", "liveness/incoming/anna/b/live.bin"):
        assert not allows([narrowed], cos("PutObject", BUCKET, key))


def test_one_account_with_both_policies_can_write_neither() -> None:
    both = [policy_of("app", DEFAULT), policy_of("backend", DEFAULT)]
    for key in (PACKAGE_KEY, PHOTO_KEY):
        assert not allows(both, cos("PutObject", BUCKET, key))


# ---- whatever CAM makes of a * in the middle


def as_text(resource: str) -> str:
    return resource


def as_character(resource: str) -> str:
    """Only a `*` at the end means any text."""
    return resource[:-1].replace("*", "\0") + resource[-1]


def up_to_it(resource: str) -> str:
    """Nothing behind the first `*` is read."""
    front, star, _ = resource.partition("*")
    return front + star


def read_as(reading: Callable[[str], str], policy: Policy) -> Policy:
    def statement(given: Mapping[str, Any]) -> dict[str, Any]:
        return {**given, "resource": [reading(item) for item in given["resource"]]}

    return {**policy, "statement": [statement(item) for item in policy["statement"]]}


at_leisure = hypothesis_settings(deadline=None)  # the machine may be busy
READINGS = (as_text, as_character, up_to_it)
names = st.text("ab./-人*", max_size=12)
suffixes = st.lists(
    st.text("ab./", min_size=1, max_size=4).filter(lambda text: not text.endswith("/")),
    min_size=1,
    max_size=3,
    unique=True,
).map(tuple)


@pytest.mark.parametrize("reading", READINGS)
@at_leisure
@given(live=suffixes, image=suffixes, name=names, data=st.data())
def test_in_every_layout_nobody_can_write_the_others_file(
    reading: Callable[[str], str],
    live: tuple[str, ...],
    image: tuple[str, ...],
    name: str,
    data: st.DataObject,
) -> None:
    assume(not set(live) & set(image))
    layout = DEFAULT._replace(live_suffixes=live, image_suffixes=image)
    key = layout.input_prefix + name + data.draw(st.sampled_from([*live, *image]))
    read = read_input_key(layout, key)
    assume(isinstance(read, InputKey))
    assert isinstance(read, InputKey)
    other, own = ("app", live) if read.role == IMAGE else ("backend", image)
    if reading is up_to_it:  # where the deny had to be left out, this reading is not held
        theirs = image if read.role == IMAGE else live
        assume(not any(mine.endswith(suffix) for mine in own for suffix in theirs))
    policy = read_as(reading, policy_of(other, layout))
    for action in WRITES:
        assert not allows([policy], cos(action, BUCKET, key)), policy


@pytest.mark.parametrize("layout", [DEFAULT, FLAT])
@at_leisure
@given(name=names.filter(bool))
def test_if_it_means_any_text_everybody_can_write_his_own(layout: Settings, name: str) -> None:
    for suffix in layout.live_suffixes + layout.image_suffixes:
        key = layout.input_prefix + name + suffix
        read = read_input_key(layout, key)
        assert isinstance(read, InputKey)
        role = {LIVE: "app", IMAGE: "backend"}[read.role]
        assert allows([policy_of(role, layout)], cos("PutObject", BUCKET, key))
