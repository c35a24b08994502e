"""What every answer of DetectReflectLivenessAndCompare means: one table, held as data.

A row is written once per name. In the vendor's documents the same name stands under two families
and, in the field `Result`, can stand alone, so a row `X` without a dot means `FailedOperation.X`,
`InternalError.X` and `X` alike. A row `F.*` means the code `F` and every `F.<anything>` that has no
row of its own. A name that is nowhere here is UNKNOWN: final, never passed, its code kept as sent.

Held against:
- API document DetectReflectLivenessAndCompare (faceid, 2018-03-01): the 25 codes of the action;
- the error codes of the whole product as the vendor's SDK 3.1.193 lists them, those that can
  concern a face, a recording, a picture, a download, the engines or the account;
- "Common error codes" of Tencent Cloud API 3.0;
- eKYC error table, 2023-06: only Success and CompareLowSimilarity are billed.

Where a text leaves room, the reading is the careful one: names ending in `SystemError` are the
service's own trouble and worth another try, names ending in `Fail` or `Fake` are verdicts, and
nothing but the exact word Success can pass. "Picture" in a code or text is the reference image;
"video" and "face" without it are the recording.
"""

from typing import NamedTuple

# Categories. The first five and UNKNOWN are final; the others end no pair.
SUCCESS = "success"  # a live person; similarity still has to be held against the threshold
LIVENESS = "liveness"  # not shown to be a live person
MATCH = "match"  # not shown to be the same person
CAPTURE = "capture"  # the recording cannot be judged: light, blur, no face, several faces
INPUT = "input"  # an object cannot be used: reference image or liveness package
UNKNOWN = "unknown"  # not in the table, or says nothing
THROTTLED = "throttled"  # over the request rate
TRANSIENT = "transient"  # the service's own trouble; the same call may succeed later
BAD_LINK = "bad-link"  # the service could not fetch an object, or its MD5 differed
CONFIGURATION = "configuration"  # nothing will succeed until an operator changes something

_STATUS = {
    SUCCESS: "passed",
    LIVENESS: "rejected",
    MATCH: "rejected",
    CAPTURE: "retake",
    INPUT: "invalid",
    UNKNOWN: "failed",
}


class Outcome(NamedTuple):
    """The meaning of one code."""

    code: str  # from a lookup: exactly as the API sent it; in the tables: the row's name
    category: str
    status: str | None  # of the result: passed, rejected, retake, invalid, failed; None: not final
    retry: bool  # the same inputs may get a different answer later, without a new upload
    billed: bool
    en: str  # one line for the end user, or for the operator where only the operator can act
    zh: str

    @property
    def final(self) -> bool:
        return self.status is not None


def _row(
    name: str,
    category: str,
    en: str,
    zh: str,
    *,
    billed: bool = False,
    retry: bool | None = None,
) -> Outcome:
    status = _STATUS.get(category)
    if retry is None:
        retry = status is None
    return Outcome(name, category, status, retry, billed, en, zh)


