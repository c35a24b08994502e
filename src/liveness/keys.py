"""Composes and parses every object key in the buckets; no other module does.

<input prefix><pair id><suffix>                         an input; the suffix says its role
<result prefix><pair id>/result.json                    the verdict; written last
<frame prefix><pair id>/best-frame-<its MD5>.jpg        the content under a key never changes
<ledger prefix>claims/<pair hash>/<fingerprint>/<name>  see ledger.py for the names
<ledger prefix>submissions/<pair hash>/<n>              the n-th content of that pair
<ledger prefix>packages/<MD5>/<n>                       the n-th content with that liveness package
<ledger prefix>frame-urls/<pair hash>/<fingerprint>-<n> the URL of a best frame, until it is copied
<ledger prefix>pending/<due>-<pair hash>-<token>        a marker; each has its own name
    <ledger prefix>pending/<due>-<pair hash>-<token>-s  a marker of a pair with set-backs
<ledger prefix>drain/<slot>-<shard>                     who drains in that slot of time
    <ledger prefix>drain/<slot>-<shard>-busy            exists while pairs wait for that drainer
<ledger prefix>reconcile.json                           the progress of reconcile
<ledger prefix>breaker.json                             exists while the breaker is open
"""

from __future__ import annotations

import calendar
import hashlib
import json
import math
import re
import string
import time
import zlib
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import NamedTuple

from .settings import MAX_KEY_BYTES, Settings

LIVE = "live"
IMAGE = "image"
SLOT_SECONDS = 10
# The calls per second that one drainer sustains on a core with room to spare.
MAX_DRAINER_RATE = 25
RESULT_NAME = "/result.json"
CLAIM, RELEASED, RESPONSE, GRANT, LATE = "claim", "released", "response", "grant", "late"
# The metadata of `result.json`, without x-cos-meta-; COS allows no underscore in a name.
FINGERPRINT_META = "liveness-fingerprint"
STATUS_META = "liveness-status"
REASON_META = "liveness-reason"
ATTEMPT_META = "liveness-attempt"
FRAME_META = "liveness-best-frame"  # the frame's MD5, FRAME_NONE or FRAME_MISSING
NEXT_PROBE_META = "liveness-next-probe"  # of breaker.json
FRAME_NONE = "none"  # the service gave none
FRAME_MISSING = "missing"  # the service gave one, and it could not be copied
_SETBACK_SUFFIX = "-s"
_SMALL_LETTERS = {ord(letter): letter.lower() for letter in string.ascii_uppercase}
_DUE_FORMAT = "%Y%m%dT%H%M%SZ"
_FRAME_NAME_BYTES = len("/best-frame-.jpg") + 32  # with an MD5
_LEDGER_NAME = re.compile(
    r"(?P<attempt>\d+)\.(?P<of_attempt>claim|released)"
    r"|(?P<numbered>grant|late)-(?P<number>\d+)"
    r"|response(-(?P<grants>\d+))?",
    re.ASCII,
)


# ---- inputs


class InputKey(NamedTuple):
    """A key of one input: which pair it belongs to, and which of the two inputs it is."""

    key: str
    pair_id: str
    role: str  # LIVE or IMAGE


class KeyProblem(Enum):
    """Why a key is not an input's; the text is for people, and has placeholders for values."""

    OUTSIDE_PREFIX = "outside-prefix", "is outside the input prefix {prefix}"
    FOLDER = "folder", "is a folder placeholder"
    UNKNOWN_SUFFIX = "unknown-suffix", "ends in none of {suffixes}"
    NO_PAIR_ID = "no-pair-id", "has an empty pair id"
    NOT_UNICODE = "not-unicode", "has a pair id that is not valid Unicode"
    LONG_PAIR_ID = (
        "long-pair-id",
        "has a pair id of {size} bytes; its results would fit only up to {room}",
    )

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        self.text = text


