"""Whose set-back it is when a call brings no verdict: pinned for every code of the table.

A code that changes its owner changes what is counted, who waits, and what stops a drain.
"""

from __future__ import annotations

import pytest

from liveness.face_api import Answer, NoReply, NotSent
from liveness.history import History
from liveness.records import Response
from liveness.verdict_table import LOCAL_OUTCOMES, TABLE, Owner
from liveness.verdicts import dispose, dispose_unprepared, may_be_billed, outcome_of_response

SERVICE = {
    "CompareLibServiceUnavailable",
    "CompareSystemError",
    "DetectEngineSystemError",
    "InternalError",
    "LivessSystemError",
    "ResourceInUse.*",
    "ResourceInsufficient.*",
    "ServiceUnavailable.*",
}
PAIR = {
    "CompressVideoError",
    "DecryptSystemError",
    "DownLoadError",
    "DownLoadTimeoutError",
    "EncryptSystemError",
    "FileSaveError",
    "InvalidParameter.*",
    "InvalidParameterValue.*",
    "MD5 Error",
    "ResourceNotFound.*",
    "UnKnown",
    "invalid resourceUrl",
}
ACCOUNT = {
    "ActionOffline",
    "AuthFailure.*",
    "AuthFailure.InvalidAuthorization",
    "AuthFailure.InvalidSecretId",
    "AuthFailure.MFAFailure",
    "AuthFailure.SecretIdNotFound",
    "AuthFailure.SignatureExpire",
    "AuthFailure.SignatureFailure",
    "AuthFailure.TokenFailure",
    "AuthFailure.UnauthorizedOperation",
    "DryRunOperation.*",
    "InvalidAction.*",
    "InvalidRequest.*",
    "IpInBlacklist.*",
    "IpNotInWhitelist.*",
    "LimitExceeded.*",
    "MissingParameter.*",
    "NoSuchProduct.*",
    "NoSuchVersion.*",
    "OperationDenied",
    "RequestLimitExceeded.*",
    "RequestSizeLimitExceeded.*",
    "ResourceUnavailable.*",
    "StsUnAuthErrError",
    "UnauthorizedOperation.*",
    "UnauthorizedOperation.ActivateError",
    "UnauthorizedOperation.Activating",
    "UnauthorizedOperation.Arrears",
    "UnauthorizedOperation.ChargeStatusException",
    "UnauthorizedOperation.NonAuthorize",
    "UnauthorizedOperation.Nonactivated",
    "UnknownParameter.*",
    "UnsupportedOperation.*",
    "UnsupportedProtocol.*",
    "UnsupportedRegion.*",
}


def answer(code: str, channel: str = "error", description: str = "") -> Answer:
    similarity = 96.3 if code == "Success" else None
    return Answer(channel, code, description, "request-1", similarity)


@pytest.mark.parametrize(
    ("owner", "codes"), [(Owner.SERVICE, SERVICE), (Owner.PAIR, PAIR), (Owner.ACCOUNT, ACCOUNT)]
)
def test_every_code_has_its_owner(owner: Owner, codes: set[str]) -> None:
    assert {row.code for row in TABLE if row.owner is owner} == codes


def test_all_other_codes_are_verdicts() -> None:
    for row in (*TABLE, *LOCAL_OUTCOMES):
        assert (row.owner is None) == row.final
        assert row.final or not row.billed, "a set-back is never billed"


@pytest.mark.parametrize("channel", ["result", "error"])
@pytest.mark.parametrize(
    ("code", "owner"),
    [
        ("FailedOperation.LivessSystemError", Owner.SERVICE),
        ("InternalError.UnKnown", Owner.PAIR),
        ("FailedOperation.DownLoadError", Owner.PAIR),
        ("RequestLimitExceeded.UinLimitExceeded", Owner.ACCOUNT),
        ("UnauthorizedOperation.Arrears", Owner.ACCOUNT),
        ("FailedOperation.LivessDetectFake", None),
        ("FailedOperation.InventedTomorrow", None),
    ],
)
def test_the_channel_does_not_change_the_owner(
    channel: str, code: str, owner: Owner | None
) -> None:
    assert dispose(answer(code, channel), 70).owner is owner


def test_a_passing_answer_is_a_verdict() -> None:
    assert dispose(answer("Success", "result"), 70).owner is None


def test_an_answer_outside_the_contract_is_a_verdict() -> None:
    """It may hide one that was billed: to call again could pay twice."""
    broken = answer("Success", "result")._replace(similarity=None, contract_violation="no Sim")

    assert dispose(broken, 70).owner is None
    assert may_be_billed(broken)


@pytest.mark.parametrize("reply", [NoReply("reset"), NotSent("refused")])
def test_what_brings_no_answer_is_the_services(reply: NoReply | NotSent) -> None:
    disposition = dispose(reply, 70)

    assert disposition.owner is Owner.SERVICE
    assert reply.reason in disposition.detail


@pytest.mark.parametrize(
    "text", ["invalid resourceUrl", "MD5 Error", "the InvalidResourceUrl is x"]
)
def test_a_message_about_a_link_is_the_pairs(text: str) -> None:
    disposition = dispose(answer("FailedOperation", "error", text), 70)

    assert (disposition.owner, disposition.category) == (Owner.PAIR, "bad-link")


@pytest.mark.parametrize(
    ("reply", "owner"),
    [
        (answer("Success"), Owner.SERVICE),
        (answer("FailedOperation.LivessDetectFake"), Owner.SERVICE),
        (answer("FailedOperation.DownLoadError"), Owner.SERVICE),
        (answer("FailedOperation.UnKnown"), Owner.SERVICE),
        (answer("InvalidParameterValue.TargetAction"), Owner.ACCOUNT),
        (answer("UnauthorizedOperation"), Owner.ACCOUNT),
        (answer("RequestLimitExceeded"), Owner.ACCOUNT),
        (NotSent("refused"), Owner.SERVICE),
    ],
)
def test_an_upload_url_never_judges_a_pair(reply: Answer | NotSent, owner: Owner) -> None:
    assert dispose_unprepared(reply).owner is owner


@pytest.mark.parametrize("code", sorted(SERVICE | PAIR))
def test_a_set_back_on_record_is_a_failure(code: str) -> None:
    """Recorded only after too many: the code stays, and nobody is promised another try."""
    name = code.removesuffix(".*")
    recorded = Response(11, 0, 70.0, "presign", {}, 0.0, 0.0, answer(name), None)

    outcome = outcome_of_response(recorded)

    assert (outcome.status, outcome.code, outcome.owner) == ("failed", name, None)
    assert "tried again" not in outcome.hint.en
    assert outcome.final and not outcome.billed


def test_a_new_content_has_no_history() -> None:
    assert History() == (0, (), 0, 0.0, 0.0)
