"""Every text of the page, in English and Chinese, except what the vendor or the function wrote."""

from __future__ import annotations

from collections.abc import Mapping

from liveness_cli.operator.sentences import duration_in
from liveness_cli.texts import CHINESE, ENGLISH, LANGUAGES, Text

from .reasons import reason_in

TEXTS: Mapping[str, Text] = {
    # The frame of every page
    "title": Text("Liveness review", "活体核验复核"),
    "skip": Text("Skip to content", "跳到正文"),
    "nav": Text("Views", "视图"),
    "nav_list": Text("Results", "结果"),
    "nav_waiting": Text("Waiting", "等待中"),
    "nav_overview": Text("Overview", "概览"),
    "nav_threshold": Text("Threshold", "阈值"),
    "language": Text("中文", "English"),
    "keys": Text("Keys", "快捷键"),
    "bucket": Text("Bucket", "存储桶"),
    "signed_in": Text("You are", "当前身份"),
    "no_identity": Text(
        "Unknown, so nothing can be decided: {reason}", "未知，因此无法作出决定：{reason}"
    ),
    "utc": Text("All times are UTC.", "所有时间均为 UTC。"),
    "as_of": Text("As of {time}", "截至 {time}"),
    "refresh": Text("Refresh", "刷新"),
    "refresh_failed": Text("The last refresh failed: {reason}", "上次刷新失败：{reason}"),
    "close": Text("Close", "关闭"),
    # Statuses and decisions
    "status_passed": Text("Passed", "通过"),
    "status_rejected": Text("Rejected", "不通过"),
    "status_retake": Text("Retake", "重拍"),
    "status_invalid": Text("Invalid", "无效"),
    "status_failed": Text("Failed", "失败"),
    "status_unreadable": Text("Unreadable", "不可读"),
    "decision_approve": Text("Approve", "批准"),
    "decision_reject": Text("Reject", "拒绝"),
    "decision_retake": Text("Ask again", "要求重试"),
    "decided_approve": Text("Approved", "已批准"),
    "decided_reject": Text("Rejected", "已拒绝"),
    "decided_retake": Text("Asked again", "已要求重试"),
    "disputed": Text("Reviewers disagree", "复核意见不一致"),
    "reason_same-person": Text("Same person", "同一人"),
    "reason_different-person": Text("Different person", "不是同一人"),
    "reason_not-live": Text("Not a live person", "不是真人"),
    "reason_poor-picture": Text("Picture too poor", "图像质量差"),
    "reason_face-covered": Text("Face covered", "面部遮挡"),
    "reason_wrong-reference": Text("Wrong reference photo", "参考照片有误"),
    "reason_other": Text("Other: see note", "其他（见备注）"),
    # The list
    "list_search": Text("Pair id", "配对 ID"),
    "list_search_hint": Text("contains …", "包含……"),
    "list_status": Text("Status", "状态"),
    "list_reason": Text("Reason", "原因"),
    "list_time": Text("Time", "时间"),
    "list_from": Text("From", "从"),
    "list_to": Text("Until", "到"),
    "list_similarity": Text("Similarity", "相似度"),
    "list_least": Text("at least", "不低于"),
    "list_most": Text("at most", "不高于"),
    "list_decision": Text("Decision", "人工决定"),
    "list_any": Text("any", "不限"),
    "list_decided": Text("decided", "已决定"),
    "list_undecided": Text("undecided", "未决定"),
    "list_disputed": Text("disputed", "有分歧"),
    "list_filter": Text("Filter", "筛选"),
    "list_reset": Text("Reset", "重置"),
    "list_count": Text("{count} results", "{count} 条结果"),
    "list_empty": Text("No result matches.", "没有符合条件的结果。"),
    "list_empty_bucket": Text(
        "There is no result yet. Upload a pair, or check that LIVENESS_BUCKET and "
        "LIVENESS_RESULT_PREFIX are those of the function.",
        "还没有结果。请上传一对输入，"
        "或检查 LIVENESS_BUCKET 与 LIVENESS_RESULT_PREFIX 是否与函数一致。",
    ),
    "list_newer": Text("Newest", "最新"),
    "list_older": Text("Older", "更早"),
    "list_pair": Text("Pair", "配对"),
    # Waiting
    "waiting_title": Text("Pairs without a result", "尚无结果的配对"),
    "waiting_empty": Text("No pair waits.", "没有等待中的配对。"),
    "waiting_missing": Text("Missing", "缺少"),
    "waiting_for": Text("For", "已等待"),
    "waiting_nothing": Text("nothing: the function has not finished it", "不缺：函数尚未处理完"),
    "stray_title": Text("Keys that belong to no pair", "不属于任何配对的对象键"),
    "stray_empty": Text("Every key belongs to a pair.", "每个对象键都属于某个配对。"),
    "stray_key": Text("Key", "对象键"),
    "stray_why": Text("Why", "原因"),
    "only_first": Text("The first {count} are shown.", "仅显示前 {count} 条。"),
    "role_live": Text("liveness package", "活体数据包"),
    "role_image": Text("reference photo", "参考照片"),
    # The pair
    "pair_back": Text("Back to the list", "返回列表"),
    "pair_next": Text("Next", "下一个"),
    "pair_previous": Text("Previous", "上一个"),
    "pair_reference": Text("Reference", "参考照片"),
    "pair_frame": Text("Live", "活体画面"),
    "pair_reference_alt": Text("Reference photo of this person", "此人的参考照片"),
    "pair_frame_alt": Text("Best frame of the liveness recording", "活体录制的最佳帧"),
    "pair_pictures": Text("Two faces", "两张人脸"),
    "pair_zoom": Text("Zoom", "缩放"),
    "pair_print": Text("Print", "打印"),
    "pair_verdict": Text("Verdict", "核验结论"),
    "pair_none": Text("This pair has no result.", "该配对尚无结果。"),
    "pair_similarity": Text("Similarity", "相似度"),
    "pair_not_compared": Text("The faces were not compared.", "未进行人脸比对。"),
    "pair_no_similarity": Text("The result has no similarity.", "结果中没有相似度。"),
    "pair_scale": Text(
        "Similarity {similarity} on a scale from 0 to 100; the threshold is {threshold}",
        "相似度 {similarity}（0 到 100），阈值 {threshold}",
    ),
    "pair_threshold": Text("threshold {threshold}", "阈值 {threshold}"),
    "pair_answer": Text("The service's answer", "服务的响应"),
    "pair_decide": Text("Decide", "作出决定"),
    "pair_note": Text("Note", "备注"),
    "pair_note_hint": Text("required for “Other”", "选择“其他”时必填"),
    "pair_store": Text("Store the decision", "保存决定"),
    "pair_decisions": Text("Decisions", "决定"),
    "pair_no_decisions": Text("Nobody has decided yet.", "尚无人作出决定。"),
    "pair_decision_earlier": Text("on earlier content", "针对先前的内容"),
    "pair_decision_damaged": Text(
        "review-{number}.json is not as this page writes it.",
        "review-{number}.json 与本页写入的格式不符。",
    ),
    "pair_submissions": Text("Submissions", "提交次数"),
    "pair_submission_refused": Text(
        "One content too many: {total} were admitted; at most {limit} are judged. "
        "Calls possibly billed in all: {calls}.",
        "多提交了一份内容：已受理 {total} 份；最多核验 {limit} 份。可能计费的调用合计：{calls}。",
    ),
    "pair_submission_of": Text(
        "Content {number} of {total} so far; at most {limit} are judged. "
        "Calls possibly billed in all: {calls}.",
        "至今 {total} 份内容中的第 {number} 份；最多核验 {limit} 份。可能计费的调用合计：{calls}。",
    ),
    "pair_submission_none": Text("The result counts no submission.", "该结果没有提交计数。"),
    "pair_submission_unanswered": Text("no answer", "无响应"),
    "pair_package_reused": Text(
        "This liveness package was first submitted at {time}, for another pair.",
        "该活体数据包最早于 {time} 为另一配对提交过。",
    ),
    "pair_package_new": Text(
        "This liveness package was not submitted before.", "该活体数据包此前未提交过。"
    ),
    "pair_next_steps": Text("What happens next", "后续"),
    "pair_action": Text("What the operator can do", "运维人员可以做什么"),
    "pair_timeline": Text("Timeline", "时间线"),
    "pair_timeline_refused": Text(
        "The history is not shown: {reason}", "无法显示历史记录：{reason}"
    ),
    "pair_details": Text("Evidence", "证据"),
    "pair_fingerprint": Text("Fingerprint", "指纹"),
    "pair_result_sha256": Text("SHA-256 of result.json", "result.json 的 SHA-256"),
    "pair_reference_sha256": Text("SHA-256 of the reference", "参考照片的 SHA-256"),
    "pair_frame_sha256": Text("SHA-256 of the best frame", "最佳帧的 SHA-256"),
    "pair_attempts": Text("Attempts", "尝试次数"),
    "pair_calls": Text("Calls possibly billed", "可能计费的调用"),
    "pair_request": Text("Request ID of the API", "API 请求 ID"),
    "pair_published": Text("Published", "发布时间"),
    "pair_uploaded": Text("{role}, uploaded", "{role}，上传时间"),
    "pair_version": Text("Version", "版本"),
    "pair_printed": Text("Printed {time} by {reviewer}", "{reviewer} 打印于 {time}"),
    "pair_replaced": Text(
        "The inputs were replaced after this result. It is about the earlier content; a new "
        "result is on its way.",
        "此结果之后输入已被替换。结果针对先前的内容；新结果即将产生。",
    ),
    "pair_contradiction": Text(
        "The result was edited: the response on record says {status}, similarity {similarity}.",
        "结果被修改过：记录的响应为 {status}，相似度 {similarity}。",
    ),
    "pair_unreadable": Text(
        "result.json was not written by the function, or was edited: {reason}. Nothing of it is "
        "shown, and nothing can be decided.",
        "result.json 不是函数写入的，或被修改过：{reason}。不显示其内容，也无法作出决定。",
    ),
    "pair_disputed": Text(
        "Reviewers disagree about this content. All decisions are kept; agree on one and store it.",
        "复核人员对此内容意见不一致。所有决定均已保留；请商定后再保存一个决定。",
    ),
    # Why a picture is not shown
    "picture_no_result": Text("Shown when there is a result", "有结果后显示"),
    "picture_no_frame": Text("The result has no best frame", "结果中没有最佳帧"),
    "picture_ambiguous": Text(
        "There are several reference photos, or none", "参考照片有多张，或没有"
    ),
    "picture_gone": Text("Deleted, or expired", "已删除或已过期"),
    "picture_replaced": Text(
        "Replaced: these are not the bytes that were judged", "已被替换：不是被核验的内容"
    ),
    "picture_refused": Text("Your keys may not read it", "您的密钥无权读取"),
    "picture_unavailable": Text("COS did not return it", "COS 未返回"),
    "picture_too_large": Text("Too large to be shown", "过大，无法显示"),
    "picture_too_many_pixels": Text("Too many pixels to be shown", "像素过多，无法显示"),
    "picture_other_type": Text("Neither a JPEG nor a PNG", "既不是 JPEG 也不是 PNG"),
    "picture_damaged": Text("A damaged JPEG or PNG", "损坏的 JPEG 或 PNG"),
    # Deciding
    "done": Text("Stored: {decision} for {pair}", "已保存：{pair} – {decision}"),
    "problem_reason": Text("Choose a decision with its reason.", "请选择决定及其原因。"),
    "problem_note": Text("“Other” needs a note.", "选择“其他”时须填写备注。"),
    "problem_note_long": Text("The note has more than 500 characters.", "备注超过 500 个字符。"),
    "problem_unseen": Text(
        "Comparing needs both pictures on the screen. Reject for another reason, or ask again.",
        "只有两张图像都已显示才能比对。请以其他原因拒绝，或要求重试。",
    ),
    "problem_replaced": Text(
        "Nothing was stored: the content was replaced while you looked at it. This is what is "
        "there now.",
        "未保存：您查看期间内容已被替换。以下是当前内容。",
    ),
    "problem_view": Text(
        "Nothing was stored: the page was started anew since this view was loaded. Look again, "
        "then decide.",
        "未保存：加载此视图后页面已重新启动。请重新查看后再决定。",
    ),
    "problem_identity": Text(
        "Nothing was stored: STS did not say who you are ({reason}).",
        "未保存：STS 未返回您的身份（{reason}）。",
    ),
    # States of explain
    "state_unknown": Text("Unknown pair", "未知的配对"),
    "state_gone": Text("Both inputs were deleted", "两个输入均已删除"),
    "state_waiting": Text("Waits for an input", "等待输入"),
    "state_invalid": Text("An input cannot be used", "输入不可用"),
    "state_damaged": Text("A ledger record is damaged", "台账记录损坏"),
    "state_failed": Text("Left to an operator", "等待运维人员处理"),
    "state_answered": Text("Answered; about to be published", "已有响应，即将发布"),
    "state_exhausted": Text("About to be given up", "即将放弃"),
    "state_ready": Text("Waits for its call", "等待调用"),
    "state_running": Text("A call is running", "调用进行中"),
    "state_passed": Text("Final", "最终结果"),
    "state_rejected": Text("Final", "最终结果"),
    "state_retake": Text("Final", "最终结果"),
    # Kinds of timeline entries
    "kind_input": Text("input", "输入"),
    "kind_claim": Text("claim", "认领"),
    "kind_released": Text("released", "释放"),
    "kind_response": Text("response", "响应"),
    "kind_late": Text("late answer", "迟到的响应"),
    "kind_grant": Text("grant", "授权"),
    "kind_marker": Text("marker", "标记"),
    "kind_result": Text("result", "结果"),
    "kind_review": Text("decision", "决定"),
    # Help
    "key_open": Text("open", "打开"),
    "key_move": Text("down, up in the list", "列表中向下、向上"),
    "key_search": Text("search", "搜索"),
    "key_back": Text("back to the list", "返回列表"),
    "key_next": Text("next, previous pair", "下一个、上一个配对"),
    "key_approve": Text("choose approve", "选择批准"),
    "key_reject": Text("choose reject", "选择拒绝"),
    "key_retake": Text("choose ask again", "选择要求重试"),
    "key_option": Text("choose a reason by its number", "按编号选择原因"),
    "key_note": Text("write a note", "填写备注"),
    "key_store": Text("store the decision", "保存决定"),
    "key_zoom": Text("zoom in, out", "放大、缩小"),
    "key_print": Text("print", "打印"),
    "key_help": Text("show the keys", "显示快捷键"),
    "key_views": Text("results, waiting, overview, threshold", "结果、等待中、概览、阈值"),
    # Overview
    "overview_span": Text("Span", "时间范围"),
    "overview_days_1": Text("24 hours", "24 小时"),
    "overview_days_7": Text("7 days", "7 天"),
    "overview_days_30": Text("30 days", "30 天"),
    "overview_hours": Text("Results an hour, by status", "每小时结果数（按状态）"),
    "overview_daily": Text("Results a day, by status", "每天结果数（按状态）"),
    "overview_median": Text("time to result, median", "出结果时间，中位数"),
    "overview_p99": Text("time to result, 99 %", "出结果时间，99%"),
    "overview_billed": Text("calls billed", "已计费调用"),
    "overview_possibly_billed": Text("calls possibly billed", "可能计费的调用"),
    "overview_decided": Text("decided by people", "人工决定"),
    "overview_disputed": Text(", {count} disputed", "，其中 {count} 条有分歧"),
    "overview_backlog": Text("Backlog, now", "积压（当前）"),
    "overview_markers": Text("Pairs parked", "已挂起的配对"),
    "overview_due": Text("Due now", "已到期"),
    "overview_oldest": Text("Longest overdue", "最久逾期"),
    "overview_drainer": Text("Drained by", "处理实例"),
    "overview_no_drainer": Text("nobody at the moment", "当前没有"),
    "overview_breaker": Text("Breaker", "熔断"),
    "overview_open": Text("open: {cause}", "熔断中：{cause}"),
    "overview_closed": Text("closed", "未熔断"),
    "cause_refused": Text("refused", "调用被拒绝"),
    "cause_unanswered": Text("unanswered", "没有回答"),
    "overview_no_backlog": Text("Cannot be read: {reason}", "无法读取：{reason}"),
    "overview_retakes": Text("Retakes, by reason", "重拍原因"),
    "overview_no_retakes": Text("No retake in this span.", "此时间范围内没有重拍。"),
    # Threshold
    "threshold_histogram": Text(
        "Similarity of what was compared, and the threshold", "已比对结果的相似度与阈值"
    ),
    "threshold_at": Text("Threshold", "阈值"),
    "threshold_current": Text(
        "The threshold in this environment is {threshold}.", "当前环境中的阈值为 {threshold}。"
    ),
    "threshold_vendor": Text(
        "The vendor states a false accept rate of 0.1 % at 70 and of 0.01 % at 80.",
        "厂商给出的误识率：阈值 70 时为 0.1%，80 时为 0.01%。",
    ),
    "threshold_passing": Text("would pass", "将通过"),
    "threshold_failing": Text("would fail", "将不通过"),
    "threshold_newly_failing": Text("passed, and would fail", "原通过，将不通过"),
    "threshold_newly_passing": Text("failed, and would pass", "原不通过，将通过"),
    "threshold_fnmr": Text("FNMR: same person, and rejected", "FNMR：同一人却未通过"),
    "threshold_fmr": Text("FMR: different person, and passed", "FMR：非同一人却通过"),
    "threshold_rate": Text(
        "{rate} % ({low}–{high} %), {errors} of {comparisons}",
        "{rate}%（{low}–{high}%），{comparisons} 个中有 {errors} 个",
    ),
    "threshold_no_rate": Text("no data", "无数据"),
    "threshold_unreliable": Text(" – few errors", "（错误数少）"),
    "threshold_rates": Text("Error rates where people decided", "人工决定样本上的错误率"),
    "threshold_nobody": Text(
        "Nobody has judged any two faces yet, so no error rate can be given.",
        "尚无人对任何两张人脸作出判断，因此无法给出错误率。",
    ),
    "threshold_time": Text("Similarity over time, by week", "相似度随时间变化（按周）"),
    "threshold_time_legend": Text(
        "Median, middle half and 5 to 95 % of each week. A step without a change of yours may be a "
        "new model of the vendor's.",
        "每周的中位数、中间一半及 5% 至 95%。您未作改动却出现跳变，可能是厂商更换了模型。",
    ),
    "threshold_all": Text("All thresholds", "所有阈值"),
    "threshold_vendor_rate": Text("Vendor's false accept rate", "厂商误识率"),
    "threshold_empty": Text("No similarity has decided a result yet.", "尚无由相似度决定的结果。"),
    "note_no-mated": Text(
        "Nobody judged a comparison to be of the same person: there is no FNMR.",
        "没有被判断为同一人的比对：无法给出 FNMR。",
    ),
    "note_no-non-mated": Text(
        "Nobody judged a comparison to be of different persons: there is no FMR.",
        "没有被判断为不同人的比对：无法给出 FMR。",
    ),
    "note_selected": Text(
        "The rates are of the pairs that people chose to decide, not of all: if those were the "
        "doubtful ones, both rates are higher than among all. In brackets: 95 %, Clopper-Pearson.",
        "错误率只针对人工选择决定的配对，而非全部：若选择的是可疑配对，两个错误率都会高于总体。"
        "括号内为 95% 置信区间（Clopper-Pearson）。",
    ),
    "note_contradictory-left-out": Text(
        "Pairs about which people disagree are left out of the rates.",
        "意见不一致的配对不计入错误率。",
    ),
    "note_vendor-rejects": Text(
        "Some pairs were rejected by the service itself (CompareLowSimilarity), which would do so "
        "at any threshold of ours.",
        "部分配对由服务本身拒绝（CompareLowSimilarity），与我们的阈值无关。",
    ),
    "note_unreadable-left-out": Text(
        "Results that are not valid are left out.", "无效的结果不计入。"
    ),
    # Errors
    "error": Text("This did not work", "未能完成"),
    "error_retry": Text("Try again", "重试"),
    "error_store": Text("COS did not answer as expected: {reason}", "COS 未按预期应答：{reason}"),
    "error_unexpected": Text(
        "An unexpected error occurred; the terminal shows it.", "发生意外错误，详见终端。"
    ),
    "refused": Text("Not let in", "拒绝访问"),
    "opening": Text("Opening the page …", "正在打开页面……"),
    "error_not_found": Text("There is no such page.", "没有此页面。"),
    "error_pair_id": Text("This cannot be a pair id: it {problem}.", "无效的配对 ID：{problem}。"),
    "filter_at": Text("Threshold", "阈值"),
    "filter_days": Text("Span in days", "时间范围（天）"),
    "filter_from": Text("From", "从"),
    "filter_until": Text("Until", "到"),
    "filter_least": Text("Similarity, at least", "相似度不低于"),
    "filter_most": Text("Similarity, at most", "相似度不高于"),
    "error_filter": Text(
        "The filter “{name}” is wrong; right is, for example, {right}.",
        "筛选条件“{name}”有误；正确的写法例如：{right}。",
    ),
}


class Texts:
    """The texts in one language, as the templates use them."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.html_language = "zh-CN" if language == CHINESE else "en"

    def __call__(self, key: str, **values: object) -> str:
        """Return the text with its values filled in; an unknown key is an error."""
        text = TEXTS[key].in_language(self.language)
        return text.format(**values) if values else text

    def known(self, prefix: str, name: str) -> str:
        """Return the text for a name that another program wrote; the name itself if it is new."""
        key = f"{prefix}_{name}"
        return self(key) if key in TEXTS else name

    def reason(self, reason: str) -> str:
        """Return why something failed; other modules give the reason in English."""
        return reason_in(self.language, reason)

    def duration(self, seconds: float | None) -> str:
        return "–" if seconds is None else duration_in(seconds, self.language)


def preferred(accept_language: str) -> str:
    """Return the first language of an Accept-Language header that the page has."""
    weighted: list[tuple[float, int, str]] = []
    for position, entry in enumerate(accept_language.split(",")[:20]):
        name, _, parameter = entry.strip().partition(";")
        primary = name.split("-")[0].lower()
        try:
            weight = float(parameter.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if primary in LANGUAGES:
            weighted.append((-weight, position, primary))
    return min(weighted)[2] if weighted else ENGLISH