class NotAnInput(NamedTuple):
    """A key that is not an input's, and why."""

    key: str
    problem: KeyProblem
    values: Mapping[str, str | int]
    """The values of the placeholders in the problem's text."""

    @property
    def reason(self) -> str:
        return self.problem.text.format(**self.values)

    @property
    def is_stray(self) -> bool:
        """Whether it may have been meant as an input: under the input prefix, and not a folder."""
        return self.problem not in (KeyProblem.OUTSIDE_PREFIX, KeyProblem.FOLDER)


def read_input_key(settings: Settings, key: str) -> InputKey | NotAnInput:
    """Split `<input prefix><pair id><suffix>`; the longest suffix that matches wins.

    A key that matches none is matched again, ignoring the case of ASCII letters, so that
    `reference.JPG` is a photo. `inspection.inspect` says when it looks for such keys.
    """
    if not key.startswith(settings.input_prefix):
        return NotAnInput(key, KeyProblem.OUTSIDE_PREFIX, {"prefix": repr(settings.input_prefix)})
    if key.endswith("/"):
        return NotAnInput(key, KeyProblem.FOLDER, {})
    name = key[len(settings.input_prefix) :]
    roles = {suffix: LIVE for suffix in settings.live_suffixes}
    roles |= {suffix: IMAGE for suffix in settings.image_suffixes}
    matching = [suffix for suffix in roles if name.endswith(suffix)]
    if not matching:
        folded = fold(name)
        matching = [suffix for suffix in roles if folded.endswith(fold(suffix))]
    if not matching:
        return NotAnInput(key, KeyProblem.UNKNOWN_SUFFIX, {"suffixes": ", ".join(sorted(roles))})
    suffix = max(matching, key=len)
    pair_id = name[: -len(suffix)]
    if found := find_pair_id_problem(settings, pair_id):
        return NotAnInput(key, *found)
    return InputKey(key, pair_id, roles[suffix])


def fold(text: str) -> str:
    """Lowercase ASCII letters only, so that the length stays the same."""
    return text.translate(_SMALL_LETTERS)


def is_spelled_as_configured(settings: Settings, key: InputKey) -> bool:
    """Whether the key ends in a configured suffix, case included."""
    start = settings.input_prefix + key.pair_id
    return any(
        key.key == start + suffix for suffix in settings.live_suffixes + settings.image_suffixes
    )


def inputs_prefix(settings: Settings, pair_id: str) -> str:
    """Return the prefix of all inputs of one pair; inputs of other pairs may have it, too."""
    return settings.input_prefix + pair_id


def pair_id_problem(settings: Settings, pair_id: str) -> str | None:
    """Return why no result could be written for this pair id; None if one can."""
    found = find_pair_id_problem(settings, pair_id)
    return found and found[0].text.format(**found[1])


def find_pair_id_problem(
    settings: Settings, pair_id: str
) -> tuple[KeyProblem, Mapping[str, str | int]] | None:
    """Return the problem and the values for its text; None if there is no problem."""
    if not pair_id:
        return KeyProblem.NO_PAIR_ID, {}
    try:
        size = len(pair_id.encode())
    except UnicodeEncodeError:
        return KeyProblem.NOT_UNICODE, {}
    room = MAX_KEY_BYTES - max(
        len(settings.result_prefix.encode()) + len(RESULT_NAME),
        len(settings.frame_prefix.encode()) + _FRAME_NAME_BYTES,
    )
    if size > room:
        return KeyProblem.LONG_PAIR_ID, {"size": size, "room": room}
    return None


def control_key(settings: Settings) -> str:
    """Return an input key that never exists: reading it shows whether we may read inputs."""
    return f"{settings.input_prefix}.liveness-control"


def candidate_keys(settings: Settings, pair_id: str) -> list[InputKey]:
    """List every key, spelled as configured, under which an input of this pair may be stored.

    A key that belongs to another pair by its longest suffix is left out, so that suffixes that end
    alike never mix up two people's inputs.
    """
    candidates = [
        read_input_key(settings, settings.input_prefix + pair_id + suffix)
        for suffix in settings.live_suffixes + settings.image_suffixes
    ]
    return [
        candidate
        for candidate in candidates
        if isinstance(candidate, InputKey)
        and candidate.pair_id == pair_id
        and len(candidate.key.encode()) <= MAX_KEY_BYTES
    ]