# Hints that several rows share.
_NOT_LIVE = (
    "We could not confirm a live person. Please record again in person, looking at the camera.",
    "未能确认为真人，请本人正对摄像头重新录制。",
)
_ONLY_YOU = (
    "Please record again in person. A photo or a screen in front of the camera cannot be accepted.",
    "疑似翻拍或非真人录制，请本人面对摄像头重新录制，照片或屏幕画面无法通过核验。",
)
_WHOLE_FACE = (
    "Your whole face could not be seen. Please record again with all of it inside the frame.",
    "未能检测到完整人脸，请将整张脸置于取景框内重新录制。",
)
_PROMPTS = (
    "The expected movement was not seen. Please record again, following the prompts on screen.",
    "未检测到要求的动作，请按屏幕提示重新录制。",
)
_WAIT = (
    "The verification service is having trouble. It will be tried again; nothing needs to be done.",
    "核验服务暂时异常，系统会自动重试，无需操作。",
)
_THROTTLE = (
    "The verification service is busy. It will be tried again; nothing needs to be done.",
    "核验请求较多，系统会自动重试，无需操作。",
)
_LINK = (
    "The service could not fetch the uploaded files intact. They are checked and tried again.",
    "核验服务未能完整获取上传的文件，系统会检查后自动重试。",
)
_CREDENTIALS = (
    "Check the function's execution role and the secret id and key in use.",
    "请检查函数的运行角色以及所用的密钥。",
)
_PERMISSION = (
    "Allow faceid:DetectReflectLivenessAndCompare in the policy of the function's execution role.",
    "请在函数运行角色的策略中授权 faceid:DetectReflectLivenessAndCompare。",
)
_DEPLOYMENT = (
    "The API refused the request itself. Check region, endpoint and release of the function.",
    "接口不接受该请求，请检查函数的地域、接入域名和版本。",
)
_REGION = (
    "Run function and buckets in ap-bangkok, ap-hongkong or ap-singapore.",
    "请将函数和存储桶部署在 ap-bangkok、ap-hongkong 或 ap-singapore。",
)
_NETWORK_RULE = (
    "The account restricts API calls by address. Allow the function's outbound address.",
    "账号限制了调用接口的 IP 地址，请放行函数的出口地址。",
)
_ACCOUNT = (
    "Check the state and billing of the FaceID service in the console.",
    "请在控制台检查人脸核身服务的状态和计费。",
)

