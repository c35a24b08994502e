"""The Chinese page: no sentence on it is English, whatever went wrong."""

from __future__ import annotations

import ast
import html
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

import liveness.cloud.cos
import liveness_review
from liveness.cloud.connections import Reply
from liveness.cloud.cos import _service_error
from liveness.errors import ConfigurationError, StoreUnavailableError
from liveness.store import ObjectHead, StoredObject
from liveness_cli.account.errors import RequestFailed, RequestRefused, parsing_reply
from liveness_cli.errors import _MEANINGS, meaning_of_exception, reason_of_error
from liveness_cli.texts import CHINESE, ENGLISH
from liveness_review.document import UnreadableResult, read_document
from liveness_review.documents import read_decision, read_result
from liveness_review.identity import NoIdentity, _reviewer
from liveness_review.reasons import REASONS, reason_in
from liveness_sandbox import Reply as CloudReply
from tests.conftest import Cloud
from tests.function.test_faceid import SETTINGS
from tests.page.conftest import Judge, Reviewing, Start
from tests.review.stored import metadata_of, put_body, put_result, result, review

ENGLISH_WORDS = re.compile(r"[A-Za-z']{2,}(?: [a-z']{2,})+")
# Commands, and what comes from the data.
NAMES = re.compile(r"`[^`]*`|secret (id|key)|'[^']*'")
BAD_VALUES: tuple[Any, ...] = (None, True, -1, 1e9, "x", "\ud800", [], {}, "passed")


def english_in(text: str) -> list[str]:
    return ENGLISH_WORDS.findall(NAMES.sub("", text))


def in_chinese(reason: str) -> str:
    return reason_in(CHINESE, reason)


# ---- what a reason can be


