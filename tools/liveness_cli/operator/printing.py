"""Print the results of the operator's commands for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from ..console import BAD, GOOD, STATE_STYLES, Page
from ..text import format_duration, pluralize, printable


def print_status(value: Mapping[str, Any]) -> None:
    page = Page()
    page.title(f"{value['bucket']} at {_time(value['at'])} UTC")
    page.facts(
        ("backlog", _backlog(value["backlog"])),
        ("oldest", _oldest(value["backlog"]["oldest"])),
        ("draining", _drainer(value["drain"])),
        ("breaker", _breaker(value["breaker"])),
        ("reconcile", _reconciled(value["reconcile"]["last_finished_pass_began"])),
        ("results", _results(value["results"])),
        ("billed twice", _double_billing(value["possible_double_billing"])),
        ("tried again", _tried_again(value["several_contents"])),
        *_waiting(value["waiting"]),
    )
    page.table(
        "Why pairs are parked",
        ("Markers", "Oldest due", "Next due", "Reason"),
        [
            (
                f"{row['markers']:,}",
                _time(row["oldest_due"]),
                _time(row["next_due"]) if row["next_due"] else "now",
                row["text"],
            )
            for row in value["backlog"]["reasons"]
        ],
    )
    page.table(
        "Failed: an operator decides (liveness explain, liveness retry)",
        ("Pair", "Published", "Calls", "Reason"),
        [
            (
                row["pair_id"],
                _time(row["published"]),
                str(row["possibly_billed_calls"]),
                ": ".join(filter(None, (row["code"], row["detail"]))),
            )
            for row in value["failed"]
        ],
    )
    page.table(
        "Called for with several contents",
        ("Pair", "Contents", "Calls"),
        [
            (row["pair_id"], str(row["contents"]), str(row["calls"]))
            for row in value["several_contents"]
        ],
    )
    page.table(
        "Possibly billed more than once for one content",
        ("Pair", "Calls", "Answered"),
        [
            (row["pair_id"], str(row["calls"]), "yes" if row["answered"] else "no")
            for row in value["possible_double_billing"]
        ],
    )
    if (waiting := value["waiting"]) is not None:
        page.table(
            "Without a result",
            ("Pair", "Waits for", "Since", ""),
            [
                (
                    row["pair_id"],
                    " and ".join(row["missing"]) or "the function",
                    _time(row["since"]),
                    format_duration(row["seconds"]),
                )
                for row in waiting["pairs"]
            ],
        )
        page.table(
            "Keys under the input prefix that belong to no pair",
            ("Key", "Written", "Why"),
            [(row["key"], _time(row["written"]), row["reason"]) for row in waiting["strays"]],
        )
    page.table(
        "Last errors",
        ("Last seen", "Times", "Last pair", "Reason"),
        [
            (_time(row["at"]), f"{row['times']:,}", row["pair_id"], row["reason"])
            for row in value["last_errors"]
        ],
    )
    page.remarks("Not checked", value["not_checked"])
    page.print()


def print_explanation(value: Mapping[str, Any]) -> None:
    page = Page()
    page.title(f"Pair {value['pair_id']} at {_time(value['at'])} UTC: {value['state']}")
    inputs = ", ".join(item["role"] for item in value["inputs"]) or "none"
    missing = f"; missing: {', '.join(value['missing'])}" if value["missing"] else ""
    facts = [("inputs", Text(printable(inputs + missing)))]
    if value["strays"]:
        keys = "; ".join(f"{row['key']} {row['reason']}" for row in value["strays"])
        facts.append(("not inputs", Text(printable(keys), style=BAD)))
    if value["fingerprint"]:
        attempts = pluralize(len(value["attempts"]), "attempt")
        facts += [
            ("fingerprint", Text(value["fingerprint"])),
            ("attempts", Text(f"{attempts}, {value['attempts_allowed']} allowed")),
        ]
    if value["submissions"]:
        facts.append(("submissions", _submissions(value["submissions"])))
    if value["package"] and value["package"]["reused"]:
        text = Text(printable(_other_uses(value)), style=BAD)
        facts.append(("package", text))
    if value["parked"]:
        facts.append(("parked", Text(printable(_parked(value["parked"])))))
    page.facts(*facts)
    page.table(
        "Submissions",
        ("Number", "UTC", "Status", "Reason", "Calls"),
        [
            (
                f"{row['number']}{' (current)' if row['is_current'] else ''}",
                _time(row["submitted"]),
                row["status"] or "none yet",
                row["reason"] or "",
                str(row["possibly_billed_calls"]),
            )
            for row in _several(value["submissions"])
        ],
        all_rows=True,
    )
    page.table(
        "Contents with the same package",
        ("Number", "UTC", "Pair"),
        [
            (str(row["number"]), _time(row["used"]), row["pair_id"] or "damaged")
            for row in (value["package"] or {}).get("uses", ())
        ]
        if value["package"] and value["package"]["reused"]
        else (),
        all_rows=True,
    )
    page.table(
        "Timeline",
        ("UTC", "Kind", "Details"),
        [(_time(row["at"]), row["kind"], row["text"]) for row in value["timeline"]],
        all_rows=True,
    )
    page.facts(
        ("next", Text(printable(value["next"]["outlook"]))),
        ("you can", Text(printable(value["next"]["action"]))),
    )
    page.print()


def print_retried(value: Mapping[str, Any]) -> None:
    page = Page()
    rows = [
        (row["pair_id"], row["before"], row["status"] or row["state"], row["reason"] or "")
        for row in value["pairs"]
    ]
    title = "Not retried" if all(row["state"] == "error" for row in value["pairs"]) else "Retried"
    page.table(title, ("Pair", "Before", "Now", "Reason"), rows, all_rows=True)
    page.print()


def print_reconciled(value: Mapping[str, Any]) -> None:
    page = Page()
    verb = "would be parked" if value["dry_run"] else "parked"
    page.title(
        f"{pluralize(value['keys'], 'key')} listed, {pluralize(value['checked'], 'pair')} checked, "
        f"{value['parked']:,} {verb}"
    )
    pairs = value["pairs"] or ()
    page.table("Complete, without a current result", ("Pair",), [(name,) for name in pairs])
    if value["parked"] and not value["dry_run"]:
        page.remarks("Next", ["the timer's drain processes them, within a minute"])
    if not value["complete"]:
        page.remarks("Not complete", ["the function's time was over; give a longer --prefix"])
    page.print()


def _time(time: str | None) -> str:
    """Shorten RFC 3339 by the parts that are the same in every line."""
    return (time or "unknown").replace("T", " ").rstrip("Z")


def _backlog(backlog: Mapping[str, Any]) -> Text:
    if not backlog["markers"]:
        return Text("empty", style=GOOD)
    text = Text(
        f"{pluralize(backlog['markers'], 'marker')} of {pluralize(backlog['pairs'], 'pair')}, "
        f"{backlog['due']:,} due; {format_duration(backlog['seconds_of_calls'])} of calls at the "
        "set rate"
    )
    if backlog["damaged"]:
        text.append(f"; {backlog['damaged']:,} damaged", style=BAD)
    if backlog["max_deliveries"] > 1:
        text.append(f"; one marker failed {backlog['max_deliveries']} times", style=BAD)
    return text


def _oldest(oldest: Mapping[str, Any] | None) -> Text:
    if oldest is None:
        return Text("none")
    seconds = oldest["overdue_seconds"]
    overdue = f", {format_duration(seconds)} overdue" if seconds else ""
    pair = f": {oldest['pair_id']}" if oldest["pair_id"] else ""
    return Text(printable(f"due {_time(oldest['due'])}{overdue}{pair}"))


def _waiting(waiting: Mapping[str, Any] | None) -> list[tuple[str, Text]]:
    if waiting is None:
        return []
    pairs, strays = len(waiting["pairs"]), waiting["stray_count"]
    text = f"{pluralize(pairs, 'pair')} for {waiting['minutes']} minutes or longer"
    if strays:
        text += f"; {pluralize(strays, 'key')} of no pair"
    return [("waiting", Text(text, style=BAD if pairs or strays else GOOD))]


def _drainer(drain: Mapping[str, Any] | None) -> Text:
    if drain is None:
        return Text("none")
    return Text(printable(f"invocation {drain['request_id'] or 'unknown'} of {drain['function']}"))


def _breaker(breaker: Mapping[str, Any] | None) -> Text:
    if breaker is None:
        return Text("closed", style=GOOD)
    return Text(
        printable(
            f"open since {_time(breaker['open_since'])} ({breaker['cause']}): no calls but one "
            f"probe at {_time(breaker['next_probe'])}"
        ),
        style=BAD,
    )


def _parked(parked: Mapping[str, Any]) -> str:
    next_try = f"next try {_time(parked['next_try'])}" if parked["next_try"] else "no marker"
    text = parked["text"] or ("damaged marker" if parked["next_try"] else "nothing says why")
    return (
        f"{text.rstrip('.')}; since {_time(parked['since'])}; {next_try}; "
        f"set-backs {parked['setbacks']} of {parked['max_setbacks']}, "
        f"attempts without a reply {parked['unanswered_attempts']} of {parked['max_attempts']}"
    )


def _reconciled(began: str | None) -> Text:
    return Text(f"last finished pass began {_time(began)}" if began else "no pass has finished yet")


def _results(results: Mapping[str, Any]) -> Text:
    text = Text(f"{results['read']:,} of {results['listed']:,} read")
    for index, (status, count) in enumerate(results["by_status"].items()):
        text.append(": " if index == 0 else ", ")
        text.append(f"{printable(status)} {count:,}", style=STATE_STYLES.get(status, ""))
    if results["passed_without_frame"]:
        text.append(f"; {results['passed_without_frame']:,} passed without a best frame")
    return text


def _submissions(submissions: Mapping[str, Any]) -> Text:
    count, limit = submissions["count"], submissions["limit"]
    calls = pluralize(submissions["possibly_billed_calls"], "call")
    return Text(
        f"{count} of at most {limit}; {calls} possibly billed for all of them",
        style=BAD if count >= limit else "",
    )


def _several(submissions: Mapping[str, Any] | None) -> Sequence[Mapping[str, Any]]:
    """Return the contents of a pair that has several; the rest of the page covers a single one."""
    contents: Sequence[Mapping[str, Any]] = submissions["contents"] if submissions else ()
    return contents if len(contents) > 1 else ()


def _other_uses(value: Mapping[str, Any]) -> str:
    uses = [use for use in value["package"]["uses"] if use["pair_id"] != value["pair_id"]]
    names = ", ".join(dict.fromkeys(use["pair_id"] or "damaged" for use in uses))
    return f"also that of {names}; the first time at {_time(uses[0]['used'])}"


def _tried_again(rows: Sequence[Mapping[str, Any]]) -> Text:
    if not rows:
        return Text("none", style=GOOD)
    calls = pluralize(sum(row["calls"] for row in rows), "call")
    return Text(f"{pluralize(len(rows), 'pair')} with several contents, {calls} possibly billed")


def _double_billing(rows: Sequence[Mapping[str, Any]]) -> Text:
    if not rows:
        return Text("none", style=GOOD)
    extra_calls = sum(row["calls"] - 1 for row in rows)
    return Text(
        f"{pluralize(len(rows), 'pair')}, {pluralize(extra_calls, 'extra call')}", style=BAD
    )
