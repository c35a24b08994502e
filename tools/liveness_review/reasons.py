"""Chinese translations of the reasons for failures, which the code gives in English only. Pure.

The commands, the client of COS and the readers of documents give a reason as a sentence; the page
shows it in its own language. Codes, keys and field names stay as they are. A sentence that is not
listed here stays English.
"""

from __future__ import annotations

import re
from functools import partial

from liveness.settings import CORRECT_BUCKET
from liveness_cli.texts import CHINESE, Text

# `{name}` stands for a word, and `{rest}` for everything up to the end.
REASONS = (
    # Keys, clock, network, deployment (liveness_cli.errors)
    Text(
        "your key is not known: check the secret id (TENCENTCLOUD_SECRETID), and whether the key "
        "was disabled or deleted",
        "您的密钥不存在：请检查 secret id（TENCENTCLOUD_SECRETID），以及密钥是否已停用或删除",
    ),
    Text(
        "your secret key does not belong to the secret id: check TENCENTCLOUD_SECRETKEY and, for "
        "temporary keys, the token",
        "您的 secret key 与 secret id 不匹配：请检查 TENCENTCLOUD_SECRETKEY；"
        "若是临时密钥，还要检查 token",
    ),
    Text(
        "your temporary keys have expired, or the token is not theirs: get new ones",
        "您的临时密钥已过期，或 token 与其不匹配：请获取新的密钥",
    ),
    Text(
        "this machine's clock is wrong, or the signature is too old: set the clock",
        "本机时钟有误，或签名过旧：请校准时钟",
    ),
    Text(
        "there is no connection: check this machine's network, its proxy variables (http_proxy, "
        "https_proxy, no_proxy; a proxy is reached by http), its certificates "
        "(REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE) and the region",
        "没有连接：请检查本机网络、代理变量（http_proxy、https_proxy、no_proxy；"
        "代理须以 http 访问）、证书（REQUESTS_CA_BUNDLE、CURL_CA_BUNDLE）和地域",
    ),
    Text(
        "this service is not in that region: give another one as TENCENTCLOUD_REGION",
        "该地域没有此服务：请把 TENCENTCLOUD_REGION 设为其他地域",
    ),
    Text(
        "no such function is deployed in this region: `liveness deploy` deploys it; if it has "
        "another name or region, give those",
        "该地域没有部署此函数：可用 `liveness deploy` 部署；若名称或地域不同，请指定",
    ),
    Text("check that your key is right, and ", "请检查密钥是否正确；"),
    Text(
        "check the policy of your key, see `liveness policies`",
        "请检查您的密钥的策略，见 `liveness policies`",
    ),
    # Requests (liveness.cloud.cos, liveness_cli.account, liveness_review.identity)
    Text("the reply is incomplete", "应答不完整"),
    Text("the reply's headers are incomplete", "应答头不完整"),
    Text("the reply carries no ETag", "应答没有 ETag"),
    Text("the reply cannot be parsed", "应答无法解析"),
    Text("the reply names nobody", "应答没有指明任何人"),
    Text("no intelligible reply", "没有可理解的应答"),
    Text("the body was truncated", "正文被截断"),
    Text("a different content was returned", "返回的是另一份内容"),
    Text(
        "this machine's clock is {seconds} s behind COS's, so its signatures are refused; set the "
        "clock",
        "本机时钟比 COS 慢 {seconds} 秒，签名因此被拒绝；请校准时钟",
    ),
    Text(
        "this machine's clock is {seconds} s ahead of COS's, so its signatures are refused; set "
        "the clock",
        "本机时钟比 COS 快 {seconds} 秒，签名因此被拒绝；请校准时钟",
    ),
    Text(
        "there is no bucket {bucket} ({variable}) in {region} (TENCENTCLOUD_REGION)",
        "地域 {region}（TENCENTCLOUD_REGION）没有存储桶 {bucket}（{variable}）",
    ),
    Text(
        CORRECT_BUCKET,
        "请在设置变量之处（环境、.env 或 serverless.yml）改正有误的变量；"
        "函数与存储桶必须在同一地域",
    ),
    # Refusals (.security, .server)
    Text("This request comes from another page.", "此请求来自另一个页面。"),
    Text(
        "This browser is not the one that opened the page. Open the address that "
        "`liveness review` printed; it works once. Start the command again for a new one.",
        "此浏览器不是打开页面的那一个。请打开 `liveness review` 打印的地址，该地址只能使用一次；"
        "需要新地址时，请重新启动该命令。",
    ),
    Text("This form was not sent by the page itself.", "此表单不是由页面本身提交的。"),
    Text(
        "This form is not from this run of the page: load it again.",
        "此表单不属于页面的本次运行：请重新加载。",
    ),
    Text(
        "This address is not the page's: use {address}.", "此地址不是页面的地址：请使用 {address}。"
    ),
    Text("Only GET and POST are answered.", "只接受 GET 和 POST。"),
    Text(
        "This address works once, and was used already, or is not complete. Start `liveness "
        "review` again. If nobody but you can have used it, there is nothing to worry about.",
        "此地址只能使用一次，现已被使用过，或不完整。请重新启动 `liveness review`。"
        "如果只有您可能用过它，则无需担心。",
    ),
    # Documents (.document, .documents, .refresh); the most general come last
    Text("COS does not give it out", "COS 不提供该对象"),
    Text("it has more than {number} bytes", "超过 {number} 字节"),
    Text("it is larger than {number} bytes", "超过 {number} 字节"),
    Text("it is not a JSON object", "不是 JSON 对象"),
    Text("it is not JSON", "不是 JSON"),
    Text("its {field} is not as the function writes it", "{field} 与函数的写法不符"),
    Text(
        "its fingerprint is not the one in its metadata",
        "指纹与对象元数据中的不一致",
    ),
    Text(
        "the object's metadata {name} is not what the document says",
        "对象元数据 {name} 与文档内容不一致",
    ),
    Text(
        "status is passed, with a similarity below the threshold",
        "status 为 passed，相似度却低于阈值",
    ),
    Text("inputs is not an array of at least two", "inputs 不是至少两项的数组"),
    Text("it contains {name}, which JSON does not have", "含有 JSON 中没有的 {name}"),
    Text("the document is not an object", "文档不是 JSON 对象"),
    Text("{field} is not an object", "{field} 不是对象"),
    Text("{field} is not a string", "{field} 不是字符串"),
    Text("{field} is not valid Unicode", "{field} 不是有效的 Unicode"),
    Text("{field} is not a SHA-256 in hexadecimal", "{field} 不是十六进制的 SHA-256"),
    Text("{field} is neither true nor false", "{field} 既不是 true 也不是 false"),
    Text("{field} is not a number", "{field} 不是数字"),
    Text("{field} is not from 0 to {highest}", "{field} 不在 0 到 {highest} 之间"),
    Text(
        "{field} is not a whole number from 0 to {highest}",
        "{field} 不是 0 到 {highest} 之间的整数",
    ),
    Text("{field} is not a time like {example}", "{field} 不是 {example} 这样的时间"),
    Text("{field} is none of {rest}", "{field} 不是下列之一：{rest}"),
    Text("{field} is not {rest}", "{field} 不是 {rest}"),
)


def reason_in(language: str, reason: str) -> str:
    """Return a reason in the page's language; parts that are not in `REASONS` stay."""
    if language != CHINESE:
        return reason
    for pattern, chinese in _PATTERNS:
        reason = pattern.sub(partial(_filled_in, chinese), reason)
    return reason


def _filled_in(chinese: str, found: re.Match[str]) -> str:
    return chinese.format(**found.groupdict())


def _pattern(english: str) -> re.Pattern[str]:
    escaped = re.sub(r"\\{rest\\}", "(?P<rest>.+)", re.escape(english))
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>\\S+)", escaped), re.DOTALL)


_PATTERNS = tuple((_pattern(each.en), each.zh) for each in REASONS)
