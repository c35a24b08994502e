"""What every answer of DetectReflectLivenessAndCompare means: data only, read by verdicts.py.

Each name is listed once. The vendor's documents use the same name in two families and, in the field
`Result`, without a family, so a row `X` without a dot covers `FailedOperation.X`, `InternalError.X`
and `X` alike. A row `F.*` covers the code `F` and every `F.<anything>` that has no row of its own.
A name that is not listed is UNKNOWN: final, never passed, its code kept as sent.

Checked against:
- API document DetectReflectLivenessAndCompare (faceid, 2018-03-01): the 25 codes of the action;
- the error codes of the whole product, as listed in the vendor's SDK 3.1.193, that can concern a
  face, a recording, a picture, a download, the engines or the account;
- "Common error codes" of Tencent Cloud API 3.0;
- eKYC error table, 2023-06: only Success and CompareLowSimilarity are billed.

Where a text leaves room, it is read cautiously: names ending in `SystemError` are the service's own
trouble and worth another try, names ending in `Fail` or `Fake` are verdicts, and nothing but the
exact word Success can pass. "Picture" in a code or text means the reference image; "video", or
"face" without "picture", means the recording.
"""

from enum import Enum
from typing import NamedTuple

# Categories. The first five and UNKNOWN are final; the others end no pair.
SUCCESS = "success"  # a live person; similarity still has to reach the threshold
LIVENESS = "liveness"  # not shown to be a live person
MATCH = "match"  # not shown to be the same person
CAPTURE = "capture"  # the recording cannot be judged: light, blur, no face, several faces
INPUT = "input"  # an object cannot be used: reference image or liveness package
UNKNOWN = "unknown"  # not in the table, or without meaning
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


class Owner(Enum):
    """Whose set-back it is when a call brings no verdict; history.py says what follows."""

    ACCOUNT = "account"
    SERVICE = "service"
    PAIR = "pair"


_OWNERS = {
    THROTTLED: Owner.ACCOUNT,
    CONFIGURATION: Owner.ACCOUNT,
    TRANSIENT: Owner.SERVICE,
    BAD_LINK: Owner.PAIR,
}


class Hint(NamedTuple):
    """One line for the end user, or for the operator if only the operator can act."""

    en: str
    zh: str


class Outcome(NamedTuple):
    """The meaning of one code."""

    code: str  # in the tables: the row's name; from a lookup: exactly as the API sent it
    category: str
    status: str | None  # of the result: passed, rejected, retake, invalid, failed; None: not final
    retry: bool  # the same inputs may get a different answer later, without a new upload
    billed: bool
    owner: Owner | None  # None: final
    hint: Hint

    @property
    def final(self) -> bool:
        return self.status is not None


def _row(
    name: str,
    category: str,
    hint: Hint,
    *,
    billed: bool = False,
    retry: bool | None = None,
    owner: Owner | None = None,
) -> Outcome:
    status = _STATUS.get(category)
    retry = status is None if retry is None else retry
    return Outcome(name, category, status, retry, billed, owner or _OWNERS.get(category), hint)