TABLE: tuple[Outcome, ...] = (
    _row(
        "Success",
        SUCCESS,
        "Verification passed.",
        "核验通过。",
        billed=True,
    ),
    # --- The action's own document, in its order --------------------------------------------------
    _row(
        "ActionLightDark",
        CAPTURE,
        "It is a little too dark. Please record again in a brighter place.",
        "光线太暗，请到明亮的地方重新录制。",
    ),
    _row(
        "ActionLightStrong",
        CAPTURE,
        "The light is too strong. Please record again away from direct light.",
        "光线太强，请避开直射光重新录制。",
    ),
    _row("DownLoadError", BAD_LINK, *_LINK),
    _row("DownLoadTimeoutError", TRANSIENT, *_WAIT),
    _row(
        "ImageBlur",
        INPUT,
        "The reference photo is blurry. Please supply a sharper one.",
        "参考照片模糊，请更换一张清晰的照片。",
    ),
    _row(
        "ImageDecodeFailed",
        INPUT,
        "The reference photo cannot be opened. Please supply another one as JPG or PNG.",
        "参考照片无法打开，请更换一张 JPG 或 PNG 格式的照片。",
    ),
    _row(
        "ImageSizeTooLarge",
        INPUT,
        "The reference photo is too large. Please supply a smaller one.",
        "参考照片尺寸过大，请更换一张较小的照片。",
    ),
    _row(
        "LifePhotoDetectFake",
        LIVENESS,
        "We could not confirm a real person. Please record again, and use an original photo.",
        "实人比对没有通过，请本人重新录制，并使用原始照片作为参考照片。",
    ),
    _row(
        "LifePhotoSizeError",
        INPUT,
        "The reference photo is too large or too small. Please supply another one.",
        "参考照片过大或过小，请更换一张照片。",
    ),
    _row("LivessDetectFail", LIVENESS, *_NOT_LIVE),
    _row("LivessDetectFake", LIVENESS, *_ONLY_YOU),
    _row("LivessSystemError", TRANSIENT, *_WAIT),
    _row("LivessUnknownError", LIVENESS, *_NOT_LIVE),
    _row("SilentDetectFail", LIVENESS, *_NOT_LIVE),
    _row(
        "SilentFaceDetectFail",
        CAPTURE,
        "No face was found in the recording. Please record again with your face in the frame.",
        "视频中未检测到人脸，请将面部置于取景框内重新录制。",
    ),
    _row(
        "SilentFaceQualityFail",
        CAPTURE,
        "Your face is not clear enough. Please clean the lens, hold still and record again.",
        "视频中的人脸不够清晰，请擦净镜头、保持稳定后重新录制。",
    ),
    _row(
        "SilentMultiFaceFail",
        CAPTURE,
        "More than one face was found. Please record again with nobody else in the frame.",
        "视频中有多个人脸，请确保画面中只有本人后重新录制。",
    ),
    _row("SilentPictureLiveFail", LIVENESS, *_ONLY_YOU),
    _row("SilentThreshold", LIVENESS, *_NOT_LIVE),
    _row("ActionNodetectFace", CAPTURE, *_WHOLE_FACE),
    _row(
        "CompareLowSimilarity",
        MATCH,
        "The face differs from the reference photo. Please check that both show the same person.",
        "与参考照片的相似度未达到标准，请确认两者为同一人。",
        billed=True,
    ),
    _row(
        "LifePhotoPoorQuality",
        INPUT,
        "The resolution of the reference photo is too low. Please supply a larger one.",
        "参考照片分辨率太低，请更换一张分辨率更高的照片。",
    ),
    # --- Bad links: texts that come as message, and could come as code ----------------------------
    _row("invalid resourceUrl", BAD_LINK, *_LINK),
    _row("MD5 Error", BAD_LINK, *_LINK),
    # --- Other codes of the product that can concern this action ----------------------------------
    _row("ActionCloseEye", CAPTURE, *_PROMPTS),
    _row(
        "ActionFaceClose",
        CAPTURE,
        "Your face is very close. Please record again a little further from the camera.",
        "人脸离屏幕太近，请稍微远离后重新录制。",
    ),
    _row(
        "ActionFaceFar",
        CAPTURE,
        "Your face is rather far away. Please record again a little closer to the camera.",
        "人脸离屏幕太远，请稍微靠近后重新录制。",
    ),
    _row(
        "ActionFaceLeft",
        CAPTURE,
        "Your face is too far to the left. Please record again with it in the middle.",
        "人脸偏左，请将面部置于画面中央重新录制。",
    ),
    _row(
        "ActionFaceRight",
        CAPTURE,
        "Your face is too far to the right. Please record again with it in the middle.",
        "人脸偏右，请将面部置于画面中央重新录制。",
    ),
    _row("ActionFirstAction", CAPTURE, *_PROMPTS),
    _row("ActionOpenMouth", CAPTURE, *_PROMPTS),
    _row(
        "CompareFail",
        MATCH,
        "The face could not be matched with the reference photo. Please try another photo.",
        "未能与参考照片比对成功，请更换参考照片后再试。",
    ),
    _row("CompareLibServiceUnavailable", TRANSIENT, *_WAIT),
    _row("CompareSystemError", TRANSIENT, *_WAIT),
    _row("CompressVideoError", TRANSIENT, *_WAIT),
    _row(
        "CoveredFace",
        INPUT,
        "The face in the reference photo is partly covered. Please supply another photo.",
        "参考照片中的人脸被遮挡，请更换一张无遮挡的照片。",
    ),
    _row("DecryptSystemError", TRANSIENT, *_WAIT),
    _row("DetectEngineSystemError", TRANSIENT, *_WAIT),
    _row(
        "EmptyImageError",
        INPUT,
        "The reference photo is empty. Please supply another one.",
        "参考照片内容为空，请重新上传。",
    ),
    _row("EncryptSystemError", TRANSIENT, *_WAIT),
    _row("FileSaveError", TRANSIENT, *_WAIT),
    _row(
        "IncompleteFace",
        INPUT,
        "The reference photo does not show the whole face. Please supply one that does.",
        "参考照片中没有完整人脸，请更换一张包含完整人脸的照片。",
    ),
    _row(
        "LifePhotoDetectFaces",
        INPUT,
        "The reference photo shows more than one face. Please supply one with a single face.",
        "参考照片中有多个人脸，请更换一张只有本人的照片。",
    ),
    _row(
        "LifePhotoDetectNoFaces",
        INPUT,
        "No complete face was found in the reference photo. Please supply another one.",
        "参考照片中未检测到完整人脸，请更换一张照片。",
    ),
    _row(
        "LivessBestFrameError",
        CAPTURE,
        "No clear view of your face was found. Please record again, facing the camera.",
        "未能从视频中截取清晰的人脸，请正对摄像头重新录制。",
    ),
    _row(
        "PoorImageQuality",
        INPUT,
        "The quality of the reference photo is too low. Please supply a clearer one.",
        "参考照片质量太差，请更换一张清晰的照片。",
    ),
    _row(
        "SilentEyeLiveFail",
        CAPTURE,
        "Your eyes could not be seen well. Please record again with eyes open and uncovered.",
        "眼部检测没有通过，请睁开双眼、避免遮挡后重新录制。",
    ),
    _row(
        "SilentFaceWithMaskFail",
        CAPTURE,
        "A face mask was detected. Please take it off for a moment and record again.",
        "检测到佩戴口罩，请暂时摘下口罩后重新录制。",
    ),
    _row(
        "SilentMouthLiveFail",
        CAPTURE,
        "Your mouth could not be seen well. Please record again with it uncovered.",
        "嘴部检测没有通过，请避免遮挡嘴部后重新录制。",
    ),
    _row(
        "SilentTooShort",
        CAPTURE,
        "The recording is too short. Please record again and wait until it ends by itself.",
        "视频太短，请重新录制并等待录制自动结束。",
    ),
    _row(
        "StsUnAuthErrError",
        CONFIGURATION,
        "Temporary credentials were refused. Check the function's execution role and its policy.",
        "临时密钥未获授权，请检查函数的运行角色及其策略。",
    ),
    _row("UnKnown", TRANSIENT, *_WAIT),
    _row(
        "VideoDecodeFailed",
        INPUT,
        "The liveness package cannot be read. Please record again and upload the new package.",
        "活体数据包无法解析，请重新录制并上传新的数据包。",
    ),
    _row(
        "VideoDurationExceeded",
        CAPTURE,
        "The recording is too long. Please record again without pausing.",
        "视频时间过长，请重新录制，中途不要停顿。",
    ),
    _row(
        "OperationDenied",
        CONFIGURATION,
        "The operation was denied. Check the account's permissions and the service's state.",
        "操作被拒绝，请检查账号权限和服务状态。",
    ),
    _row("UnauthorizedOperation.*", CONFIGURATION, *_PERMISSION),
    _row(
        "UnauthorizedOperation.ActivateError",
        CONFIGURATION,
        "Activating the FaceID service failed. Activate it again in the console, or open a ticket.",
        "人脸核身服务开通异常，请在控制台重新开通或提交工单。",
    ),
    _row(
        "UnauthorizedOperation.Activating",
        CONFIGURATION,
        "The FaceID service is being activated. Wait until the console shows it as active.",
        "人脸核身服务正在开通，请等待控制台显示开通完成。",
    ),
    _row(
        "UnauthorizedOperation.Arrears",
        CONFIGURATION,
        "The account is in arrears. Top it up in the console.",
        "账号已欠费，请在控制台充值。",
    ),
    _row("UnauthorizedOperation.ChargeStatusException", CONFIGURATION, *_ACCOUNT),
    _row(
        "UnauthorizedOperation.NonAuthorize",
        CONFIGURATION,
        "The account's identity is not verified yet. Complete the verification in the console.",
        "账号未完成实名认证，请在控制台完成认证。",
    ),
    _row(
        "UnauthorizedOperation.Nonactivated",
        CONFIGURATION,
        "The FaceID service is not activated. Activate it in the console.",
        "未开通人脸核身服务，请在控制台开通。",
    ),
    # --- Common error codes of API 3.0 ------------------------------------------------------------
    _row(
        "ActionOffline",
        CONFIGURATION,
        "The vendor has retired this API. Read its announcements and upgrade the function.",
        "该接口已下线，请查看官方公告并升级函数。",
    ),
    _row("AuthFailure.*", CONFIGURATION, *_CREDENTIALS),
    _row("AuthFailure.InvalidAuthorization", CONFIGURATION, *_CREDENTIALS),
    _row("AuthFailure.InvalidSecretId", CONFIGURATION, *_CREDENTIALS),
    _row(
        "AuthFailure.MFAFailure",
        CONFIGURATION,
        "The account demands multi-factor authentication. Use an execution role without it.",
        "账号要求多因素认证，请使用无此要求的运行角色。",
    ),
    _row("AuthFailure.SecretIdNotFound", CONFIGURATION, *_CREDENTIALS),
    _row(
        "AuthFailure.SignatureExpire",
        CONFIGURATION,
        "The signature counts as expired. Check the clock of the machine that makes the call.",
        "签名已过期，请检查发起调用的机器的时钟。",
    ),
    _row("AuthFailure.SignatureFailure", CONFIGURATION, *_CREDENTIALS),
    _row(
        "AuthFailure.TokenFailure",
        CONFIGURATION,
        "The session token was refused. Check that the function has a valid execution role.",
        "临时令牌无效，请检查函数是否配置了有效的运行角色。",
    ),
    _row("AuthFailure.UnauthorizedOperation", CONFIGURATION, *_PERMISSION),
    _row("DryRunOperation.*", CONFIGURATION, *_DEPLOYMENT),
    _row(
        "FailedOperation",
        UNKNOWN,
        "The check failed without a reason given. The operator can ask the vendor by RequestId.",
        "核验失败且未说明原因，运维人员可凭 RequestId 联系服务商。",
    ),
    _row("InternalError", TRANSIENT, *_WAIT),
    _row("InvalidAction.*", CONFIGURATION, *_DEPLOYMENT),
    _row("InvalidParameter.*", CONFIGURATION, *_DEPLOYMENT),
    _row("InvalidParameterValue.*", CONFIGURATION, *_DEPLOYMENT),
    _row("InvalidRequest.*", CONFIGURATION, *_DEPLOYMENT),
    _row("IpInBlacklist.*", CONFIGURATION, *_NETWORK_RULE),
    _row("IpNotInWhitelist.*", CONFIGURATION, *_NETWORK_RULE),
    _row(
        "LimitExceeded.*",
        CONFIGURATION,
        "A quota of the account is used up. Raise it in the console or by a ticket.",
        "账号配额已用完，请在控制台或通过工单提升配额。",
    ),
    _row("MissingParameter.*", CONFIGURATION, *_DEPLOYMENT),
    _row("NoSuchProduct.*", CONFIGURATION, *_DEPLOYMENT),
    _row("NoSuchVersion.*", CONFIGURATION, *_DEPLOYMENT),
    _row("RequestLimitExceeded.*", THROTTLED, *_THROTTLE),
    _row("RequestSizeLimitExceeded.*", CONFIGURATION, *_DEPLOYMENT),
    _row("ResourceInUse.*", TRANSIENT, *_WAIT),
    _row("ResourceInsufficient.*", TRANSIENT, *_WAIT),
    _row("ResourceNotFound.*", BAD_LINK, *_LINK),
    _row("ResourceUnavailable.*", CONFIGURATION, *_ACCOUNT),
    _row(
        "ResponseSizeLimitExceeded.*",
        UNKNOWN,
        "The answer was too large to be delivered. The operator can ask the vendor by RequestId.",
        "返回内容过大而无法送达，运维人员可凭 RequestId 联系服务商。",
    ),
    _row("ServiceUnavailable.*", TRANSIENT, *_WAIT),
    _row("UnknownParameter.*", CONFIGURATION, *_DEPLOYMENT),
    _row(
        "UnsupportedOperation.*",
        CONFIGURATION,
        "The service does not support this operation for the account. Check region and service.",
        "服务不支持该操作，请检查地域和已开通的服务。",
    ),
    _row("UnsupportedProtocol.*", CONFIGURATION, *_DEPLOYMENT),
    _row("UnsupportedRegion.*", CONFIGURATION, *_REGION),
)

