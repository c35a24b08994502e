"""`liveness threshold`, `liveness export` and `liveness cost`, over HTTP with the real SDK."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sqlite3
import stat
import sys
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from liveness_review.cost import (
    IDLE_READS_PER_MONTH,
    IDLE_WRITES_PER_MONTH,
    READS_PER_RESULT,
    WRITES_PER_RESULT,
)
from liveness_review.export import DECISION_COLUMNS, RESULT_COLUMNS
from liveness_review.rows import DecisionRow, ResultRow
from tests.conftest import BUCKET, Cloud
from tests.review.stored import PUBLISHED, put_body, put_result, put_review

from .conftest import ROOT, Command, assert_one_sentence

pytestmark = pytest.mark.usefixtures("environment")
DAY = 86400.0


def value_of(liveness: Command, *arguments: str) -> dict[str, Any]:
    result = liveness(*arguments, "--json")
    assert result.exit_code == 0, result.output
    value: dict[str, Any] = json.loads(result.stdout)
    return value


@pytest.fixture
def results(cloud: Cloud) -> None:
    """Ten results over three days, some of them decided."""
    for number in range(4):
        put_result(cloud, f"passed-{number}", published=PUBLISHED, similarity=75.0 + 5 * number)
    body = put_result(cloud, "low", "rejected", PUBLISHED + DAY, similarity=65.0)
    put_review(cloud, "low", 1, "reject", "different-person", body)
    body = put_result(cloud, "genuine", "passed", PUBLISHED + DAY, similarity=72.0)
    put_review(cloud, "genuine", 1, "approve", "same-person", body)
    put_result(cloud, "=cmd|'/c calc'!A1", "retake", PUBLISHED + 2 * DAY)
    submission = {"number": 3, "count": 3, "limit": 5, "possibly_billed_calls": 4, "earlier": []}
    put_result(cloud, "often", published=PUBLISHED + 2 * DAY, submission=submission)
    reason = {"code": "PackageReused", "category": "liveness", "detail": "", "hint": {}}
    put_result(
        cloud, "reused", "rejected", PUBLISHED + 2 * DAY, reason=reason, similarity=None, api=None,
        possibly_billed_calls=0,
    )  # fmt: skip
    put_result(cloud, "empty", "invalid", PUBLISHED + 2 * DAY)
    put_body(cloud, "edited", b"<script>", {})


# ---- threshold


@pytest.mark.usefixtures("results")
def test_the_threshold_as_json(liveness: Command) -> None:
    value = value_of(liveness, "threshold", "--at", "72.5")

    assert value["schema"] == "liveness-threshold/1"
    assert (value["bucket"], value["comparisons"]) == (BUCKET, 7)
    assert value["judged"] == {"mated": 1, "non_mated": 1, "contradictory": 0}
    rows = {row["threshold"]: row for row in value["thresholds"]}
    assert set(rows) == {*range(101), 72.5}
    at = rows[72.5]
    assert (at["passing"], at["newly_failing"], at["newly_passing"]) == (5, 1, 0)
    assert (at["fnmr"]["errors"], at["fnmr"]["comparisons"]) == (1, 1)
    assert (at["fmr"]["errors"], at["fmr"]["comparisons"]) == (0, 1)
    assert at["fmr"]["interval"] == pytest.approx([0, 0.975])
    assert rows[80]["vendor_false_accept_rate"] == 0.0001
    assert set(value["notes"]) == {"selected", "vendor-rejects", "unreadable-left-out"}


@pytest.mark.usefixtures("results")
def test_the_threshold_for_people(liveness: Command) -> None:
    output = liveness("threshold").stdout

    assert f"{BUCKET}: 7 comparisons" in output
    assert "the same person 1 times, different persons 1 times" in output
    lines = [line.split() for line in output.splitlines()]
    assert ["75", "5", "2", "0", "1"] in lines
    assert ["80", "4", "3", "0", "2", "0.01", "%"] in lines
    assert "results that are not valid are left out" in output


def test_without_results_there_are_no_figures(liveness: Command) -> None:
    value = value_of(liveness, "threshold")

    assert value["comparisons"] == 0
    assert all(row["fmr"]["rate"] is None for row in value["thresholds"])
    assert liveness("threshold").exit_code == 0
    assert liveness("cost").exit_code == 0


# ---- export


def exported(liveness: Command, folder: Path, *arguments: str) -> dict[str, Any]:
    """Export, and check what the manifest says of the files."""
    manifest = value_of(liveness, "export", str(folder), *arguments)
    assert json.loads((folder / "manifest.json").read_bytes()) == manifest
    for file in manifest["files"]:
        content = (folder / file["name"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == file["sha256"]
        assert len(content) == file["bytes"]
    names = {file["name"] for file in manifest["files"]} | {"manifest.json"}
    assert {path.name for path in folder.iterdir()} == names
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    return manifest


@pytest.mark.usefixtures("results")
def test_every_format_has_the_same_rows(liveness: Command, tmp_path: Path) -> None:
    manifest = exported(liveness, tmp_path / "jsonl")
    exported(liveness, tmp_path / "csv", "--format", "csv")
    exported(liveness, tmp_path / "parquet", "--format", "parquet")

    assert manifest["results_by_status"] == {
        "passed": 6, "rejected": 2, "retake": 1, "invalid": 1, "unreadable": 1,
    }  # fmt: skip
    for name, rows in (("results", 11), ("decisions", 2)):
        text = (tmp_path / f"jsonl/{name}.jsonl").read_text(encoding="ascii")
        lines = [json.loads(line) for line in text.splitlines()]
        table = pyarrow.parquet.read_table(tmp_path / f"parquet/{name}.parquet").to_pylist()
        cells = list(csv.DictReader(io.StringIO((tmp_path / f"csv/{name}.csv").read_text())))
        assert len(lines) == len(table) == len(cells) == rows
        for line, row, cell in zip(lines, table, cells, strict=True):
            assert list(line) == list(row) == list(cell)
            for column, value in line.items():
                if row[column] is not None and column.endswith("_at"):
                    row[column] = row[column].isoformat(timespec="milliseconds")[:23] + "Z"
                assert row[column] == value
                expected = "" if value is None else str(value)
                if isinstance(value, bool):
                    expected = expected.lower()
                assert cell[column].removeprefix("'") == expected


@pytest.mark.usefixtures("results")
def test_no_cell_is_a_formula(liveness: Command, tmp_path: Path) -> None:
    exported(liveness, tmp_path / "csv", "--format", "csv")

    with (tmp_path / "csv/results.csv").open(encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert "'=cmd|'/c calc'!A1" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_no_cell_begins_as_a_formula_does(
    cloud: Cloud, liveness: Command, tmp_path: Path, first: str
) -> None:
    put_result(cloud, f"{first}1+1")
    exported(liveness, tmp_path / "csv", "--format", "csv")

    with (tmp_path / "csv/results.csv").open(encoding="utf-8", newline="") as file:
        assert f"'{first}1+1" in next(csv.DictReader(file))["pair_id"]


@pytest.mark.usefixtures("results")
def test_results_are_selected_by_time_and_status(liveness: Command, tmp_path: Path) -> None:
    manifest = exported(
        liveness,
        tmp_path / "some",
        "--status", "passed",
        "--status", "rejected",
        "--since", "2026-11-19",
        "--until", "2026-11-20T12:00:00+08:00",
    )  # fmt: skip

    assert manifest["since"] == "2026-11-19T00:00:00Z"
    assert manifest["until"] == "2026-11-20T04:00:00Z"
    assert manifest["statuses"] == ["passed", "rejected"]
    assert manifest["results_by_status"] == {"passed": 1, "rejected": 1}
    assert [file["rows"] for file in manifest["files"]] == [2, 2]


@pytest.mark.usefixtures("results")
def test_an_export_contains_no_picture_and_names_none(liveness: Command, tmp_path: Path) -> None:
    exported(liveness, tmp_path / "all")

    content = b"".join(path.read_bytes() for path in (tmp_path / "all").iterdir())
    for text in (b"best-frame", b"best_frame", b".jpg", b"live.bin", b"incoming"):
        assert text not in content


def test_an_export_replaces_nothing(liveness: Command, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old/results.jsonl").write_text("mine")

    result = liveness("export", str(tmp_path / "old"))

    assert result.exit_code == 1
    assert_one_sentence(result, "has files already: give a new directory")
    assert (tmp_path / "old/results.jsonl").read_text() == "mine"


def test_a_directory_that_cannot_be_made_is_reported(liveness: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    result = liveness("export", str(tmp_path / "file/export"))

    assert result.exit_code == 1
    assert_one_sentence(result, "Not a directory")


def test_parquet_without_pyarrow_is_a_clear_error(
    liveness: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    result = liveness("export", str(tmp_path / "new"), "--format", "parquet")

    assert result.exit_code == 1
    assert_one_sentence(
        result, "pip install -e '.[tools,parquet]' -c constraints.txt", "--format jsonl"
    )
    assert not (tmp_path / "new").exists()


def test_every_field_is_exported() -> None:
    assert set(RESULT_COLUMNS) == {*ResultRow._fields, "published_at"} - {"at"}
    assert set(DECISION_COLUMNS) == set(DecisionRow._fields)


# ---- cost


@pytest.mark.usefixtures("results")
def test_calls_are_counted_by_day_and_month(liveness: Command) -> None:
    value = value_of(
        liveness, "cost", "--call-price", "0.15", "--write-price", "0.01", "--since", "2026-11-01",
        "--until", "2026-12-01",
    )  # fmt: skip

    days = {row["day"]: row for row in value["days"]}
    assert set(days) == {"2026-11-18", "2026-11-19", "2026-11-20"}
    assert days["2026-11-18"]["calls"]["billed"] == 4
    last = days["2026-11-20"]
    assert last["results"] == 4
    assert last["calls"] == {"billed": 1, "possibly_billed": 0, "of_earlier_submissions": 3}
    assert last["saved_calls"] == {"reused": 1, "too_many_submissions": 0, "unusable": 1}
    assert last["cost"] == {
        "calls_at_least": "0.15",
        "calls_at_most": "0.60",
        "saved_calls": "0.30",
        "requests": str(Decimal("0.01") * 4 * WRITES_PER_RESULT / 10_000),
    }
    (month,) = value["months"]
    assert month["month"] == "2026-11"
    assert {**month, "month": None} == {"month": None, **value["total"]}
    assert value["total"]["results"] == 10


@pytest.mark.usefixtures("results")
def test_the_cost_for_people(liveness: Command) -> None:
    output = liveness("cost", "--call-price", "0.1").stdout

    lines = [line.split() for line in output.splitlines()]
    assert ["2026-11-20", "4", "1", "0", "3", "2", "0.1", "to", "0.4"] in lines
    assert "events that were delivered twice" in output
    assert "Cost of calls" in output


def test_requests_are_estimated_as_in_the_docs() -> None:
    """docs/cost.md explains the numbers; both change together."""
    formula = (ROOT / "docs/cost.md").read_text(encoding="utf-8")

    assert (
        f"({WRITES_PER_RESULT} P + {IDLE_WRITES_PER_MONTH:,}) x write request + "
        f"({READS_PER_RESULT} P + {IDLE_READS_PER_MONTH:,}) x read request"
    ) in formula


# ---- what all of them share


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--since", "yesterday"], "is not a time like 2026-11-27"),
        (["--since", "2026-11-27", "--until", "2026-11-27"], "is not before --until"),
        (["--call-price", "-1"], "is not a price like 0.15"),
        (["--call-price", "NaN"], "is not a price like 0.15"),
        (["--call-price", "1e-400"], "is not a price like 0.15"),
        (["--call-price", "one"], "is not a price like 0.15"),
    ],
)
def test_options_that_make_no_sense(liveness: Command, arguments: list[str], message: str) -> None:
    result = liveness("cost", *arguments)

    assert result.exit_code == 2
    assert_one_sentence(result, message)


def test_a_local_file_that_cannot_be_written_is_reported(
    liveness: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))

    result = liveness("threshold")

    assert result.exit_code == 1
    assert_one_sentence(result, "the local file", "cannot be used: Not a directory")


def test_a_second_reading_at_once_is_refused(
    cloud: Cloud, liveness: Command, tmp_path: Path
) -> None:
    put_result(cloud, "anna")
    liveness("cost")
    (lock,) = (tmp_path / "cache/liveness").glob("*.lock")
    with closing(sqlite3.connect(lock)) as other:
        other.execute("BEGIN EXCLUSIVE")

        result = liveness("cost")
        offline = liveness("cost", "--offline")

    assert result.exit_code == 1
    assert_one_sentence(result, "another process is reading the results", "give --offline")
    assert offline.exit_code == 0


def test_offline_nothing_is_requested(cloud: Cloud, liveness: Command) -> None:
    assert_one_sentence(liveness("cost", "--offline"), "run it without --offline")
    put_result(cloud, "anna")
    assert value_of(liveness, "cost")["total"]["results"] == 1
    put_result(cloud, "berta")
    before = len(cloud.sandbox.requests)

    assert value_of(liveness, "cost", "--offline")["total"]["results"] == 1
    assert len(cloud.sandbox.requests) == before
    assert value_of(liveness, "cost")["total"]["results"] == 2
