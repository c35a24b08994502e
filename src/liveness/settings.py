"""Reads the settings, `LIVENESS_*` and the platform's variables, into one immutable value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from .errors import SettingsError

# DetectReflectLivenessAndCompare exists in these regions only (document 1061/44246).
REGIONS = ("ap-bangkok", "ap-hongkong", "ap-singapore")
# COS allows 850 bytes per key; a result key must fit, its prefix included.
MAX_KEY_BYTES = 850
# Below 70 more than one stranger in a thousand would pass (API document, parameter Sim).
ADVISED_SIM_THRESHOLD = 70.0
# The API's default limit (API document).
DEFAULT_RATE_LIMIT = 5.0

# Of the hosts that this function and the operator's commands send requests to.
_DOMAINS = ("myqcloud.com", "tencentcos.cn", "tencentcloudapi.com")
_LOOPBACK_PROXY = re.compile(
    r"(http://)?(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(:\d{1,5})?/?", re.IGNORECASE
)

# What to do about a bucket that does not exist.
CORRECT_BUCKET = (
    "correct the variable that is wrong, where it is set: the environment, .env or serverless.yml; "
    "function and buckets must be in one region"
)

# What to do with a liveness package that was judged for another pair before.
REJECT, REPORT = "reject", "report"

SETTING_NAMES = (
    "INPUT_PREFIX", "RESULT_PREFIX", "FRAME_PREFIX", "LEDGER_PREFIX", "BUCKET", "RESULT_BUCKET",
    "LEDGER_BUCKET", "LIVE_SUFFIXES", "IMAGE_SUFFIXES", "SIM_THRESHOLD", "RATE_LIMIT",
    "MAX_ATTEMPTS", "TRANSFER", "ENDPOINT_SCHEME", "MAX_LIVE_MB", "MAX_IMAGE_MB", "MAX_SUBMISSIONS",
    "REUSED_PACKAGE",
)  # fmt: skip


class Settings(NamedTuple):
    """All settings of one invocation; sizes in bytes, prefixes end in `/`."""

    region: str
    bucket: str
    result_bucket: str
    ledger_bucket: str
    input_prefix: str
    result_prefix: str
    frame_prefix: str  # in the result bucket
    ledger_prefix: str
    live_suffixes: tuple[str, ...]
    image_suffixes: tuple[str, ...]
    sim_threshold: float
    rate_limit: float
    max_attempts: int
    transfer: str
    endpoint_scheme: str
    max_live_bytes: int
    max_image_bytes: int
    max_submissions: int
    reused_package: str
    warnings: tuple[str, ...] = ()

    @property
    def appid(self) -> str:
        """The account's number, which ends every bucket's full name."""
        return self.bucket.rpartition("-")[2]

    def missing_bucket(self, bucket: str) -> str:
        """Return a message that the region has no such bucket, and which variables name them."""
        named = {
            self.ledger_bucket: "LIVENESS_LEDGER_BUCKET",
            self.result_bucket: "LIVENESS_RESULT_BUCKET",
            self.bucket: "LIVENESS_BUCKET",  # the default of the others
        }
        return (
            f"there is no bucket {bucket} ({named.get(bucket, 'LIVENESS_BUCKET')}) in "
            f"{self.region} (TENCENTCLOUD_REGION)"
        )


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Read the settings from environment variables.

    Raises SettingsError, which names every problem at once, each with its variable.
    """
    reader = _Reader(environ)
    bucket = reader.bucket("BUCKET", None)
    settings = Settings(
        region=reader.region(),
        bucket=bucket,
        result_bucket=reader.bucket("RESULT_BUCKET", bucket),
        ledger_bucket=reader.bucket("LEDGER_BUCKET", bucket),
        input_prefix=reader.prefix("INPUT_PREFIX", "liveness/incoming/"),
        result_prefix=reader.prefix("RESULT_PREFIX", "liveness/results/"),
        frame_prefix=reader.prefix("FRAME_PREFIX", "liveness/frames/"),
        ledger_prefix=reader.prefix("LEDGER_PREFIX", "liveness/ledger/"),
        live_suffixes=reader.suffixes("LIVE_SUFFIXES", "/live.bin"),
        image_suffixes=reader.suffixes(
            "IMAGE_SUFFIXES", "/reference.jpg,/reference.jpeg,/reference.png"
        ),
        sim_threshold=reader.threshold(),
        rate_limit=reader.number("RATE_LIMIT", DEFAULT_RATE_LIMIT, 0.1, 1000),
        max_attempts=int(reader.number("MAX_ATTEMPTS", 3, 1, 10, whole=True)),
        transfer=reader.choice("TRANSFER", ("presign", "upload")),
        endpoint_scheme=reader.endpoint_scheme(),
        max_live_bytes=int(reader.number("MAX_LIVE_MB", 256, 1, 5120, whole=True)) * 1024 * 1024,
        max_image_bytes=int(reader.number("MAX_IMAGE_MB", 20, 1, 5120, whole=True)) * 1024 * 1024,
        max_submissions=int(reader.number("MAX_SUBMISSIONS", 5, 1, 100, whole=True)),
        reused_package=reader.choice("REUSED_PACKAGE", (REJECT, REPORT)),
    )
    reader.check_unknown()
    reader.check_combinations(settings)
    if reader.problems:
        raise SettingsError(reader.problems)
    if settings.sim_threshold < ADVISED_SIM_THRESHOLD:
        warning = (
            f"LIVENESS_SIM_THRESHOLD is {settings.sim_threshold:g}: under 70 more than one "
            "stranger in a thousand passes"
        )
        settings = settings._replace(warnings=(warning,))
    return settings