PASSED = Hint(
    "Verification passed.",
    "核验通过。",
)
TOO_DARK = Hint(
    "It is a little too dark. Please record again in a brighter place.",
    "光线太暗，请到明亮的地方重新录制。",
)
TOO_BRIGHT = Hint(
    "The light is too strong. Please record again away from direct light.",
    "光线太强，请避开直射光重新录制。",
)
BAD_FETCH = Hint(
    "The service could not fetch the uploaded files intact. They are checked and tried again.",
    "核验服务未能完整获取上传的文件，系统会检查后自动重试。",
)
RETRYING = Hint(
    "The verification service is having trouble. It will be tried again; nothing needs to be done.",
    "核验服务暂时异常，系统会自动重试，无需操作。",
)
PHOTO_BLURRED = Hint(
    "The reference photo is blurry. Please supply a sharper one.",
    "参考照片模糊，请更换一张清晰的照片。",
)
PHOTO_UNREADABLE = Hint(
    "The reference photo cannot be opened. Please supply another one as JPG or PNG.",
    "参考照片无法打开，请更换一张 JPG 或 PNG 格式的照片。",
)
PHOTO_TOO_LARGE = Hint(
    "The reference photo is too large. Please supply a smaller one.",
    "参考照片尺寸过大，请更换一张较小的照片。",
)
PHOTO_NOT_GENUINE = Hint(
    "We could not confirm a real person. Please record again, and use an original photo.",
    "实人比对没有通过，请本人重新录制，并使用原始照片作为参考照片。",
)
PHOTO_WRONG_SIZE = Hint(
    "The reference photo is too large or too small. Please supply another one.",
    "参考照片过大或过小，请更换一张照片。",
)
NOT_GENUINE = Hint(
    "We could not confirm a live person. Please record again in person, looking at the camera.",
    "未能确认为真人，请本人正对摄像头重新录制。",
)
PRESENTATION_ATTACK = Hint(
    "Please record again in person. A photo or a screen in front of the camera cannot be accepted.",
    "疑似翻拍或非真人录制，请本人面对摄像头重新录制，照片或屏幕画面无法通过核验。",
)
NO_FACE = Hint(
    "No face was found in the recording. Please record again with your face in the frame.",
    "视频中未检测到人脸，请将面部置于取景框内重新录制。",
)
FACE_UNCLEAR = Hint(
    "Your face is not clear enough. Please clean the lens, hold still and record again.",
    "视频中的人脸不够清晰，请擦净镜头、保持稳定后重新录制。",
)
SEVERAL_FACES = Hint(
    "More than one face was found. Please record again with nobody else in the frame.",
    "视频中有多个人脸，请确保画面中只有本人后重新录制。",
)
FACE_CUT_OFF = Hint(
    "Your whole face could not be seen. Please record again with all of it inside the frame.",
    "未能检测到完整人脸，请将整张脸置于取景框内重新录制。",
)
DIFFERENT_FACE = Hint(
    "The face differs from the reference photo. Please check that both show the same person.",
    "与参考照片的相似度未达到标准，请确认两者为同一人。",
)
PHOTO_LOW_RESOLUTION = Hint(
    "The resolution of the reference photo is too low. Please supply a larger one.",
    "参考照片分辨率太低，请更换一张分辨率更高的照片。",
)
FOLLOW_PROMPTS = Hint(
    "The expected movement was not seen. Please record again, following the prompts on screen.",
    "未检测到要求的动作，请按屏幕提示重新录制。",
)
TOO_CLOSE = Hint(
    "Your face is very close. Please record again a little further from the camera.",
    "人脸离屏幕太近，请稍微远离后重新录制。",
)
TOO_FAR = Hint(
    "Your face is rather far away. Please record again a little closer to the camera.",
    "人脸离屏幕太远，请稍微靠近后重新录制。",
)
TOO_FAR_LEFT = Hint(
    "Your face is too far to the left. Please record again with it in the middle.",
    "人脸偏左，请将面部置于画面中央重新录制。",
)
TOO_FAR_RIGHT = Hint(
    "Your face is too far to the right. Please record again with it in the middle.",
    "人脸偏右，请将面部置于画面中央重新录制。",
)
NOT_COMPARABLE = Hint(
    "The face could not be matched with the reference photo. Please try another photo.",
    "未能与参考照片比对成功，请更换参考照片后再试。",
)
PHOTO_FACE_COVERED = Hint(
    "The face in the reference photo is partly covered. Please supply another photo.",
    "参考照片中的人脸被遮挡，请更换一张无遮挡的照片。",
)
PHOTO_EMPTY = Hint(
    "The reference photo is empty. Please supply another one.",
    "参考照片内容为空，请重新上传。",
)
PHOTO_FACE_CUT_OFF = Hint(
    "The reference photo does not show the whole face. Please supply one that does.",
    "参考照片中没有完整人脸，请更换一张包含完整人脸的照片。",
)
PHOTO_SEVERAL_FACES = Hint(
    "The reference photo shows more than one face. Please supply one with a single face.",
    "参考照片中有多个人脸，请更换一张只有本人的照片。",
)
PHOTO_NO_FACE = Hint(
    "No complete face was found in the reference photo. Please supply another one.",
    "参考照片中未检测到完整人脸，请更换一张照片。",
)
NO_CLEAR_FRAME = Hint(
    "No clear view of your face was found. Please record again, facing the camera.",
    "未能从视频中截取清晰的人脸，请正对摄像头重新录制。",
)
PHOTO_POOR = Hint(
    "The quality of the reference photo is too low. Please supply a clearer one.",
    "参考照片质量太差，请更换一张清晰的照片。",
)
EYES_HIDDEN = Hint(
    "Your eyes could not be seen well. Please record again with eyes open and uncovered.",
    "眼部检测没有通过，请睁开双眼、避免遮挡后重新录制。",
)
FACE_MASK = Hint(
    "A face mask was detected. Please take it off for a moment and record again.",
    "检测到佩戴口罩，请暂时摘下口罩后重新录制。",
)
MOUTH_HIDDEN = Hint(
    "Your mouth could not be seen well. Please record again with it uncovered.",
    "嘴部检测没有通过，请避免遮挡嘴部后重新录制。",
)
TOO_SHORT = Hint(
    "The recording is too short. Please record again and wait until it ends by itself.",
    "视频太短，请重新录制并等待录制自动结束。",
)
TEMPORARY_KEY_REFUSED = Hint(
    "Temporary credentials were refused. Check the function's execution role and its policy.",
    "临时密钥未获授权，请检查函数的运行角色及其策略。",
)
PACKAGE_UNREADABLE = Hint(
    "The liveness package cannot be read. Please record again and upload the new package.",
    "活体数据包无法解析，请重新录制并上传新的数据包。",
)
TOO_LONG = Hint(
    "The recording is too long. Please record again without pausing.",
    "视频时间过长，请重新录制，中途不要停顿。",
)
OPERATION_DENIED = Hint(
    "The operation was denied. Check the account's permissions and the service's state.",
    "操作被拒绝，请检查账号权限和服务状态。",
)
ALLOW_ACTION = Hint(
    "Allow faceid:DetectReflectLivenessAndCompare in the policy of the function's execution role.",
    "请在函数运行角色的策略中授权 faceid:DetectReflectLivenessAndCompare。",
)
ACTIVATION_FAILED = Hint(
    "Activating the FaceID service failed. Activate it again in the console, or open a ticket.",
    "人脸核身服务开通异常，请在控制台重新开通或提交工单。",
)
ACTIVATION_PENDING = Hint(
    "The FaceID service is being activated. Wait until the console shows it as active.",
    "人脸核身服务正在开通，请等待控制台显示开通完成。",
)
IN_ARREARS = Hint(
    "The account is in arrears. Top it up in the console.",
    "账号已欠费，请在控制台充值。",
)
CHECK_ACCOUNT = Hint(
    "Check the state and billing of the FaceID service in the console.",
    "请在控制台检查人脸核身服务的状态和计费。",
)
ACCOUNT_NOT_VERIFIED = Hint(
    "The account's identity is not verified yet. Complete the verification in the console.",
    "账号未完成实名认证，请在控制台完成认证。",
)
NOT_ACTIVATED = Hint(
    "The FaceID service is not activated. Activate it in the console.",
    "未开通人脸核身服务，请在控制台开通。",
)
API_RETIRED = Hint(
    "The vendor has retired this API. Read its announcements and upgrade the function.",
    "该接口已下线，请查看官方公告并升级函数。",
)
CHECK_CREDENTIALS = Hint(
    "Check the function's execution role and the secret id and key in use.",
    "请检查函数的运行角色以及所用的密钥。",
)
MFA_REQUIRED = Hint(
    "The account demands multi-factor authentication. Use an execution role without it.",
    "账号要求多因素认证，请使用无此要求的运行角色。",
)
CLOCK_WRONG = Hint(
    "The signature counts as expired. Check the clock of the machine that makes the call.",
    "签名已过期，请检查发起调用的机器的时钟。",
)
TOKEN_REFUSED = Hint(
    "The session token was refused. Check that the function has a valid execution role.",
    "临时令牌无效，请检查函数是否配置了有效的运行角色。",
)
REQUEST_REFUSED = Hint(
    "The API refused the request itself. Check region, endpoint and release of the function.",
    "接口不接受该请求，请检查函数的地域、接入域名和版本。",
)
NO_REASON_GIVEN = Hint(
    "The check failed without a reason given. The operator can ask the vendor by RequestId.",
    "核验失败且未说明原因，运维人员可凭 RequestId 联系服务商。",
)
ADDRESS_RESTRICTED = Hint(
    "The account restricts API calls by address. Allow the function's outbound address.",
    "账号限制了调用接口的 IP 地址，请放行函数的出口地址。",
)
QUOTA_USED_UP = Hint(
    "A quota of the account is used up. Raise it in the console or by a ticket.",
    "账号配额已用完，请在控制台或通过工单提升配额。",
)
BUSY = Hint(
    "The verification service is busy. It will be tried again; nothing needs to be done.",
    "核验请求较多，系统会自动重试，无需操作。",
)
ANSWER_TOO_LARGE = Hint(
    "The answer was too large to be delivered. The operator can ask the vendor by RequestId.",
    "返回内容过大而无法送达，运维人员可凭 RequestId 联系服务商。",
)
UNSUPPORTED = Hint(
    "The service does not support this operation for the account. Check region and service.",
    "服务不支持该操作，请检查地域和已开通的服务。",
)
WRONG_REGION = Hint(
    "Run function and buckets in ap-bangkok, ap-hongkong or ap-singapore.",
    "请将函数和存储桶部署在 ap-bangkok、ap-hongkong 或 ap-singapore。",
)
BELOW_THRESHOLD = Hint(
    "The face differs from the reference photo. Please check that both show the same person.",
    "与参考照片的相似度低于要求，请确认两者为同一人。",
)
FILE_EMPTY = Hint(
    "An uploaded file is empty. Please start a new session and upload both files again.",
    "上传的文件为空，请重新开始并再次上传两个文件。",
)
FILE_TOO_LARGE = Hint(
    "An uploaded file is too large. Please start a new session with a smaller file.",
    "上传的文件过大，请重新开始并上传较小的文件。",
)
SEVERAL_FILES = Hint(
    "There are several files of one kind. Please start a new session with one of each.",
    "同类文件不止一个，请重新开始并且每类只上传一个文件。",
)
FILE_ARCHIVED = Hint(
    "An uploaded file is in archive storage. Restore it, or upload both files again as STANDARD.",
    "上传的文件处于归档存储，请恢复该文件，或以标准存储重新上传两个文件。",
)
FILE_ENCRYPTED = Hint(
    "An uploaded file is encrypted with a customer key (SSE-C). Upload both files without one.",
    "上传的文件使用了客户自带密钥（SSE-C）加密，请不带密钥重新上传两个文件。",
)
FILE_UNREADABLE = Hint(
    "The function may not read an uploaded file. Check its encryption key (KMS) and its ACL.",
    "函数无权读取上传的文件，请检查其 KMS 加密密钥和访问权限。",
)
TOO_MANY_SUBMISSIONS = Hint(
    "This session was submitted too often. Start a new session.",
    "本次会话提交次数过多，请重新发起核验。",
)
PACKAGE_REUSED = Hint(
    "This recording was used in another session before. Record a new one.",
    "该录制内容已在其他会话中使用过，请重新录制。",
)
OUTSIDE_CONTRACT = Hint(
    "The service answered outside its contract. Send the RequestId to the vendor.",
    "服务返回的内容不符合接口约定，请将 RequestId 提供给服务商。",
)
GIVEN_UP = Hint(
    'All attempts failed. Check the service, then invoke with {"retry": ["<pair id>"]}.',
    '多次尝试均未成功，请检查服务后以 {"retry": ["<pair id>"]} 调用函数。',
)
UNKNOWN_CODE = Hint(
    "The service gave a code that is not known here. Look it up in the vendor's document.",
    "服务返回了未收录的错误码，请查阅官方文档。",
)

