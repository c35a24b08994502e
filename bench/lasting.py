"""`python -m bench.lasting`: lasting failures, against targets; a missed target is an error.

The API is gone or slow, the account is refused, or inputs cannot be judged: for minutes, hours and
a weekend of the virtual time of tests/simulation, which runs the real function.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from tests.simulation.lasting_scenarios import (
    DRAIN_SHARE,
    CrowdFigures,
    Outage,
    OutageFigures,
    RefusedFigures,
    SlowFigures,
    VisitFigures,
    crowd,
    outage,
    refused,
    setback_visits,
    slow,
    visits,
)
from tests.simulation.lasting_world import (
    ARREARS,
    CODES,
    FORBIDDEN,
    GATEWAY_503,
    HANGING,
    NO_ACCESS,
    OUTAGES,
    REFUSED,
    SLOW_NAMES,
)

from .pages import Section, Text, as_text, write

# One probe's wait: the breaker's interval, the minute until the timer fires, and the deadline of a
# call that hangs.
_SHORT_INTERVAL, _LONG_INTERVAL, _TIMER, _DEADLINE = 55, 295, 60, 47
_SHORT_OUTAGE_SECONDS = 60
_MAX_RATIO = 1.35
_MAX_CALLS = 12
_MAX_GROWTH = 1.02
_DAY_HOURS = 24
# A crowd with the codes alone is harder: its first calls, which nothing can distinguish from an
# honest pair's, take longer, too.
_CODES_AFTER_SECONDS = 400.0


class Row(NamedTuple):
    """One figure and its target; `met` is None if there is no target."""

    condition: Text
    figure: Text
    target: str
    reached: str
    met: bool | None


# ---- the API is gone

_KINDS = {
    GATEWAY_503: Text("gateway 503", "网关 503"),
    HANGING: Text("hanging", "无响应"),
    REFUSED: Text("refused handshakes", "握手被拒绝"),
    SLOW_NAMES: Text("slow name resolution", "域名解析缓慢"),
}
_PROMPT = Text("503, refused", "503、握手被拒绝")
_HUNG = Text("hanging, slow names", "无响应、解析缓慢")
_GONE = Text("API gone, all runs below", "接口不可用，下表全部")
_FAILED = Text("honest pairs failed or without a result", "失败或没有结果的正常文件对")
_MOST_BILLED = Text("billed calls of one pair, most", "单对计费调用次数，最大值")


def outages(quick: bool) -> list[OutageFigures]:
    """Run all outages; quick ones have fewer uploads."""
    if quick:
        loads = [(5.0, 100, 2.0), (60.0, 100, 2.0), (3600.0, 100, 20.0)]
    else:
        loads = [(s, backlog, 2.0) for s in (5.0, 60.0, 600.0, 3600.0) for backlog in (100, 1000)]
    return [
        outage(Outage(kind, seconds, backlog, fresh_every))
        for seconds, backlog, fresh_every in loads
        for kind in OUTAGES
    ]


def probe_wait(one: Outage) -> float:
    """Return the longest wait for one probe, in seconds."""
    interval = _SHORT_INTERVAL if one.seconds <= _SHORT_OUTAGE_SECONDS else _LONG_INTERVAL
    return interval + _TIMER + (_DEADLINE if one.kind in (HANGING, SLOW_NAMES) else 0)


def outage_rows(figures: Sequence[OutageFigures]) -> list[Row]:
    """Compare the outages with their targets; the worst of each group counts."""
    rows = [
        _at_most(_GONE, _FAILED, max(one.failed + one.unfinished for one in figures), 0, "d"),
        _at_most(_GONE, _MOST_BILLED, max(one.most_billed for one in figures), 1, "d"),
    ]
    share = f"{DRAIN_SHARE:g}"
    figure = Text(f"seconds until drained at {share} of the rate", f"以速率的 {share} 清理前的秒数")
    for seconds in sorted({one.outage.seconds for one in figures}):
        for name, kinds in ((_PROMPT, (GATEWAY_503, REFUSED)), (_HUNG, (HANGING, SLOW_NAMES))):
            group = [
                one for one in figures if one.outage.seconds == seconds and one.outage.kind in kinds
            ]
            length = _duration(seconds)
            condition = Text(
                f"API gone for {length.en}: {name.en}", f"接口不可用 {length.zh}：{name.zh}"
            )
            limit = max(probe_wait(one.outage) for one in group)
            rows.append(_at_most(condition, figure, max(one.wait for one in group), limit, ".0f"))
    return rows


def outage_section(figures: Iterable[OutageFigures]) -> Section:
    """Return one line per outage."""
    headings = (
        Text("API gone", "接口不可用"),
        Text("for", "持续"),
        Text("backlog", "积压"),
        Text("pairs", "文件对"),
        Text("failed", "失败"),
        Text("billed per pair", "每对计费"),
        Text("sent, no reply", "已发出而无应答"),
        Text("first result", "第一个结果"),
        Text("drained at the rate", "按速率清理"),
        Text("last result", "最后结果"),
    )
    lines: list[tuple[Text, ...]] = []
    for one in figures:
        cells = (
            str(one.outage.backlog),
            str(one.pairs),
            str(one.failed + one.unfinished),
            f"{one.billed_per_pair:.2f}",
            str(one.sent),
            f"{one.first_verdict:.0f} s",
            f"{one.wait:.0f} s",
            f"{one.last:.0f} s",
        )
        same = (Text(cell, cell) for cell in cells)
        lines.append((_KINDS[one.outage.kind], _duration(one.outage.seconds), *same))
    return Section(headings, lines)


# ---- the API is slow


def slow_rows(figures: Iterable[SlowFigures]) -> list[Row]:
    rows = []
    for one in figures:
        seconds = f"{one.seconds:.0f}"
        condition = Text(f"API answers in {seconds} s", f"接口 {seconds} s 才应答")
        rows += [
            _at_most(condition, _MOST_BILLED, one.most_billed, 1, "d"),
            _at_most(condition, _FAILED, one.failed + one.unfinished, 0, "d"),
        ]
    return rows


# ---- the account is refused

_REFUSALS = {
    ARREARS: Text("arrears", "欠费"),
    FORBIDDEN: Text("no permission to write claims", "无权写入认领对象"),
    NO_ACCESS: Text("no access to COS at all", "完全无权访问 COS"),
}


def refused_rows(figures: Iterable[RefusedFigures]) -> list[Row]:
    rows = []
    for one in figures:
        kind = _REFUSALS[one.kind]
        condition = Text(
            f"{one.hours} h of {kind.en}, {one.pairs:,} pairs",
            f"{kind.zh} {one.hours} 小时，{one.pairs:,} 对",
        )
        lost = one.lost + one.failed
        rows += [
            _at_most(condition, Text("pairs lost", "丢失的文件对"), lost, 0, "d"),
            _at_most(
                condition,
                Text("calls per minute", "每分钟调用次数"),
                one.calls_per_minute,
                2,
                ".1f",
            ),
            _at_most(
                condition,
                Text(
                    f"store requests, last hour ({one.requests_by_hour[-1]}) / second hour",
                    f"存储请求数，最后一小时（{one.requests_by_hour[-1]}）/ 第二小时",
                ),
                one.growth,
                _MAX_GROWTH,
                ".2f",
            ),
            _at_most(
                condition, Text("markers of one pair", "单对的标记数"), one.most_markers, 1, "d"
            ),
        ]
    return rows


# ---- inputs that cannot be judged


class Crowds(NamedTuple):
    """The honest pairs, alone and beside crowds of both kinds."""

    alone: CrowdFigures
    mixed: list[CrowdFigures]
    codes: CrowdFigures
    at_once: CrowdFigures


def crowds(quick: bool) -> Crowds:
    """Run all crowds; quick ones are smaller."""
    honest = 200 if quick else 1000
    sizes = (10, 200) if quick else (10, 100, 1000)
    return Crowds(
        crowd(honest, 0),
        [crowd(honest, size) for size in sizes],
        crowd(honest, sizes[-1], CODES, after=_CODES_AFTER_SECONDS),
        crowd(honest, sizes[-1], after=0),
    )


def crowd_rows(figures: Crowds) -> list[Row]:
    alone, everybody = figures.alone, [*figures.mixed, figures.codes, figures.at_once]
    last = Text("last honest result / alone", "最后一个正常结果 / 没有干扰时")
    rows = []
    for one in figures.mixed:
        condition = Text(
            f"{one.honest:,} honest pairs beside {one.crowd:,} that cannot be judged",
            f"{one.honest:,} 对正常文件与 {one.crowd:,} 对无法核验的文件",
        )
        rows.append(_at_most(condition, last, one.last_honest / alone.last_honest, _MAX_RATIO))
    codes, at_once = figures.codes, figures.at_once
    condition = Text(
        f"... beside {codes.crowd:,} that only a call tells",
        f"…… 与 {codes.crowd:,} 对只有调用才能发现的文件",
    )
    rows.append(_at_most(condition, last, codes.last_honest / alone.last_honest, _MAX_RATIO))
    condition = Text(
        f"... beside {at_once.crowd:,} uploaded in the same second",
        f"…… 与同一秒上传的 {at_once.crowd:,} 对",
    )
    ratio = at_once.last_honest / alone.last_honest
    rows.append(Row(condition, last, "", f"{ratio:.2f}", None))
    crowded = Text("pairs that cannot be judged", "无法核验的文件")
    seen = Text("calls for what a look tells", "一看便知者的调用次数")
    other = Text("calls for each other content, most", "其他内容每份的调用次数，最大值")
    ends = Text("hours until the last of them has a result", "全部得到结果所需的小时数")
    unfinished = sum(one.unfinished for one in everybody)
    honest_failed = sum(one.honest_failed for one in everybody)
    hours = max(one.last_of_crowd for one in everybody) / 3600
    return [
        *rows,
        _at_most(crowded, seen, sum(one.calls_for_looks for one in everybody), 0, "d"),
        _at_most(crowded, other, max(one.most_calls for one in everybody), _MAX_CALLS, "d"),
        _at_most(crowded, ends, hours, _DAY_HOURS, ".1f"),
        _at_most(crowded, _FAILED, unfinished + honest_failed, 0, "d"),
    ]


# ---- what a visit costs


def visit_rows(
    first: VisitFigures, figures: Iterable[VisitFigures], by_setback: list[int]
) -> list[Row]:
    rows = []
    for one in figures:
        condition = Text(
            f"after {one.attempts:,} attempts given back", f"退还 {one.attempts:,} 次尝试之后"
        )
        by_marker = Text("store requests of a drain's visit", "清理一次所需的存储请求数")
        by_event = Text("store requests of a visit that knows no history", "不知历史时的存储请求数")
        rows += [
            _at_most(condition, by_marker, one.by_marker, first.by_marker, "d"),
            Row(condition, by_event, "", str(one.by_event), None),
        ]
    *before, last = by_setback
    condition = Text(f"after 1 to {len(before)} set-backs", f"受挫 1 至 {len(before)} 次之后")
    most = Text("store requests of a drain's visit, most", "清理一次所需的存储请求数，最大值")
    ending = Text("... of the last one, which publishes", "…… 最后一次（发布结果）")
    return [
        *rows,
        _at_most(condition, most, max(before), round(before[0] * 1.1), "d"),
        Row(condition, ending, "", str(last), None),
    ]


# ---- the table


def measure(quick: bool, say: Callable[[str], None]) -> tuple[list[Row], Section]:
    """Run everything, and compare it with the targets."""
    gone = outages(quick)
    say("outages")
    rows = outage_rows(gone)
    rows += slow_rows(slow(seconds) for seconds in (26.0, 35.0, 44.0))
    say("slow answers")
    hours, pairs = (6, 100) if quick else (60, 1000)
    rows += refused_rows(refused(kind, hours, pairs) for kind in _REFUSALS)
    say("refusals")
    rows += crowd_rows(crowds(quick))
    say("crowds")
    counts = (10, 100) if quick else (10, 100, 1000)
    rows += visit_rows(visits(1), [visits(count) for count in counts], setback_visits(CODES[0]))
    say("visits")
    return rows, outage_section(gone)


def _at_most(condition: Text, figure: Text, value: float, limit: float, form: str = ".2f") -> Row:
    # The printed value counts: 1.002 meets 1.00.
    met = float(format(value, form)) <= limit
    return Row(condition, figure, f"<= {limit:g}", format(value, form), met)


def _duration(seconds: float) -> Text:
    if seconds < 120:
        return Text(f"{seconds:.0f} s", f"{seconds:.0f} s")
    return Text(f"{seconds / 60:.0f} min", f"{seconds / 60:.0f} 分钟")


_HEADINGS = (
    Text("condition", "情形"),
    Text("figure", "指标"),
    Text("target", "目标"),
    Text("reached", "达到"),
    Text("", ""),
)
_MISSED = Text("not met", "未达到")


def target_section(rows: Iterable[Row]) -> Section:
    """Return one line per figure."""
    lines = []
    for row in rows:
        verdict = _MISSED if row.met is False else Text("", "")
        numbers = (Text(row.target, row.target), Text(row.reached, row.reached))
        lines.append((row.condition, row.figure, *numbers, verdict))
    return Section(_HEADINGS, lines)


def main() -> int:
    """Return 0, or 1 if a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.lasting", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and smaller runs")
    parser.add_argument(
        "--write-docs", action="store_true", help="also write the tables into docs/benchmarks"
    )
    options = parser.parse_args()
    if options.quick and options.write_docs:
        parser.error("--write-docs: not with --quick")
    began = time.monotonic()

    def say(done: str) -> None:
        print(f"{time.monotonic() - began:4.0f} s: {done}", file=sys.stderr)

    rows, gone = measure(options.quick, say)
    sections = [target_section(rows), gone]
    print("\n\n".join(as_text(section) for section in sections))
    if options.write_docs:
        write("make lasting", sections)
    missed = [row for row in rows if row.met is False]
    print(f"\n{len(missed)} target(s) missed" if missed else "\nAll targets reached.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