def _stays_on_this_machine(environ: Mapping[str, str]) -> bool:
    """Whether HTTP requests to the cloud's hosts go to a proxy on this machine."""
    bypassed = environ.get("no_proxy", "") or environ.get("NO_PROXY", "")
    for entry in bypassed.lower().split(","):
        host = entry.strip().partition(":")[0].lstrip("*.")
        if host and any(host.endswith(domain) or domain.endswith(host) for domain in _DOMAINS):
            return False
    return "*" not in bypassed and bool(_LOOPBACK_PROXY.fullmatch(environ.get("http_proxy", "")))


class _Reader:
    """Reads one variable at a time, and collects problems instead of stopping at the first."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def _text(self, name: str) -> str:
        text = self._environ.get(f"LIVENESS_{name}", "").strip()
        if text.isprintable():
            return text
        self._problem(name, "contains unprintable characters; give plain UTF-8 text")
        return ""

    def _problem(self, name: str, problem: str) -> None:
        self.problems.append(f"LIVENESS_{name} {problem}")

    def region(self) -> str:
        region = self._environ.get("TENCENTCLOUD_REGION", "")
        if region not in REGIONS:
            self.problems.append(
                f"TENCENTCLOUD_REGION is {region!r}: the face API exists in "
                f"{', '.join(REGIONS)} only; deploy function and bucket in one of them"
            )
        return region

    def bucket(self, name: str, default: str | None) -> str:
        text = self._text(name)
        if not text and default is not None:
            return default
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]*-[0-9]+", text):
            self._problem(
                name,
                f"is {text!r}: give the bucket's full name, like faces-1250000000"
                if text
                else "is missing: give the bucket whose uploads wake this function, "
                "like faces-1250000000",
            )
        return text

    def prefix(self, name: str, default: str) -> str:
        text = self._text(name) or default
        if text.startswith("/") or not text.endswith("/") or "//" in text:
            self._problem(
                name, f"is {text!r}: a prefix must end in one / and must not begin with one"
            )
        if len(text.encode()) > MAX_KEY_BYTES // 2:
            self._problem(name, f"has {len(text.encode())} bytes: at most {MAX_KEY_BYTES // 2}")
        return text

    def suffixes(self, name: str, default: str) -> tuple[str, ...]:
        text = self._text(name) or default
        suffixes = tuple(part.strip() for part in text.split(","))
        if not all(suffixes):
            self._problem(name, f"is {text!r}: must be a comma-separated list")
        if len(set(suffixes)) < len(suffixes):
            self._problem(name, f"is {text!r}: lists the same suffix twice")
        return suffixes

    def number(
        self, name: str, default: float, low: float, high: float, whole: bool = False
    ) -> float:
        text = self._text(name)
        if not text:
            return default
        try:
            value = float(int(text)) if whole else float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:  # false for NaN too
            kind = "a whole number" if whole else "a number"
            self._problem(name, f"is {text!r}: give {kind} from {low:g} to {high:g}")
            return default
        return value

    def threshold(self) -> float:
        """Read the required similarity; a fraction would let nearly everyone pass."""
        value = self.number("SIM_THRESHOLD", ADVISED_SIM_THRESHOLD, 0, 100)
        if 0 < value <= 1:
            self._problem(
                "SIM_THRESHOLD",
                f"is {value:g}: give a similarity from 0 to 100, like 70, and not a fraction",
            )
        return value

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        text = self._text(name) or choices[0]
        if text not in choices:
            self._problem(name, f"is {text!r}: give {' or '.join(choices)}")
        return text

    def endpoint_scheme(self) -> str:
        """Read the scheme; `http` only for the sandbox, which is a proxy on this machine."""
        scheme = self.choice("ENDPOINT_SCHEME", ("https", "http"))
        if scheme == "http" and not _stays_on_this_machine(self._environ):
            self._problem(
                "ENDPOINT_SCHEME",
                "is 'http', so that links and signatures would travel unencrypted: that is for the "
                "sandbox only, with http_proxy naming a loopback address, like "
                "http://127.0.0.1:8080, and no_proxy no host of the cloud; give https",
            )
        return scheme

    def check_unknown(self) -> None:
        for variable in sorted(self._environ):
            if (
                variable.startswith("LIVENESS_")
                and variable[len("LIVENESS_") :] not in SETTING_NAMES
            ):
                known = ", ".join(f"LIVENESS_{name}" for name in SETTING_NAMES)
                self.problems.append(f"{variable} is not a known setting; known settings: {known}")

    def check_combinations(self, settings: Settings) -> None:
        locations = (
            ("INPUT_PREFIX", settings.bucket, settings.input_prefix),
            ("RESULT_PREFIX", settings.result_bucket, settings.result_prefix),
            ("FRAME_PREFIX", settings.result_bucket, settings.frame_prefix),
            ("LEDGER_PREFIX", settings.ledger_bucket, settings.ledger_prefix),
        )
        for index, (name, bucket, prefix) in enumerate(locations):
            for other_name, other_bucket, other_prefix in locations[index + 1 :]:
                overlap = prefix.startswith(other_prefix) or other_prefix.startswith(prefix)
                if bucket == other_bucket and overlap:
                    self._problem(
                        name,
                        f"({prefix!r}) and LIVENESS_{other_name} ({other_prefix!r}) overlap in "
                        f"bucket {bucket!r}: what is written there would trigger or mislead "
                        "the function; give prefixes of which none begins with another",
                    )
        image_suffixes = {suffix.lower() for suffix in settings.image_suffixes}
        for suffix in settings.live_suffixes:
            if suffix.lower() in image_suffixes:  # suffixes match in any case
                self._problem(
                    "LIVE_SUFFIXES", f"and LIVENESS_IMAGE_SUFFIXES both contain {suffix!r}"
                )
        appids = {
            bucket.rpartition("-")[2]
            for bucket in (settings.bucket, settings.result_bucket, settings.ledger_bucket)
            if bucket
        }
        if len(appids) > 1:
            self.problems.append(
                "LIVENESS_BUCKET, LIVENESS_RESULT_BUCKET and LIVENESS_LEDGER_BUCKET are in several "
                f"accounts ({', '.join(sorted(appids))}); give buckets of one account"
            )
