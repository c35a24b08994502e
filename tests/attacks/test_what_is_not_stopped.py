"""What succeeds, as SECURITY.md says in "What is not stopped"."""

from __future__ import annotations

import json

from tests.conftest import BUCKET, PACKAGE

from .cast import CREATE_ONLY, DENIED, DONE, Cast, delete, package_key, photo_key, put

UNLIKE = json.dumps(
    {"sandbox": 1, "code": "FailedOperation.CompareLowSimilarity", "sim": 12.5}
).encode()


def upload(cast: Cast, pair_id: str, package: bytes) -> str:
    """Upload both inputs as a session of its own does; return the status of the result."""
    cast.photo(pair_id)
    cast.package(pair_id, package)
    return str(cast.wake(pair_id).get("status"))


def test_a_recording_that_was_edited_is_another_recording(cast: Cast) -> None:
    assert [upload(cast, "anna", PACKAGE), upload(cast, "bert", PACKAGE + b"\0")] == ["passed"] * 2


def test_a_stolen_recording_that_comes_first_shuts_its_owner_out(cast: Cast) -> None:
    """The thief, whose photo shows another face, does not pass, and then the owner does not."""
    assert upload(cast, "thief", UNLIKE) == "rejected"

    assert upload(cast, "owner", UNLIKE) == "rejected"

    assert cast.result("owner")["reason"]["code"] == "PackageReused"


def test_each_new_pair_id_has_tries_of_its_own(cast: Cast) -> None:
    for number in range(7):
        upload(cast, f"anna-{number}", UNLIKE[:-1] + b', "comment": %d}' % number)

    assert cast.cloud.calls == 7


def test_a_backend_that_takes_part_passes_anyone(cast: Cast) -> None:
    """With both uploaders' keys, a person needs nothing but a face of their own."""
    put(photo_key("victim"), b"\xff\xd8\xffthe attacker's photo", CREATE_ONLY)(
        cast.actor("backend")
    )
    put(package_key("victim"), b"the attacker's recording", CREATE_ONLY)(cast.actor("app"))

    assert cast.wake("victim")["status"] == "passed"


def test_the_functions_own_keys_write_any_result(cast: Cast) -> None:
    forged = put("liveness/results/anna/result.json", b'{"status": "passed"}')

    assert cast.attempt("function", forged) == DONE
    assert cast.attempt("operator", forged) == DENIED


def test_an_eraser_resets_what_is_counted(cast: Cast) -> None:
    upload(cast, "anna", PACKAGE)
    for key in cast.cloud.bucket.keys("liveness/"):
        assert cast.attempt("eraser", delete(key)) == DONE

    assert upload(cast, "bert", PACKAGE) == "passed"
    assert cast.cloud.calls == 2


def test_parts_of_an_upload_that_never_ends_stay_when_its_keys_have_expired(cast: Cast) -> None:
    actor = cast.actor(cast.session("anna"))
    upload = actor.cos.create_multipart_upload(
        BUCKET, package_key("anna"), Metadata=dict(CREATE_ONLY)
    )["UploadId"]
    actor.cos.upload_part(BUCKET, package_key("anna"), PACKAGE, 1, upload)

    cast.cloud.advance(30 * 86_400)

    (left,) = cast.cloud.client.list_multipart_uploads(BUCKET)["Upload"]
    assert left["Key"] == package_key("anna")
    assert cast.cloud.bucket.keys("") == []


def test_packages_that_get_no_answer_pause_everybody_until_a_probe(cast: Cast) -> None:
    """Five in a row look like an outage of the service's."""
    for number in range(10):
        package = {"sandbox": 1, "drop": "after", "comment": number}
        cast.cloud.put_pair(f"mute-{number}", json.dumps(package).encode())
    cast.function({"reconcile": {}})
    for _ in range(3):  # a drain ends at a full minute
        if not cast.cloud.bucket.get("liveness/ledger/breaker.json"):
            cast.function({"drain": {}})
    cast.photo("anna")
    cast.package("anna", PACKAGE)

    assert cast.wake("anna")["state"] == "parked"

    for _ in range(30):
        cast.cloud.advance(60)
        cast.function({"drain": {}})
        if cast.cloud.result("anna"):
            break
    assert cast.result("anna")["status"] == "passed"
