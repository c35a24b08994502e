"""The verdict table, checked against copies of the vendor's documents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveness import verdict_table
from liveness.verdict_table import LOCAL_OUTCOMES, TABLE, Outcome
from liveness.verdicts import local_outcome, outcome_of

HERE = Path(__file__).parent

# The error codes in the documentation of DetectReflectLivenessAndCompare: 19 + 6.
DOCUMENTED: list[tuple[str, str | None, str]] = [
    ("FailedOperation.ActionLightDark", "retake", "capture"),
    ("FailedOperation.ActionLightStrong", "retake", "capture"),
    ("FailedOperation.DownLoadError", None, "bad-link"),
    ("FailedOperation.DownLoadTimeoutError", None, "transient"),
    ("FailedOperation.ImageBlur", "invalid", "input"),
    ("FailedOperation.ImageDecodeFailed", "invalid", "input"),
    ("FailedOperation.ImageSizeTooLarge", "invalid", "input"),
    ("FailedOperation.LifePhotoDetectFake", "rejected", "liveness"),
    ("FailedOperation.LifePhotoSizeError", "invalid", "input"),
    ("FailedOperation.LivessDetectFail", "rejected", "liveness"),
    ("FailedOperation.LivessDetectFake", "rejected", "liveness"),
    ("FailedOperation.LivessSystemError", None, "transient"),
    ("FailedOperation.LivessUnknownError", "rejected", "liveness"),
    ("FailedOperation.SilentDetectFail", "rejected", "liveness"),
    ("FailedOperation.SilentFaceDetectFail", "retake", "capture"),
    ("FailedOperation.SilentFaceQualityFail", "retake", "capture"),
    ("FailedOperation.SilentMultiFaceFail", "retake", "capture"),
    ("FailedOperation.SilentPictureLiveFail", "rejected", "liveness"),
    ("FailedOperation.SilentThreshold", "rejected", "liveness"),
    ("InternalError.ActionLightDark", "retake", "capture"),
    ("InternalError.ActionLightStrong", "retake", "capture"),
    ("InternalError.ActionNodetectFace", "retake", "capture"),
    ("InternalError.CompareLowSimilarity", "rejected", "match"),
    ("InternalError.LifePhotoPoorQuality", "invalid", "input"),
    ("InternalError.LifePhotoSizeError", "invalid", "input"),
]

# Codes of the product that are plausible for this action although its document omits them.
PLAUSIBLE = [
    ("FailedOperation.ActionCloseEye", "capture"),
    ("FailedOperation.ActionFaceClose", "capture"),
    ("FailedOperation.CompareFail", "match"),
    ("FailedOperation.CompareLibServiceUnavailable", "transient"),
    ("FailedOperation.CompareSystemError", "transient"),
    ("FailedOperation.CoveredFace", "input"),
    ("FailedOperation.DecryptSystemError", "transient"),
    ("FailedOperation.DetectEngineSystemError", "transient"),
    ("FailedOperation.EmptyImageError", "input"),
    ("FailedOperation.FileSaveError", "transient"),
    ("FailedOperation.LifePhotoDetectFaces", "input"),
    ("FailedOperation.LifePhotoDetectNoFaces", "input"),
    ("FailedOperation.LivessBestFrameError", "capture"),
    ("FailedOperation.RequestLimitExceeded", "throttled"),
    ("FailedOperation.SilentEyeLiveFail", "capture"),
    ("FailedOperation.SilentFaceWithMaskFail", "capture"),
    ("FailedOperation.SilentTooShort", "capture"),
    ("FailedOperation.StsUnAuthErrError", "configuration"),
    ("FailedOperation.UnKnown", "transient"),
    ("FailedOperation.VideoDecodeFailed", "input"),
    ("FailedOperation.VideoDurationExceeded", "capture"),
    ("InternalError.UnKnown", "transient"),
    ("OperationDenied", "configuration"),
    ("UnauthorizedOperation.Arrears", "configuration"),
    ("UnauthorizedOperation.Nonactivated", "configuration"),
]

# "Common error codes" of Tencent Cloud API 3.0.
COMMON = [
    ("ActionOffline", "configuration"),
    ("AuthFailure.InvalidAuthorization", "configuration"),
    ("AuthFailure.InvalidSecretId", "configuration"),
    ("AuthFailure.MFAFailure", "configuration"),
    ("AuthFailure.SecretIdNotFound", "configuration"),
    ("AuthFailure.SignatureExpire", "configuration"),
    ("AuthFailure.SignatureFailure", "configuration"),
    ("AuthFailure.TokenFailure", "configuration"),
    ("AuthFailure.UnauthorizedOperation", "configuration"),
    ("DryRunOperation", "configuration"),
    ("FailedOperation", "unknown"),
    ("InternalError", "transient"),
    ("InvalidAction", "configuration"),
    ("InvalidParameter", "configuration"),
    ("InvalidParameterValue", "configuration"),
    ("InvalidRequest", "configuration"),
    ("IpInBlacklist", "configuration"),
    ("IpNotInWhitelist", "configuration"),
    ("LimitExceeded", "configuration"),
    ("MissingParameter", "configuration"),
    ("NoSuchProduct", "configuration"),
    ("NoSuchVersion", "configuration"),
    ("RequestLimitExceeded", "throttled"),
    ("RequestLimitExceeded.GlobalRegionUinLimitExceeded", "throttled"),
    ("RequestLimitExceeded.IPLimitExceeded", "throttled"),
    ("RequestLimitExceeded.UinLimitExceeded", "throttled"),
    ("RequestSizeLimitExceeded", "configuration"),
    ("ResourceInUse", "transient"),
    ("ResourceInsufficient", "transient"),
    ("ResourceNotFound", "bad-link"),
    ("ResourceUnavailable", "configuration"),
    ("ResponseSizeLimitExceeded", "unknown"),
    ("ServiceUnavailable", "transient"),
    ("UnauthorizedOperation", "configuration"),
    ("UnknownParameter", "configuration"),
    ("UnsupportedOperation", "configuration"),
    ("UnsupportedProtocol", "configuration"),
    ("UnsupportedRegion", "configuration"),
]

# Codes of the product that belong to other actions: anti-money-laundering screening, webhooks,
# identity numbers and documents, lip reading, web verification (BizToken), field encryption.
NOT_FOR_THIS_ACTION = {
    "FailedOperation.AMLDBError",
    "FailedOperation.AMLInternalError",
    "FailedOperation.AMLOngoingScreeningAlreadyEnabled",
    "FailedOperation.AMLOngoingScreeningSetupIncomplete",
    "FailedOperation.AMLWebhookDuplicate",
    "FailedOperation.CustomerNotFound",
    "FailedOperation.EKYCWebhookDuplicate",
    "FailedOperation.IdFormatError",
    "FailedOperation.IdNameMisMatch",
    "FailedOperation.IdNoExistSystem",
    "FailedOperation.IdPhotoNoExist",
    "FailedOperation.IdPhotoPoorQuality",
    "FailedOperation.IdPhotoSystemNoanswer",
    "FailedOperation.IdentityAuthLimitExceeded",
    "FailedOperation.ImageNoIdCard",
    "FailedOperation.InvalidTokenParameter",
    "FailedOperation.LipFaceIncomplete",
    "FailedOperation.LipMoveSmall",
    "FailedOperation.LipNetFailed",
    "FailedOperation.LipSizeError",
    "FailedOperation.LipVideoInvalid",
    "FailedOperation.LipVideoQuaility",
    "FailedOperation.LipVoiceDetect",
    "FailedOperation.LipVoiceLow",
    "FailedOperation.LipVoiceRecognize",
    "FailedOperation.NameFormatError",
    "FailedOperation.OcrFailed",
    "InvalidParameter.UnsupportEncryptField",
    "InvalidParameterValue.AMLFieldValidation",
    "InvalidParameterValue.BizTokenExpired",
    "InvalidParameterValue.BizTokenIllegal",
    "InvalidParameterValue.EKYCFieldValidation",
    "InvalidParameterValue.EntityType",
    "InvalidParameterValue.EntityTypeMismatch",
    "InvalidParameterValue.MissingCompany",
    "InvalidParameterValue.MissingCompanyName",
    "InvalidParameterValue.MissingPerson",
    "InvalidParameterValue.MissingPersonName",
    "InvalidParameterValue.MissingPersonOrCompany",
    "InvalidParameterValue.MissingScene",
    "InvalidParameterValue.MissingUniqueCustomerID",
    "InvalidParameterValue.MissingWebhookName",
    "InvalidParameterValue.OngoingScreeningMismatch",
    "InvalidParameterValue.PersonNameConflict",
    "InvalidParameterValue.RuleIdNotExist",
    "InvalidParameterValue.WebhookURL",
    "ResourceNotFound.AMLWebhookConfig",
    "ResourceNotFound.EKYCWebhookConfig",
}

STATUS_OF: dict[str, str | None] = {
    "success": "passed",
    "liveness": "rejected",
    "match": "rejected",
    "capture": "retake",
    "input": "invalid",
    "unknown": "failed",
    "throttled": None,
    "transient": None,
    "bad-link": None,
    "configuration": None,
}


def vendor_codes() -> list[tuple[str, bool]]:
    """Return each code of the copied list, and whether it is documented for this action."""
    lines = (HERE / "faceid-error-codes.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    assert rows[0][:2] == ["code", "documented_for_this_action"]
    return [(row[0], row[1] == "yes") for row in rows[1:]]


def has_own_row(code: str) -> bool:
    """Tell whether a row names this very code rather than its family."""
    rows = {row.code for row in TABLE}
    family, _, suffix = code.partition(".")
    name = suffix if suffix and family in ("FailedOperation", "InternalError") else code
    return name in rows or name + ".*" in rows


@pytest.mark.parametrize("code, status, category", DOCUMENTED)
def test_documented_codes_have_the_expected_outcome(
    code: str, status: str | None, category: str
) -> None:
    outcome = outcome_of(code)

    assert (outcome.code, outcome.status, outcome.category) == (code, status, category)
    assert has_own_row(code)


def test_the_list_in_this_file_matches_the_vendors_document() -> None:
    assert len(DOCUMENTED) == 25
    assert {code for code, _, _ in DOCUMENTED} == {code for code, yes in vendor_codes() if yes}


@pytest.mark.parametrize("code, category", PLAUSIBLE + COMMON)
def test_undocumented_codes_have_the_expected_category(code: str, category: str) -> None:
    assert outcome_of(code).category == category
    assert outcome_of(code).code == code
    assert has_own_row(code) or has_own_row(code.partition(".")[0])


def test_success_passes_and_is_billed() -> None:
    outcome = outcome_of("Success", "Success")

    assert outcome == outcome_of("Success")
    assert (outcome.status, outcome.category, outcome.billed) == ("passed", "success", True)


@pytest.mark.parametrize("name", [row.code for row in TABLE if "." not in row.code])
def test_the_family_of_a_code_does_not_change_its_outcome(name: str) -> None:
    if name == "Success":
        return

    bare, failed, internal = (
        outcome_of(code)._replace(code="")
        for code in (name, f"FailedOperation.{name}", f"InternalError.{name}")
    )

    assert bare == failed == internal


@pytest.mark.parametrize(
    "code", ["FailedOperation.Success", "InternalError.Success", "success", "Success ", "Success.X"]
)
def test_only_the_exact_word_success_passes(code: str) -> None:
    assert outcome_of(code).status == "failed"


@pytest.mark.parametrize(
    "code, category",
    [
        ("RequestLimitExceeded.SomethingNew", "throttled"),
        ("FailedOperation.RequestLimitExceeded.SomethingNew", "throttled"),
        ("AuthFailure", "configuration"),
        ("AuthFailure.SomethingNew", "configuration"),
        ("UnauthorizedOperation.SomethingNew", "configuration"),
        ("InvalidParameterValue.SomethingNew", "configuration"),
        ("ServiceUnavailable.SomethingNew", "transient"),
        # These two families carry verdicts, so the family alone does not classify a new name.
        ("FailedOperation.SomethingNew", "unknown"),
        ("InternalError.SomethingNew", "unknown"),
    ],
)
def test_an_unknown_name_gets_the_category_of_its_family(code: str, category: str) -> None:
    assert outcome_of(code).category == category
    assert outcome_of(code).code == code


@pytest.mark.parametrize("code", ["SomethingNew", "Something.New", "FailedOperation.", ".", " "])
def test_unknown_codes_end_as_failed_and_keep_their_name(code: str) -> None:
    outcome = outcome_of(code)

    assert (outcome.code, outcome.category, outcome.status) == (code, "unknown", "failed")
    assert outcome.final and not outcome.retry and not outcome.billed


@pytest.mark.parametrize("code", ["", None, 0, 1.5, True, [], {}, b"Success"])
def test_a_value_that_is_not_a_code_is_unknown(code: Any) -> None:
    assert outcome_of(code).category == "unknown"
    assert outcome_of(code).code == ""
    assert outcome_of("InternalError", code).category == "transient"


@pytest.mark.parametrize(
    "code",
    [
        "FailedOperation",
        "FailedOperation.UnKnown",
        "FailedOperation.SomethingNew",
        "InternalError",
        "InternalError.SomethingNew",
        "InvalidParameter",
        "InvalidParameter.SomethingNew",
        "InvalidParameterValue",
        "InvalidParameterValue.SomethingNew",
    ],
)
@pytest.mark.parametrize(
    "message", ["invalid resourceUrl", "Invalid ResourceUrl.", "MD5 Error", "LiveData md5 error"]
)
def test_bad_links_are_recognized_by_the_message(code: str, message: str) -> None:
    outcome = outcome_of(code, message)
    assert (outcome.category, outcome.code) == ("bad-link", code)


@pytest.mark.parametrize(
    "code",
    [
        "DownLoadError",
        "InternalError.DownLoadError",
        "MD5 Error",
        "FailedOperation.MD5Error",
        "invalid resourceUrl",
        "InvalidParameterValue.InvalidResourceUrl",
    ],
)
def test_bad_links_are_recognized_by_the_code(code: str) -> None:
    assert outcome_of(code).category == "bad-link"


@pytest.mark.parametrize(
    "code, category",
    [
        ("Success", "success"),
        ("FailedOperation.CompareLowSimilarity", "match"),
        ("AuthFailure.SignatureFailure", "configuration"),
        ("RequestLimitExceeded.UinLimitExceeded", "throttled"),
    ],
)
def test_a_message_overrides_neither_a_billed_answer_nor_another_family(
    code: str, category: str
) -> None:
    assert outcome_of(code, "MD5 Error").category == category


@pytest.mark.parametrize("row", TABLE + LOCAL_OUTCOMES, ids=lambda row: row.code)
def test_every_row_is_complete_and_consistent(row: Outcome) -> None:
    assert row.code
    assert STATUS_OF[row.category] == row.status
    assert row.final == (row.status is not None)
    for text in (row.hint.en, row.hint.zh):
        assert text and text == text.strip() and "\n" not in text
    assert row.hint.en.isascii()
    assert any("\u4e00" <= character <= "\u9fff" for character in row.hint.zh)
    if not row.final:
        assert row.retry and not row.billed
    if row.billed:
        assert row.category in ("success", "match")


def test_final_answers_are_not_retried_and_only_two_are_billed() -> None:
    assert not [row.code for row in TABLE if row.final and row.retry]
    assert {row.code for row in TABLE if row.billed} == {"Success", "CompareLowSimilarity"}


def test_only_one_row_passes() -> None:
    assert [row.code for row in TABLE + LOCAL_OUTCOMES if row.status == "passed"] == ["Success"]


def test_no_code_appears_twice() -> None:
    names = [row.code for row in TABLE + LOCAL_OUTCOMES]
    assert len(names) == len(set(names))


def test_every_category_constant_is_used() -> None:
    constants = {
        value
        for name, value in vars(verdict_table).items()
        if name.isupper() and type(value) is str
    }
    assert constants == set(STATUS_OF) == {row.category for row in TABLE}


def test_every_vendor_code_is_in_the_table_or_excluded() -> None:
    codes = {code for code, _ in vendor_codes()}
    in_table = {code for code in codes if has_own_row(code)}

    assert in_table.isdisjoint(NOT_FOR_THIS_ACTION)
    assert in_table | NOT_FOR_THIS_ACTION == codes


def test_every_row_comes_from_a_documented_code() -> None:
    """Conversely, the table invents no code."""
    known = {code for code, _ in vendor_codes()} | {code for code, _ in COMMON}
    known |= {"Success", "invalid resourceUrl", "MD5 Error"}
    for row in TABLE:
        name = row.code.removesuffix(".*")
        assert known & {name, f"FailedOperation.{name}", f"InternalError.{name}"} or any(
            code.startswith(name + ".") for code in known
        ), name


@pytest.mark.parametrize(
    "name, status, billed, retry",
    [
        ("SimilarityBelowThreshold", "rejected", True, False),
        ("InputEmpty", "invalid", False, False),
        ("InputTooLarge", "invalid", False, False),
        ("InputAmbiguous", "invalid", False, False),
        ("MalformedAnswer", "failed", False, False),
        ("GivenUp", "failed", False, True),
    ],
)
def test_local_outcomes_are_as_documented(
    name: str, status: str | None, billed: bool, retry: bool
) -> None:
    reason = local_outcome(name)

    assert (reason.code, reason.status, reason.billed, reason.retry) == (
        name,
        status,
        billed,
        retry,
    )
    assert name in {row.code for row in LOCAL_OUTCOMES}
    assert outcome_of(name).category == "unknown"  # the API has no code of this name


def test_local_outcomes_exclude_the_codes_of_the_api() -> None:
    with pytest.raises(KeyError):
        local_outcome("Success")


@given(
    st.one_of(
        st.text(),
        st.sampled_from([row.code for row in TABLE]),
        st.builds(
            "{}.{}".format,
            st.sampled_from(["FailedOperation", "InternalError", "Success", "AuthFailure"]),
            st.one_of(st.text(), st.sampled_from([row.code for row in TABLE])),
        ),
    ),
    st.text(),
)
def test_any_text_has_an_outcome_and_only_success_passes(code: str, message: str) -> None:
    outcome = outcome_of(code, message)

    assert outcome.code == code
    assert (outcome.status == "passed") == (code == "Success")
    assert outcome.status == STATUS_OF[outcome.category]