TABLE: tuple[Outcome, ...] = (
    _row("Success", SUCCESS, PASSED, billed=True),
    # --- The action's own document, in its order --------------------------------------------------
    _row("ActionLightDark", CAPTURE, TOO_DARK),
    _row("ActionLightStrong", CAPTURE, TOO_BRIGHT),
    _row("DownLoadError", BAD_LINK, BAD_FETCH),
    _row("DownLoadTimeoutError", TRANSIENT, RETRYING, owner=Owner.PAIR),
    _row("ImageBlur", INPUT, PHOTO_BLURRED),
    _row("ImageDecodeFailed", INPUT, PHOTO_UNREADABLE),
    _row("ImageSizeTooLarge", INPUT, PHOTO_TOO_LARGE),
    _row("LifePhotoDetectFake", LIVENESS, PHOTO_NOT_GENUINE),
    _row("LifePhotoSizeError", INPUT, PHOTO_WRONG_SIZE),
    _row("LivessDetectFail", LIVENESS, NOT_GENUINE),
    _row("LivessDetectFake", LIVENESS, PRESENTATION_ATTACK),
    _row("LivessSystemError", TRANSIENT, RETRYING),
    _row("LivessUnknownError", LIVENESS, NOT_GENUINE),
    _row("SilentDetectFail", LIVENESS, NOT_GENUINE),
    _row("SilentFaceDetectFail", CAPTURE, NO_FACE),
    _row("SilentFaceQualityFail", CAPTURE, FACE_UNCLEAR),
    _row("SilentMultiFaceFail", CAPTURE, SEVERAL_FACES),
    _row("SilentPictureLiveFail", LIVENESS, PRESENTATION_ATTACK),
    _row("SilentThreshold", LIVENESS, NOT_GENUINE),
    _row("ActionNodetectFace", CAPTURE, FACE_CUT_OFF),
    _row("CompareLowSimilarity", MATCH, DIFFERENT_FACE, billed=True),
    _row("LifePhotoPoorQuality", INPUT, PHOTO_LOW_RESOLUTION),
    # --- Bad links: texts that arrive as a message, and could arrive as a code --------------------
    _row("invalid resourceUrl", BAD_LINK, BAD_FETCH),
    _row("MD5 Error", BAD_LINK, BAD_FETCH),
    # --- Other codes of the product that can concern this action ----------------------------------
    _row("ActionCloseEye", CAPTURE, FOLLOW_PROMPTS),
    _row("ActionFaceClose", CAPTURE, TOO_CLOSE),
    _row("ActionFaceFar", CAPTURE, TOO_FAR),
    _row("ActionFaceLeft", CAPTURE, TOO_FAR_LEFT),
    _row("ActionFaceRight", CAPTURE, TOO_FAR_RIGHT),
    _row("ActionFirstAction", CAPTURE, FOLLOW_PROMPTS),
    _row("ActionOpenMouth", CAPTURE, FOLLOW_PROMPTS),
    _row("CompareFail", MATCH, NOT_COMPARABLE),
    _row("CompareLibServiceUnavailable", TRANSIENT, RETRYING),
    _row("CompareSystemError", TRANSIENT, RETRYING),
    _row("CompressVideoError", TRANSIENT, RETRYING, owner=Owner.PAIR),
    _row("CoveredFace", INPUT, PHOTO_FACE_COVERED),
    _row("DecryptSystemError", TRANSIENT, RETRYING, owner=Owner.PAIR),
    _row("DetectEngineSystemError", TRANSIENT, RETRYING),
    _row("EmptyImageError", INPUT, PHOTO_EMPTY),
    _row("EncryptSystemError", TRANSIENT, RETRYING, owner=Owner.PAIR),
    _row("FileSaveError", TRANSIENT, RETRYING, owner=Owner.PAIR),
    _row("IncompleteFace", INPUT, PHOTO_FACE_CUT_OFF),
    _row("LifePhotoDetectFaces", INPUT, PHOTO_SEVERAL_FACES),
    _row("LifePhotoDetectNoFaces", INPUT, PHOTO_NO_FACE),
    _row("LivessBestFrameError", CAPTURE, NO_CLEAR_FRAME),
    _row("PoorImageQuality", INPUT, PHOTO_POOR),
    _row("SilentEyeLiveFail", CAPTURE, EYES_HIDDEN),
    _row("SilentFaceWithMaskFail", CAPTURE, FACE_MASK),
    _row("SilentMouthLiveFail", CAPTURE, MOUTH_HIDDEN),
    _row("SilentTooShort", CAPTURE, TOO_SHORT),
    _row("StsUnAuthErrError", CONFIGURATION, TEMPORARY_KEY_REFUSED),
    _row("UnKnown", TRANSIENT, RETRYING, owner=Owner.PAIR),
    _row("VideoDecodeFailed", INPUT, PACKAGE_UNREADABLE),
    _row("VideoDurationExceeded", CAPTURE, TOO_LONG),
    _row("OperationDenied", CONFIGURATION, OPERATION_DENIED),
    _row("UnauthorizedOperation.*", CONFIGURATION, ALLOW_ACTION),
    _row("UnauthorizedOperation.ActivateError", CONFIGURATION, ACTIVATION_FAILED),
    _row("UnauthorizedOperation.Activating", CONFIGURATION, ACTIVATION_PENDING),
    _row("UnauthorizedOperation.Arrears", CONFIGURATION, IN_ARREARS),
    _row("UnauthorizedOperation.ChargeStatusException", CONFIGURATION, CHECK_ACCOUNT),
    _row("UnauthorizedOperation.NonAuthorize", CONFIGURATION, ACCOUNT_NOT_VERIFIED),
    _row("UnauthorizedOperation.Nonactivated", CONFIGURATION, NOT_ACTIVATED),
    # --- Common error codes of API 3.0 ------------------------------------------------------------
    _row("ActionOffline", CONFIGURATION, API_RETIRED),
    _row("AuthFailure.*", CONFIGURATION, CHECK_CREDENTIALS),
    _row("AuthFailure.InvalidAuthorization", CONFIGURATION, CHECK_CREDENTIALS),
    _row("AuthFailure.InvalidSecretId", CONFIGURATION, CHECK_CREDENTIALS),
    _row("AuthFailure.MFAFailure", CONFIGURATION, MFA_REQUIRED),
    _row("AuthFailure.SecretIdNotFound", CONFIGURATION, CHECK_CREDENTIALS),
    _row("AuthFailure.SignatureExpire", CONFIGURATION, CLOCK_WRONG),
    _row("AuthFailure.SignatureFailure", CONFIGURATION, CHECK_CREDENTIALS),
    _row("AuthFailure.TokenFailure", CONFIGURATION, TOKEN_REFUSED),
    _row("AuthFailure.UnauthorizedOperation", CONFIGURATION, ALLOW_ACTION),
    _row("DryRunOperation.*", CONFIGURATION, REQUEST_REFUSED),
    _row("FailedOperation", UNKNOWN, NO_REASON_GIVEN),
    _row("InternalError", TRANSIENT, RETRYING),
    _row("InvalidAction.*", CONFIGURATION, REQUEST_REFUSED),
    _row("InvalidParameter.*", CONFIGURATION, REQUEST_REFUSED, owner=Owner.PAIR),
    _row("InvalidParameterValue.*", CONFIGURATION, REQUEST_REFUSED, owner=Owner.PAIR),
    _row("InvalidRequest.*", CONFIGURATION, REQUEST_REFUSED),
    _row("IpInBlacklist.*", CONFIGURATION, ADDRESS_RESTRICTED),
    _row("IpNotInWhitelist.*", CONFIGURATION, ADDRESS_RESTRICTED),
    _row("LimitExceeded.*", CONFIGURATION, QUOTA_USED_UP),
    _row("MissingParameter.*", CONFIGURATION, REQUEST_REFUSED),
    _row("NoSuchProduct.*", CONFIGURATION, REQUEST_REFUSED),
    _row("NoSuchVersion.*", CONFIGURATION, REQUEST_REFUSED),
    _row("RequestLimitExceeded.*", THROTTLED, BUSY),
    _row("RequestSizeLimitExceeded.*", CONFIGURATION, REQUEST_REFUSED),
    _row("ResourceInUse.*", TRANSIENT, RETRYING),
    _row("ResourceInsufficient.*", TRANSIENT, RETRYING),
    _row("ResourceNotFound.*", BAD_LINK, BAD_FETCH),
    _row("ResourceUnavailable.*", CONFIGURATION, CHECK_ACCOUNT),
    _row("ResponseSizeLimitExceeded.*", UNKNOWN, ANSWER_TOO_LARGE),
    _row("ServiceUnavailable.*", TRANSIENT, RETRYING),
    _row("UnknownParameter.*", CONFIGURATION, REQUEST_REFUSED),
    _row("UnsupportedOperation.*", CONFIGURATION, UNSUPPORTED),
    _row("UnsupportedProtocol.*", CONFIGURATION, REQUEST_REFUSED),
    _row("UnsupportedRegion.*", CONFIGURATION, WRONG_REGION),
)

# Outcomes of our own: the API gave another answer, or was not called.
LOCAL_OUTCOMES: tuple[Outcome, ...] = (
    # The API said Success, which is billed, with a similarity under the configured threshold.
    _row("SimilarityBelowThreshold", MATCH, BELOW_THRESHOLD, billed=True),
    _row("InputEmpty", INPUT, FILE_EMPTY),
    _row("InputTooLarge", INPUT, FILE_TOO_LARGE),
    _row("InputAmbiguous", INPUT, SEVERAL_FILES),
    _row("InputArchived", INPUT, FILE_ARCHIVED),
    _row("InputEncrypted", INPUT, FILE_ENCRYPTED),
    _row("InputUnreadable", INPUT, FILE_UNREADABLE),
    _row("TooManySubmissions", INPUT, TOO_MANY_SUBMISSIONS),
    _row("PackageReused", LIVENESS, PACKAGE_REUSED),
    _row("MalformedAnswer", UNKNOWN, OUTSIDE_CONTRACT),
    _row("GivenUp", UNKNOWN, GIVEN_UP, retry=True),
)

UNLISTED = _row("", UNKNOWN, UNKNOWN_CODE)
