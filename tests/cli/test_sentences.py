"""The words of `explain`: complete in both languages, all in use, and nothing left in English."""

from __future__ import annotations

import re
from pathlib import Path

import liveness_cli.operator
from liveness.markers import ParkReason
from liveness_cli.operator.explain import explanation_of
from liveness_cli.operator.listed_inputs import StrayKey, reason_of
from liveness_cli.operator.sentences import SENTENCES, Count, Seconds, render, say
from liveness_cli.texts import CHINESE, LANGUAGES

from .test_explanation import claim, complete_pair, pair, response

PACKAGE = Path(liveness_cli.operator.__file__).parent
SOURCES = "".join(
    (PACKAGE / f"{name}.py").read_text(encoding="utf-8") for name in ("outlook", "timeline")
)
# What stays as it is: commands, settings and names.
NAMES = re.compile(r"liveness (retry|explain) \S+|LIVENESS_\w+(=\w+)?|COS|ID|Unicode|{\w+}")


def test_both_languages_have_the_same_values() -> None:
    for code, text in SENTENCES.items():
        values = [sorted(re.findall(r"{\w+}", each)) for each in text]
        assert values[0] == values[1], code


def test_nothing_is_left_in_english() -> None:
    for code, text in SENTENCES.items():
        assert not re.search(r"[A-Za-z]", NAMES.sub("", text.zh)), code


def test_every_sentence_is_used() -> None:
    composed = re.compile(r"role-|parked-|key-|(submissions|package)-action")
    unused = [code for code in SENTENCES if not composed.match(code) and f'"{code}"' not in SOURCES]
    assert unused == []


def test_a_stray_key_says_why_in_both_languages() -> None:
    settings = pair().settings
    stray = StrayKey(f"{settings.input_prefix}anna/live.mp4", 0.0)
    reason = reason_of(settings, stray)

    assert render(reason).startswith("ends in none of /live.bin, ")
    assert render(reason, CHINESE).startswith("不以下列任一后缀结尾：/live.bin, ")

    # The page's local file may have it from a time when the suffixes were others.
    known = StrayKey(f"{settings.input_prefix}anna/live.bin", 0.0)
    assert render(reason_of(settings, known)).startswith("is an input by the present settings")


def test_every_reason_to_park_has_words() -> None:
    for reason in ParkReason:
        for language in LANGUAGES:
            assert render(say(f"parked-{reason.code}"), language)


def test_counts_and_durations_are_put_into_words() -> None:
    said = [
        say("pausing", wait=Seconds(600)),
        say("attempts-used", attempts=Count(3, "attempt")),
    ]
    assert render(said) == (
        "The pair pauses for another 10 min. All 3 attempts that count are used up"
    )
    assert render(said, CHINESE) == "这对文件还须等待 10 分钟。计数的 3 次尝试已全部用完"


def test_what_others_wrote_is_no_template() -> None:
    assert render(say("marker-error", reason="r", detail="{secret} {0}")) == "r: {secret} {0}"


def test_an_explanation_in_chinese_has_the_same_facts() -> None:
    snapshot = complete_pair()._replace(records=[claim(1), response()])
    english, chinese = explanation_of(snapshot), explanation_of(snapshot, CHINESE)

    assert chinese["next"]["outlook"].startswith("响应已记录")
    assert [entry["kind"] for entry in chinese["timeline"]] == [
        entry["kind"] for entry in english["timeline"]
    ]
    texts = (chinese.pop("timeline"), english.pop("timeline"))
    assert all(entry["text"] for timeline in texts for entry in timeline)
    chinese.pop("next"), english.pop("next")
    assert chinese == english


def test_a_pair_without_any_input_but_a_record_misses_both() -> None:
    snapshot = pair("live")

    assert "等待照片" in explanation_of(snapshot, CHINESE)["next"]["outlook"]
