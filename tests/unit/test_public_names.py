"""The names that installations depend on: a change to one belongs in the change log.

Settings, log events, direct events, schemas and park reasons are literals here, so that a rename in
the code cannot change them unnoticed.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import liveness
from liveness.events import read_event
from liveness.logs import EVENTS
from liveness.markers import ParkReason
from liveness.settings import SETTING_NAMES, read_settings

SOURCES = sorted(Path(liveness.__file__).parent.rglob("*.py"))
SETTINGS = {
    "LIVENESS_BUCKET",
    "LIVENESS_RESULT_BUCKET",
    "LIVENESS_LEDGER_BUCKET",
    "LIVENESS_INPUT_PREFIX",
    "LIVENESS_RESULT_PREFIX",
    "LIVENESS_FRAME_PREFIX",
    "LIVENESS_LEDGER_PREFIX",
    "LIVENESS_LIVE_SUFFIXES",
    "LIVENESS_IMAGE_SUFFIXES",
    "LIVENESS_SIM_THRESHOLD",
    "LIVENESS_RATE_LIMIT",
    "LIVENESS_MAX_ATTEMPTS",
    "LIVENESS_TRANSFER",
    "LIVENESS_ENDPOINT_SCHEME",
    "LIVENESS_MAX_LIVE_MB",
    "LIVENESS_MAX_IMAGE_MB",
    "LIVENESS_MAX_SUBMISSIONS",
    "LIVENESS_REUSED_PACKAGE",
}
LOG_EVENTS = {
    "invocation.clock-off",
    "drain.links-unreadable",
    "instance.started",
    "invocation.started",
    "invocation.finished",
    "invocation.failed",
    "settings.warning",
    "record.ignored",
    "record.stray",
    "record.rejected",
    "record.malformed",
    "pair.inspected",
    "pair.claimed",
    "pair.called",
    "pair.call-outcome-unknown",
    "pair.call-not-sent",
    "pair.response-stored",
    "pair.late-response",
    "pair.billed-after-give-up",
    "pair.given-up",
    "pair.refused",
    "pair.released",
    "pair.best-frame-missing",
    "pair.published",
    "pair.parked",
    "pair.failed",
    "pair.finished",
    "drain.finished",
    "drain.breaker-opened",
    "drain.breaker-closed",
    "drain.failed",
    "drain.marker-failed",
    "drain.marker-invalid",
    "drain.given-up",
    "reconcile.parked",
    "reconcile.pair-failed",
    "reconcile.run-finished",
}
DIRECT_EVENTS = [
    ({"pairs": ["anna"]}, "pairs"),
    ({"retry": ["anna"]}, "retry"),
    ({"drain": {}}, "drain"),
    ({"reconcile": {}}, "reconcile"),
    ({"check": {}}, "check"),
    ({"Type": "Timer", "Message": "drain"}, "drain"),
    ({"Type": "Timer", "Message": "reconcile"}, "reconcile"),
]
SCHEMAS = {
    "liveness-breaker/1",
    "liveness-claim/1",
    "liveness-release/2",
    "liveness-grant/1",
    "liveness-response/3",
    "liveness-submission/1",
    "liveness-package/1",
    "liveness-frame-url/1",
    "liveness-drain-slot/1",
    "liveness-marker/3",
    "liveness-reconcile/1",
    "liveness-result/1",
}
PARK_REASONS = {
    "lease-held",
    "drain-active",
    "time-exhausted",
    "no-call-slot",
    "drain-ending",
    "attempts-exhausted",
    "late-write",
    "reconcile",
    "inputs-unstable",
    "package-in-use",
    "throttled",
    "breaker-open",
    "spaced",
    "unreachable",
    "outcome-unknown",
    "transient",
    "bad-link",
    "misconfigured",
    "preparation-slow",
    "preparation-failed",
    "store-unavailable",
    "unexpected-error",
}


def test_the_settings_have_their_names() -> None:
    assert {f"LIVENESS_{name}" for name in SETTING_NAMES} == SETTINGS


def test_the_log_events_have_their_names() -> None:
    assert set(EVENTS) == LOG_EVENTS


@pytest.mark.parametrize(("event", "kind"), DIRECT_EVENTS)
def test_the_direct_events_have_their_names(event: object, kind: str) -> None:
    settings = read_settings(
        {"TENCENTCLOUD_REGION": "ap-singapore", "LIVENESS_BUCKET": "faces-1250000000"}
    )

    assert read_event(settings, event).kind == kind


def test_the_written_schemas_have_their_names() -> None:
    schemas = set()
    for path in SOURCES:
        schemas.update(re.findall(r"liveness-[\w-]+/\d+", path.read_text(encoding="utf-8")))

    assert schemas == SCHEMAS


def test_the_park_reasons_have_their_codes() -> None:
    assert {reason.code for reason in ParkReason} == PARK_REASONS