# Reasons that are ours: the API did not answer so, or was not asked.
OWN_REASONS: tuple[Outcome, ...] = (
    # The API said Success, which is billed, with a similarity under the configured threshold.
    _row(
        "SimilarityBelowThreshold",
        MATCH,
        "The face differs from the reference photo. Please check that both show the same person.",
        "与参考照片的相似度低于要求，请确认两者为同一人。",
        billed=True,
    ),
    _row(
        "InputEmpty",
        INPUT,
        "An uploaded file is empty. Please start a new session and upload both files again.",
        "上传的文件为空，请重新开始并再次上传两个文件。",
    ),
    _row(
        "InputTooLarge",
        INPUT,
        "An uploaded file is too large. Please start a new session with a smaller file.",
        "上传的文件过大，请重新开始并上传较小的文件。",
    ),
    _row(
        "InputAmbiguous",
        INPUT,
        "There are several files of one kind. Please start a new session with one of each.",
        "同类文件不止一个，请重新开始并且每类只上传一个文件。",
    ),
    _row(
        "MalformedAnswer",
        UNKNOWN,
        "The service answered outside its contract. Send the RequestId to the vendor.",
        "服务返回的内容不符合接口约定，请将 RequestId 提供给服务商。",
    ),
    _row(
        "GivenUp",
        UNKNOWN,
        'All attempts failed. Check the service, then invoke with {"retry": ["<pair id>"]}.',
        '多次尝试均未成功，请检查服务后以 {"retry": ["<pair id>"]} 调用函数。',
        retry=True,
    ),
)