def strings_of_calls(module: Any, pattern: str, without: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield each text that a module gives to a call of a matching name, 0 for every value."""
    tree = ast.parse(Path(module).read_text(encoding="utf-8"))
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if function.name in without:
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and re.fullmatch(pattern, ast.unparse(node.func)):
                for argument in node.args:
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                        yield argument.value
                    elif isinstance(argument, ast.JoinedStr):
                        yield "".join(
                            str(part.value) if isinstance(part, ast.Constant) else "0"
                            for part in argument.values
                        )


def reasons_of_the_store() -> Iterator[str]:
    # The page neither fetches best frames from elsewhere nor uploads anything.
    without = ("fetch", "upload_to_url", "_service_error", "_read_head")
    yield from strings_of_calls(liveness.cloud.cos.__file__, r"\w+Error", without)
    yield "COS HEAD 'a b': the reply's headers are incomplete"
    for kind in ("ConnectionRefusedError", "TimeoutError", "SSLCertVerificationError"):
        yield reason_of_error(StoreUnavailableError(f"COS GET 'a b': {kind}"))
    for status, code in (
        (301, ""), (400, "X"), (403, "AccessDenied"), (404, "NoSuchBucket"), (404, "NoSuchKey"),
        (405, "X"), (412, "X"), (503, "X"),
    ):  # fmt: skip
        for offset in (0, -600, 600):
            reply = Answered(status, offset)
            body = f"<Error><Code>{code}</Code></Error>".encode() if code else b""
            error = _service_error(SETTINGS, "GET", SETTINGS.bucket, "a b", reply, body)
            yield reason_of_error(error)


class Answered(Reply):
    """A reply to a request to COS, by a clock that is so many seconds ahead."""

    def __init__(self, status: int, offset: float) -> None:
        at = time.gmtime(time.time() + offset)
        self.status = status
        self.headers = {"date": time.strftime("%a, %d %b %Y %H:%M:%S GMT", at)}


def reasons_of_requests() -> Iterator[str]:
    for code in _MEANINGS:
        yield str(RequestRefused("GetCallerIdentity", code))
        yield reason_of_error(
            ConfigurationError(f"COS GET 'a' in 'b': 403 {code}: check the execution role's policy")
        )
    yield f"GetCallerIdentity: {meaning_of_exception('ConnectTimeout')}"
    yield "GetCallerIdentity: no intelligible reply"
    try:
        with parsing_reply("GetCallerIdentity"):
            raise KeyError
    except RequestFailed as error:
        yield str(error)
    nobody = _reviewer({})
    assert isinstance(nobody, NoIdentity)
    yield nobody.reason


def changed(document: Any) -> Iterator[Any]:
    """Yield a document with each of its values replaced by each of the bad ones."""
    yield from BAD_VALUES
    if isinstance(document, dict):
        for name, value in document.items():
            yield from ({**document, name: bad} for bad in changed(value))
    if isinstance(document, list):
        for index, value in enumerate(document):
            for bad in changed(value):
                yield [*document[:index], bad, *document[index + 1 :]]


def reasons_of_documents() -> Iterator[str]:
    submission = {"number": 1, "count": 1, "limit": 5, "possibly_billed_calls": 1, "earlier": []}
    valid = result("p", submission=submission, package={"reused": False, "first_used": None})
    body = json.dumps(valid).encode()
    bodies = [json.dumps(each).encode() for each in changed(valid)]
    bodies += [b"{", b"x" * 300_000, b'{"schema": NaN}', b"[" * 100_000]
    head = ObjectHead(
        key="k", size=1, etag="e", md5="e", last_modified=0.0, date=0.0, is_archived=False,
        metadata=metadata_of(valid),
    )  # fmt: skip
    for each in bodies:
        document = read_document(SETTINGS, "p", StoredObject(head, each))
        if isinstance(document, UnreadableResult):
            yield document.reason
        yield read_result("p", each, metadata_of(valid), 0.0).problem
    yield read_result("p", body, {}, 0.0).problem
    unmarked = StoredObject(head._replace(metadata={}), body)
    document = read_document(SETTINGS, "p", unmarked)
    assert isinstance(document, UnreadableResult)
    yield document.reason
    for bad in changed(review("p", 1, "approve", "same-person", body)):
        yield read_decision("p", 1, json.dumps(bad).encode(), 0.0).problem


def reasons_of_refusals() -> Iterator[str]:
    for name in ("security.py", "server.py"):
        yield from strings_of_calls(Path(liveness_review.__file__).parent / name, "Refusal")


@pytest.mark.parametrize(
    "reasons",
    [reasons_of_the_store, reasons_of_requests, reasons_of_documents, reasons_of_refusals],
)
def test_no_reason_is_left_in_english(reasons: Any) -> None:
    given = {reason for reason in reasons() if reason}

    assert len(given) > 5
    assert {reason: left for reason in given if (left := english_in(in_chinese(reason)))} == {}


def test_every_reason_is_one_that_can_be_given() -> None:
    given = [
        reason
        for reasons in (
            reasons_of_the_store, reasons_of_requests, reasons_of_documents, reasons_of_refusals,
        )
        for reason in reasons()
    ]  # fmt: skip
    given.append("COS does not give it out: 403")

    for text in REASONS:
        pattern = re.sub(r"\\{\w+\\}", ".+", re.escape(text.en))
        assert any(re.search(pattern, reason) for reason in given), text.en
        values = [sorted(re.findall(r"{\w+}", each)) for each in text]
        assert values[0] == values[1], text.en


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("inputs[0].last_modified is not a string", "inputs[0].last_modified 不是字符串"),
        ("similarity is not from 0 to 100", "similarity 不在 0 到 100 之间"),
        ("status is none of passed, failed", "status 不是下列之一：passed, failed"),
        ("schema is not 'a {b}'", "schema 不是 'a {b}'"),
        ("COS GET 'a: b' in 'c': 403 X: check the policy of your key, see `liveness policies`",
         "COS GET 'a: b' in 'c': 403 X: 请检查您的密钥的策略，见 `liveness policies`"),
    ],
)  # fmt: skip
def test_values_stay_in_their_places(english: str, chinese: str) -> None:
    assert in_chinese(english) == chinese


def test_on_the_english_page_a_reason_stays_as_it_is() -> None:
    assert reason_in(ENGLISH, "it is not JSON") == "it is not JSON"


# ---- the pages


def words(page: str) -> str:
    """Return what a page shows; not what it marks as English, as both languages of a hint."""
    shown = re.sub(r'<(\w+)[^>]* lang="en"[^>]*>.*?</\1>', "", page, flags=re.DOTALL)
    shown = re.sub(r"<code>.*?</code>", "", shown)
    return html.unescape(re.sub(r"<[^>]*>", "\n", shown))


def chinese(page: Reviewing, path: str, **parameters: str) -> str:
    query = urlencode({**parameters, "lang": "zh"})
    answer = page.ask(f"{page.gate.folder}{path}?{query}")
    assert 'lang="zh-CN"' in answer.text
    return words(answer.text)


@pytest.mark.parametrize(
    ("path", "parameters", "said"),
    [
        ("pair", {"id": ""}, "无效的配对 ID：配对 ID 为空"),
        ("pair", {"id": "x" * 900}, "无效的配对 ID：配对 ID 有 900 字节"),
        ("nowhere", {}, "没有此页面"),
        ("overview", {"days": "x"}, "筛选条件“时间范围（天）”有误"),
        ("threshold", {"at": "x"}, "筛选条件“阈值”有误"),
        ("", {"from": "x"}, "筛选条件“从”有误"),
        ("", {"until": "x"}, "筛选条件“到”有误"),
        ("", {"least": "x"}, "筛选条件“相似度不低于”有误"),
        ("", {"most": "x"}, "筛选条件“相似度不高于”有误"),
        ("", {}, "还没有结果"),
    ],
)
def test_what_is_asked_for_in_vain(
    start: Start, path: str, parameters: dict[str, str], said: str
) -> None:
    shown = chinese(start(), path, **parameters)

    assert said in shown
    assert english_in(shown) == []


VIEWS = ("", "waiting", "overview", "threshold")


def test_pages_of_what_is_there(start: Start, judge: Judge, cloud: Cloud) -> None:
    judge("p")
    put_body(cloud, "edited", b"{}", {})
    put_result(cloud, "other", similarity="x")
    cloud.put("w", "live.bin", b"live")
    page = start()

    shown = [chinese(page, path) for path in VIEWS]
    shown += [chinese(page, "pair", id=pair) for pair in ("p", "edited", "other", "w", "nobody")]

    assert [english_in(each) for each in shown] == [[]] * len(shown)
    assert "similarity 不是数字" in shown[0]
    assert "1 秒" in shown[1] or "0 秒" in shown[1]


@pytest.mark.parametrize("without", ["liveness/ledger/", "name/cos:GetBucket"])
def test_pages_under_keys_that_may_not_read_everything(
    start: Start, judge: Judge, without: str
) -> None:
    judge("p")
    page = start(without=without)

    shown = [chinese(page, path) for path in VIEWS] + [chinese(page, "pair", id="p")]

    assert [english_in(each) for each in shown] == [[]] * len(shown)
    assert "请检查您的密钥的策略" in "".join(shown)


def test_somebody_whom_sts_does_not_know(start: Start, cloud: Cloud) -> None:
    error = {"Code": "AuthFailure.UnauthorizedOperation", "Message": "Refused."}
    body = json.dumps({"Response": {"Error": error, "RequestId": "1"}}).encode()
    reply = CloudReply(200, body, {"Content-Type": "application/json"})
    cloud.sandbox.hooks.append(
        lambda request, phase: reply if request.action == "GetCallerIdentity" else None
    )

    shown = chinese(start(), "overview")

    assert "请检查您的密钥的策略" in shown
    assert english_in(shown) == []


def test_an_error_of_the_store(start: Start, cloud: Cloud) -> None:
    page = start()
    cloud.bucket.put("liveness/results/p/result.json", b"{}")
    cloud.sandbox.put_user("lin", {})  # the key may do nothing any more

    shown = chinese(page, "pair", id="p")

    assert "COS 未按预期应答" in shown
    assert english_in(shown) == []


def test_who_is_not_let_in_is_told_in_the_language_of_the_browser(start: Start) -> None:
    page = start()

    for language, title, reason in (
        ("zh-CN", "拒绝访问", "此浏览器不是打开页面的那一个"),
        ("en", "Not let in", "This browser is not the one"),
    ):
        answer = page.ask(page.gate.folder, headers={"Accept-Language": language}, signed_in=False)
        assert answer.status == 403
        assert title in answer.text
        assert reason in answer.text
