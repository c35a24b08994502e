"""The sentences of `explain` and `status`, as codes with values, in both languages. Pure.

Texts of the vendor, the function or a customer are values, and are not translated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from liveness.keys import KeyProblem
from liveness.markers import ParkReason

from ..text import format_duration, pluralize
from ..texts import CHINESE, ENGLISH, Text


class Seconds(NamedTuple):
    """A duration."""

    seconds: float


class Count(NamedTuple):
    """A number of things of one kind; `_NOUNS` has the names."""

    number: int
    noun: str


class Sentence(NamedTuple):
    """One of `SENTENCES` by its code, with its values."""

    code: str
    values: Mapping[str, Value]


Value: TypeAlias = "str | int | float | Seconds | Count | Sentence | list[Sentence]"


def say(code: str, /, **values: Value) -> Sentence:
    return Sentence(code, values)


def render(said: Sentence | Sequence[Sentence], language: str = ENGLISH) -> str:
    """Put sentences into words; several are joined without a separator."""
    if not isinstance(said, Sentence):
        return "".join(render(each, language) for each in said)
    template = SENTENCES[said.code].in_language(language)
    return template.format(**{name: _word(value, language) for name, value in said.values.items()})


def _word(value: Value, language: str) -> str:
    if isinstance(value, Sentence | list):
        return render(value, language)
    if isinstance(value, Seconds):
        return duration_in(value.seconds, language)
    if isinstance(value, Count):
        if language == CHINESE:
            return f"{value.number:,} {_NOUNS[value.noun]}"
        return pluralize(value.number, value.noun)
    return str(value)


def duration_in(seconds: float, language: str) -> str:
    """Format a duration with about two digits, such as `3 min`."""
    number, unit = format_duration(seconds).split(" ")
    return f"{number} {_UNITS[unit] if language == CHINESE else unit}"


_UNITS: Mapping[str, str] = {"s": "秒", "min": "分钟", "h": "小时", "d": "天"}
_NOUNS: Mapping[str, str] = {
    "attempt": "次尝试",
    "byte": "字节",
    "call": "次调用",
    "set-back": "次受挫",
    "time": "次",
}
_KEY_ZH: Mapping[KeyProblem, str] = {
    KeyProblem.OUTSIDE_PREFIX: "不在输入前缀 {prefix} 之下",
    KeyProblem.FOLDER: "是文件夹占位对象",
    KeyProblem.UNKNOWN_SUFFIX: "不以下列任一后缀结尾：{suffixes}",
    KeyProblem.NO_PAIR_ID: "配对 ID 为空",
    KeyProblem.NOT_UNICODE: "配对 ID 不是有效的 Unicode",
    KeyProblem.LONG_PAIR_ID: "配对 ID 有 {size} 字节；最多 {room} 字节，结果的键才不会过长",
}
_PARKED_ZH: Mapping[ParkReason, str] = {
    ParkReason.LEASE_HELD: "租约由另一次函数调用持有",
    ParkReason.DRAIN_ACTIVE: "另一个实例正在清理积压",
    ParkReason.TIME_EXHAUSTED: "本次函数调用剩余的时间不够一次接口调用",
    ParkReason.NO_CALL_SLOT: "本次函数调用超时之前没有可用的接口调用时段",
    ParkReason.DRAIN_ENDING: "接口调用开始之前，这次清理就会结束",
    ParkReason.ATTEMPTS_EXHAUSTED: "尝试次数已用完；最后一次仍可能得到响应",
    ParkReason.LATE_WRITE: "一次未确认的写入仍可能生效",
    ParkReason.RECONCILE: "对账发现没有事件处理完这对文件",
    ParkReason.INPUTS_UNSTABLE: "处理过程中输入不断变化",
    ParkReason.THROTTLED: "人脸核身接口超过请求频率",
    ParkReason.BREAKER_OPEN: "正在熔断：除探测外不调用接口",
    ParkReason.SPACED: "上次受挫之后的等待尚未结束",
    ParkReason.PACKAGE_IN_USE: "另一对文件可能正以同一数据包核验",
    ParkReason.UNREACHABLE: "无法连接人脸核身接口；没有发出调用",
    ParkReason.OUTCOME_UNKNOWN: "一次调用没有得到响应；可能已计费",
    ParkReason.TRANSIENT: "人脸核身接口暂时无法核验这些输入",
    ParkReason.BAD_LINK: "人脸核身接口未能完整取得输入",
    ParkReason.MISCONFIGURED: "人脸核身接口拒绝调用；须由运维人员处理",
    ParkReason.PREPARATION_SLOW: "读取输入耗时过长",
    ParkReason.PREPARATION_FAILED: "无法为调用作好准备",
    ParkReason.STORE_UNAVAILABLE: "无法连接 COS，或 COS 出错",
    ParkReason.UNEXPECTED_ERROR: "处理这对文件时发生错误",
}

SENTENCES: Mapping[str, Text] = {
    # ---- what happens next, and what the operator can do
    "nothing": Text("Nothing happens: {why}.", "不会再有处理：{why}。"),
    "unknown": Text(
        "this pair id has no input, no result and no ledger entry",
        "此配对 ID 没有输入、结果或台账记录",
    ),
    "unknown-action": Text(
        "Check the pair id, LIVENESS_INPUT_PREFIX and the suffixes.",
        "请检查配对 ID、LIVENESS_INPUT_PREFIX 和后缀。",
    ),
    "gone": Text(
        "both inputs were deleted; a published result stays",
        "两个输入均已删除；已发布的结果保留不变",
    ),
    "gone-action": Text("There is nothing left to do.", "无需任何操作。"),
    "waiting": Text(
        "The function waits for the {role} input; its upload triggers it.",
        "函数在等待{role}；上传后即会触发函数。",
    ),
    "waiting-action": Text(
        "Have the missing input uploaded; a walk before that costs nothing and does nothing.",
        "请让缺少的输入上传；在此之前的处理不产生费用，也不会做任何事。",
    ),
    "role-live": Text("live", "数据包"),
    "role-image": Text("image", "照片"),
    "and": Text("{one} and {other}", "{one}和{other}"),
    "damaged": Text(
        "Every walk of this pair fails: its {what} is not as the function wrote it.",
        "这对文件的每次处理都会失败：{what}与函数写入的内容不符。",
    ),
    "response-record": Text("response record", "响应记录"),
    "late-record": Text("record of a late response", "迟到响应的记录"),
    "damaged-action": Text(
        "Restore that record, or delete it if the pair may be paid for again.",
        "请恢复该记录；如果可以为这对文件再次付费，也可将其删除。",
    ),
    "invalid": Text("the result says {reason}", "结果为 {reason}"),
    "invalid-unpublished": Text(
        "A result that says {reason} is published {when}, without a call.",
        "将{when}发布结果 {reason}，无需调用接口。",
    ),
    "invalid-action": Text(
        "Have the person try again under a new pair id.", "请让此人以新的配对 ID 重试。"
    ),
    "failed": Text("a failed pair is left to an operator", "失败的配对由运维人员处理"),
    "refused": Text(
        "the content was refused ({code}), without a call", "内容已被拒绝（{code}），没有调用接口"
    ),
    "frame-deleted": Text(
        "the result is final; the best frame that it names was deleted",
        "结果为最终结果；其中所指的最佳帧已删除",
    ),
    "frame-deleted-action": Text(
        "If that was not the retention of best frames, find out what deleted it; the function does "
        "not copy it again.",
        "如果不是因最佳帧的保留期而删除，请查明原因；函数不会再次复制。",
    ),
    "final": Text("the result is final", "结果为最终结果"),
    "final-without-frame": Text(
        "the result is final, without its best frame, which could not be copied",
        "结果为最终结果；最佳帧未能复制",
    ),
    "final-action": Text(
        "If the person tries again, use a new pair id.", "如果此人重试，请使用新的配对 ID。"
    ),
    "failure-unpublished": Text(
        "The failure of the pair is recorded; it is published {when}.",
        "失败已记录；将{when}发布。",
    ),
    "unpublished": Text(
        "The response is recorded; it is published {when}, without another call.",
        "响应已记录；将{when}发布，无需再次调用。",
    ),
    "late": Text(
        "A late response is used and published {when}, without another call.",
        "迟到的响应将{when}被采用并发布，无需再次调用。",
    ),
    "late-failure": Text(
        "A late response, which is a failure, is used and published {when}, without another call.",
        "迟到的响应（失败）将{when}被采用并发布，无需再次调用。",
    ),
    "publish-action": Text(
        "Publish it now, without a call: liveness retry {name}",
        "立即发布，无需调用：liveness retry {name}",
    ),
    "exhausted": Text(
        "{used}: the pair is given up and published as failed {when}.",
        "{used}：将{when}放弃这对文件，并以失败发布。",
    ),
    "attempts-used": Text("All {attempts} that count are used up", "计数的 {attempts}已全部用完"),
    "setbacks-used": Text(
        "All {setbacks} that a content may have are used up", "一份内容可有的 {setbacks}已全部用完"
    ),
    "exhausted-action": Text(
        "After that, allow one more attempt, which may be billed: liveness retry {name}",
        "在此之后，可许可再作一次尝试（可能计费）：liveness retry {name}",
    ),
    "pausing": Text("The pair pauses for another {wait}. ", "这对文件还须等待 {wait}。"),
    "ready": Text(
        "The next call, which may be billed, is made {when}.",
        "下一次调用（可能计费）将{when}发出。",
    ),
    "ready-breaker": Text(
        "The breaker is open ({cause}): until a call is answered, one pair at a time is called "
        "for, as a probe. The next call, which may be billed, is made at the earliest {when}.",
        "正在熔断（{cause}）：在得到响应之前，每次只为一对文件调用，作为探测。"
        "下一次调用（可能计费）最早{when}发出。",
    ),
    "refused-action": Text(
        "Correct what the reason says, which is the account's and not this pair's; the next drain "
        "then goes on by itself. To try this pair at once: liveness retry {name}",
        "请按原因所述排除账号的问题（与这对文件本身无关），之后的清理会自动继续。"
        "如需立即重试这对文件：liveness retry {name}",
    ),
    "key-action": Text(
        "That is a key, and not a pair id: liveness explain {name}",
        "这是对象键，不是配对 ID：liveness explain {name}",
    ),
    "ready-action": Text("Make it now: liveness retry {name}", "立即调用：liveness retry {name}"),
    "lease-action": Text(
        "Make it as soon as the last call's lease expires, in {left}: liveness retry {name}",
        "上次调用的租约到期（{left}后）即可调用：liveness retry {name}",
    ),
    "running": Text(
        "Invocation {owner} is running, or crashed: its lease expires in {left}. If no response is "
        "recorded by then, the pair {then}.",
        "函数调用 {owner} 正在运行，或已崩溃：其租约还有 {left}到期。"
        "如果届时没有记录到响应，这对文件将{then}。",
    ),
    "no-invocation": Text("unknown", "（未知）"),
    "continues": Text("continues {when}", "{when}继续处理"),
    "is-given-up": Text("is given up {when}", "{when}被放弃"),
    "running-action": Text(
        "Wait {left}, then run this command again.", "请等待 {left}，然后再次运行此命令。"
    ),
    "grant-action": Text(
        "Allow one more attempt, which may be billed: liveness retry {name}",
        "可许可再作一次尝试（可能计费）：liveness retry {name}",
    ),
    "late-action": Text(
        "Use the response that came too late, without a call: liveness retry {name}",
        "采用来得太晚的响应，无需调用：liveness retry {name}",
    ),
    "submissions-action": Text(
        "Find out who tries so often. To have this content judged, which may be billed, raise "
        "LIVENESS_MAX_SUBMISSIONS, then: liveness retry {name}",
        "请查明是谁如此频繁地尝试。如需核验这份内容（可能计费），请调高 "
        "LIVENESS_MAX_SUBMISSIONS，然后：liveness retry {name}",
    ),
    "package-action": Text(
        "Compare the pairs that have this package. To have it judged again, which may be billed, "
        "set LIVENESS_REUSED_PACKAGE=report, then: liveness retry {name}",
        "请比较使用此数据包的各对文件。如需再次核验（可能计费），请设置 "
        "LIVENESS_REUSED_PACKAGE=report，然后：liveness retry {name}",
    ),
    # ---- what starts the next walk, and when
    "by-drain-after": Text(
        "by the next drain after {condition}, in {wait}",
        "在 {wait}后（{condition}）的下一次清理时",
    ),
    "by-drainer": Text(
        "by invocation {owner}, which is draining now: its marker is due",
        "由正在清理的函数调用 {owner}（标记已到期）",
    ),
    "by-drain": Text(
        "by the next drain, within a minute: its marker is due",
        "在一分钟之内的下一次清理时（标记已到期）",
    ),
    "by-reconcile-after": Text(
        "by the hourly reconcile, not before {condition}, in {wait}: the pair has no marker",
        "在每小时的对账时，且不早于 {wait}后（{condition}；这对文件没有标记）",
    ),
    "by-event": Text(
        "by the upload's event or, if that is lost, by the hourly reconcile",
        "由上传事件触发，若事件丢失则在每小时的对账时",
    ),
    "by-reconcile": Text(
        "by the hourly reconcile, not before: the pair has no marker",
        "在每小时的对账时，不会更早（这对文件没有标记）",
    ),
    "marker-due": Text("its marker is due", "标记到期"),
    "pause-over": Text("its pause is over", "等待结束"),
    "late-wait-over": Text("the wait for a late answer is over", "对迟到响应的等待结束"),
    "probe-due": Text("the breaker's next probe is due", "熔断的下一次探测到期"),
    # ---- the timeline
    "input": Text("{key}, {size}", "{key}，{size}"),
    "of-other-content": Text(" (of other content)", "（属于其他内容）"),
    "marker": Text("due {due}{failures}: {reason}", "{due} 到期{failures}：{reason}"),
    "marker-failures": Text(", processed {times} without success", "，已处理 {times}而未成功"),
    "marker-error": Text("{reason}: {detail}", "{reason}：{detail}"),
    "marker-damaged": Text("damaged", "已损坏"),
    "claim": Text("attempt {number}{by}", "第 {number} 次尝试{by}"),
    "by": Text(" by invocation {owner}", "，由函数调用 {owner}"),
    "claim-running": Text("; its lease expires in {left}", "；租约还有 {left}到期"),
    "claim-unanswered": Text(
        "; no response was recorded, the call may have been billed",
        "；没有记录到响应，该次调用可能已计费",
    ),
    "released": Text(
        "attempt {number} released, nothing was billed", "第 {number} 次尝试已释放，没有计费"
    ),
    "grant": Text("one more attempt granted{by}", "许可再作一次尝试{by}"),
    "foreign": Text("{name}: not written by this function", "{name}：不是本函数写入的"),
    "response-damaged": Text(
        "damaged: not as the function wrote it", "已损坏：与函数写入的内容不符"
    ),
    "response-refused": Text("refused: {code}, no call was made", "已拒绝：{code}，没有调用接口"),
    "response-given-up": Text(
        "given up after attempt {attempt}; {calls} possibly billed",
        "第 {attempt} 次尝试之后放弃；{calls}可能计费",
    ),
    "response": Text(
        "attempt {attempt}: {code}{similarity}, so {status}; {calls} possibly billed",
        "第 {attempt} 次尝试：{code}{similarity}，因此为 {status}；{calls}可能计费",
    ),
    "response-late": Text(
        "attempt {attempt}: {code}{similarity}; arrived after another response was recorded",
        "第 {attempt} 次尝试：{code}{similarity}；到达时已记录了另一份响应",
    ),
    "no-code": Text("no code", "没有错误码"),
    "similarity": Text(", similarity {value}", "，相似度 {value}"),
    "result": Text("{status}: {code}{detail}{frame}", "{status}：{code}{detail}{frame}"),
    "no-reason": Text("no reason", "没有原因"),
    "detail": Text(" ({detail})", "（{detail}）"),
    "no-frame": Text("; no best frame", "；没有最佳帧"),
    "no-frame-because": Text("; no best frame: {reason}", "；没有最佳帧：{reason}"),
    "frame-exists": Text("; best frame exists", "；最佳帧存在"),
    "frame-missing": Text("; best frame was deleted", "；最佳帧已删除"),
    **{f"parked-{reason.code}": Text(reason.text, _PARKED_ZH[reason]) for reason in ParkReason},
    # ---- why a key is not an input's
    "key-input": Text(
        "is an input by the present settings, and was none when it was listed",
        "按现在的设置属于输入，列出时则不是",
    ),
    **{f"key-{problem.code}": Text(problem.text, _KEY_ZH[problem]) for problem in KeyProblem},
}