def fingerprint_of(pair_id: str, inputs: Iterable[tuple[str, str, int]]) -> str:
    """Hash the pair id and each input's key, ETag and size: equal for the same work only."""
    canonical = json.dumps([pair_id, *sorted(map(list, inputs))], separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def pair_hash(pair_id: str) -> str:
    """Return the pair id's hash: a name of fixed length and plain characters."""
    return hashlib.sha256(pair_id.encode()).hexdigest()


# ---- results


def result_key(settings: Settings, pair_id: str) -> str:
    return f"{settings.result_prefix}{pair_id}{RESULT_NAME}"


def best_frame_key(settings: Settings, pair_id: str, md5: str) -> str:
    """Return the frame's key; the MD5 is in the name, so that a key never holds other bytes."""
    return f"{best_frames_prefix(settings, pair_id)}best-frame-{md5}.jpg"


def best_frames_prefix(settings: Settings, pair_id: str) -> str:
    """Return the prefix of all best frames of one pair.

    They have a prefix of their own, so that a lifecycle rule can remove them before results.
    """
    return f"{settings.frame_prefix}{pair_id}/"


def pair_of_result(settings: Settings, key: str) -> str | None:
    """Return the pair id in the key of a `result.json`; None for any other key."""
    if not key.startswith(settings.result_prefix) or not key.endswith(RESULT_NAME):
        return None
    return key[len(settings.result_prefix) : -len(RESULT_NAME)] or None


# ---- claims and responses


class LedgerKey(NamedTuple):
    """The key of an object below `claims/`."""

    pair_hash: str
    fingerprint: str
    kind: str  # CLAIM, RELEASED, RESPONSE, GRANT or LATE
    number: int
    """Of an attempt or a grant; of a response: how many grants preceded it."""


def claims_prefix(settings: Settings) -> str:
    return f"{settings.ledger_prefix}claims/"


def pair_claims_prefix(settings: Settings, pair_id: str) -> str:
    """Return the prefix of all claims and responses of one pair."""
    return f"{claims_prefix(settings)}{pair_hash(pair_id)}/"


def content_prefix(settings: Settings, pair_id: str, fingerprint: str) -> str:
    """Return the prefix of all claims and responses of one fingerprint."""
    return f"{pair_claims_prefix(settings, pair_id)}{fingerprint}/"


def claim_name(attempt: int) -> str:
    return f"{attempt}.claim"


def released_name(attempt: int) -> str:
    return f"{attempt}.released"


def response_name(grants: int) -> str:
    """Return the name of the response record that follows that many grants."""
    return f"response-{grants}" if grants else "response"


def grant_name(number: int) -> str:
    return f"grant-{number}"


def late_name(attempt: int) -> str:
    return f"late-{attempt}"


def read_ledger_key(settings: Settings, key: str) -> LedgerKey | None:
    """Parse a key below `claims/`; None for a name that this function never gives."""
    prefix = claims_prefix(settings)
    parts = key[len(prefix) :].split("/") if key.startswith(prefix) else []
    match = _LEDGER_NAME.fullmatch(parts[2]) if len(parts) == 3 else None
    if match is None:
        return None
    if match["attempt"]:
        return LedgerKey(parts[0], parts[1], match["of_attempt"], int(match["attempt"]))
    if match["numbered"]:
        return LedgerKey(parts[0], parts[1], match["numbered"], int(match["number"]))
    return LedgerKey(parts[0], parts[1], RESPONSE, int(match["grants"] or 0))


# ---- admission, and best frames that are not copied yet


def submission_key(settings: Settings, pair_id: str, number: int) -> str:
    """Return the key of the n-th content of a pair."""
    return f"{settings.ledger_prefix}submissions/{pair_hash(pair_id)}/{number}"


def package_key(settings: Settings, md5: str, number: int) -> str:
    """Return the key of the n-th content that has the liveness package with this MD5."""
    return f"{settings.ledger_prefix}packages/{md5}/{number}"


def frame_url_key(settings: Settings, pair_id: str, fingerprint: str, attempt: int) -> str:
    """Return the key of the temporary URL of the best frame that came with one attempt."""
    return f"{settings.ledger_prefix}frame-urls/{pair_hash(pair_id)}/{fingerprint}-{attempt}"


# ---- markers


class MarkerKey(NamedTuple):
    """The key of a marker."""

    due: float | None  # seconds since 1970; None if the name does not say
    pair_hash: str
    has_setbacks: bool


def marker_prefix(settings: Settings) -> str:
    return f"{settings.ledger_prefix}pending/"


def marker_key(
    settings: Settings, pair_id: str, due: float, token: str, has_setbacks: bool = False
) -> str:
    """Return a marker's key: keys sort by due time, and the token makes each unique."""
    suffix = _SETBACK_SUFFIX if has_setbacks else ""
    return f"{markers_due_at(settings, due)}-{pair_hash(pair_id)}-{token}{suffix}"


def markers_due_at(settings: Settings, due: float) -> str:
    """Return the prefix of all markers that are due in that second."""
    return marker_prefix(settings) + time.strftime(_DUE_FORMAT, time.gmtime(due))


def read_marker_key(key: str) -> MarkerKey | None:
    """Parse a marker's key; None if it does not look like one."""
    parts = key.rpartition("/")[2].split("-")
    if len(parts) < 3:
        return None
    try:
        due = float(calendar.timegm(time.strptime(parts[0], _DUE_FORMAT)))
    except ValueError:
        due = None
    return MarkerKey(due, parts[1], key.endswith(_SETBACK_SUFFIX))


# ---- drain and reconcile


def drain_prefix(settings: Settings) -> str:
    return f"{settings.ledger_prefix}drain/"


def drain_shards(settings: Settings) -> int:
    """Return how many drainers share the rate: one for any usual rate, more for a higher one."""
    return math.ceil(settings.rate_limit / MAX_DRAINER_RATE)


def drain_shard_of(settings: Settings, pair_hash: str) -> int:
    """Return the shard of a pair's markers; text that is not a pair's hash has one, too."""
    shards = drain_shards(settings)
    return zlib.crc32(pair_hash.encode()) % shards if shards > 1 else 0


def drain_slot_key(settings: Settings, moment: float, shard: int = 0) -> str:
    """Return the key of a shard's slot at that moment (seconds since 1970, the store's clock)."""
    return f"{drain_prefix(settings)}{int(moment // SLOT_SECONDS)}-{shard}"


def drain_busy_key(slot_key: str) -> str:
    """Return the key that exists while pairs are waiting for that slot's drainer."""
    return f"{slot_key}-busy"


def breaker_key(settings: Settings) -> str:
    return f"{settings.ledger_prefix}breaker.json"


def reconcile_state_key(settings: Settings) -> str:
    return f"{settings.ledger_prefix}reconcile.json"


# ---- prefixes that a policy or a search names as a whole


def submissions_prefix(settings: Settings) -> str:
    return f"{settings.ledger_prefix}submissions/"


def pair_submissions_prefix(settings: Settings, pair_id: str) -> str:
    """Return the prefix of all submissions of one pair."""
    return f"{submissions_prefix(settings)}{pair_hash(pair_id)}/"


def packages_prefix(settings: Settings) -> str:
    return f"{settings.ledger_prefix}packages/"


def package_uses_prefix(settings: Settings, md5: str) -> str:
    """Return the prefix of all uses of the liveness package with this MD5."""
    return f"{packages_prefix(settings)}{md5}/"


def frame_urls_prefix(settings: Settings) -> str:
    return f"{settings.ledger_prefix}frame-urls/"


def pair_frame_urls_prefix(settings: Settings, pair_id: str) -> str:
    """Return the prefix of all kept best-frame URLs of one pair."""
    return f"{frame_urls_prefix(settings)}{pair_hash(pair_id)}/"