_UNKNOWN = _row(
    "",
    UNKNOWN,
    "The service gave a code that is not known here. Look it up in the vendor's document.",
    "服务返回了未收录的错误码，请查阅官方文档。",
)

_BY_NAME = {row.code: row for row in TABLE}
_OWN = {row.code: row for row in OWN_REASONS}
_VERDICT_FAMILIES = ("FailedOperation", "InternalError")
# Codes whose message may tell of a bad link; so may one without a family, as `Result` can hold.
_LINK_FAMILIES = (*_VERDICT_FAMILIES, "InvalidParameter", "InvalidParameterValue")


def outcome_of(code: str, message: str = "") -> Outcome:
    """The meaning of an API error code or of `Result`, with the message or `Description` beside it.

    Anything can be asked; what is no text counts as empty, and an empty code is UNKNOWN. The
    message matters only for bad links, and never overrules an answer that is billed.
    """
    if not isinstance(code, str) or not code:
        return _UNKNOWN
    row = _row_of(code)
    if not row.billed and _is_bad_link(code, message):
        row = _BY_NAME["DownLoadError"]
    return row._replace(code=code)


def own_reason(name: str) -> Outcome:
    """A reason of our own, by name; KeyError for any other."""
    return _OWN[name]


def _row_of(code: str) -> Outcome:
    if code == "Success":
        return _BY_NAME[code]
    family, dot, suffix = code.partition(".")
    name = suffix if dot and family in _VERDICT_FAMILIES else code
    if name == "Success":  # an error named so is no success
        return _UNKNOWN
    return _BY_NAME.get(name) or _BY_NAME.get(name.partition(".")[0] + ".*") or _UNKNOWN


def _is_bad_link(code: str, message: object) -> bool:
    if _says_bad_link(code):
        return True
    family, dot, _ = code.partition(".")
    if dot and family not in _LINK_FAMILIES:
        return False
    return isinstance(message, str) and _says_bad_link(message)


def _says_bad_link(text: str) -> bool:
    text = text.replace(" ", "").lower()
    return "invalidresourceurl" in text or "md5error" in text
