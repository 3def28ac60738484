# SPDX-License-Identifier: Apache-2.0
"""A gate that can't fail is none: each way in which figures may go wrong is seen."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import GAS_FILE, gas
from benchmarks.bounds import BOUNDS, Bound, broken, judge
from benchmarks.table import Recorder, Row, compare, load, render

ROWS = [
    Row("post:-:64B", 64_000),
    Row("post:-:64B", 64_000, first_use=True),
    Row("deliver:none:32B", 80_000, note="paid at once"),
]


def test_equal_tables_pass() -> None:
    assert compare(ROWS, list(reversed(ROWS))) == []


@pytest.mark.parametrize(("now", "grew"), [(65_280, False), (65_281, True), (1, False)])
def test_a_row_may_grow_by_two_percent(now: int, grew: bool) -> None:
    changed = [replace(ROWS[0], gas=now), *ROWS[1:]]
    found = compare(ROWS, changed)
    assert [line.split(" grew")[0] for line in found] == (["post:-:64B"] if grew else [])


def test_first_use_is_a_row_of_its_own() -> None:
    changed = [ROWS[0], replace(ROWS[1], gas=70_000), ROWS[2]]
    assert compare(ROWS, changed) == ["post:-:64B (first use) grew from 64000 to 70000 (+9.4%)"]


def test_a_row_gone_and_a_row_new_are_seen() -> None:
    renamed = [*ROWS[:2], replace(ROWS[2], op="deliver:none:64B")]
    assert compare(ROWS, renamed) == [
        "deliver:none:32B is in gas.json but was not measured",
        "deliver:none:64B is not in gas.json",
    ]


def test_a_note_is_no_figure() -> None:
    assert compare(ROWS, [replace(row, note="other words") for row in ROWS]) == []


def test_a_doctored_file_shuts_the_gate(tmp_path: Path) -> None:
    measured = load(GAS_FILE)
    document = json.loads(GAS_FILE.read_text())
    _row(document, "post:-:1KiB")["gas"] = 80_000
    doctored = tmp_path / "gas.json"
    doctored.write_text(json.dumps(document))
    [problem] = gas.problems(doctored, measured)
    assert problem.startswith("post:-:1KiB grew from 80000 to ")


def test_a_broken_bound_shuts_the_gate_even_when_committed(tmp_path: Path) -> None:
    rows = [replace(r, gas=90_001) if r.op == "post:-:1KiB" else r for r in load(GAS_FILE)]
    committed = tmp_path / "gas.json"
    committed.write_text(render({}, rows, judge(rows)))
    assert gas.problems(committed, rows) == ["post, 1 KiB inline: 90001 is over the bound of 90000"]


def test_the_file_gives_back_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "gas.json"
    path.write_text(render({"compiler": "vyper"}, ROWS, []))
    assert load(path) == ROWS


def test_shares_are_rounded_up_and_first_use_does_not_count() -> None:
    bound = Bound("each of three", ("post:-:64B",), 21_333, 3)
    [verdict] = judge(ROWS, [bound])
    assert verdict.gas == 21_334
    assert broken([verdict]) == ["each of three: 21334 is over the bound of 21333"]


def test_a_goal_is_reported_and_shuts_no_gate() -> None:
    [verdict] = judge(ROWS, [Bound("some day", ("post:-:64B",), 1, is_goal=True)])
    assert not verdict.holds
    assert broken([verdict]) == []


def test_sums_say_of_how_many() -> None:
    record = Recorder()
    receipts: Any = [{"gasUsed": gas} for gas in (21_000, 4_000)]
    record.add_sum("dispute:toy:all", receipts)
    assert record.rows == [Row("dispute:toy:all", 25_000, False, "sum of 2 transactions")]


def test_every_bound_has_its_rows() -> None:
    assert [verdict.limit for verdict in judge(load(GAS_FILE))] == [b.limit for b in BOUNDS]


def test_a_bound_without_its_row_is_an_error() -> None:
    with pytest.raises(KeyError):
        judge(ROWS[2:])


def test_a_row_is_measured_once() -> None:
    record = Recorder()
    receipt: Any = {"gasUsed": 21_000}
    record.add("post:-:64B", receipt)
    with pytest.raises(AssertionError, match="measured twice"):
        record.add("post:-:64B", receipt)


def test_draws_give_their_mean_and_range() -> None:
    record = Recorder()
    draws: Any = [{"gasUsed": gas} for gas in (100, 110, 150)]
    record.add_draws("form:-:3of8", draws)
    assert record.rows == [Row("form:-:3of8", 120, False, "mean of 3 draws, 100 to 150")]


def _row(document: dict[str, Any], op: str) -> dict[str, Any]:
    found: dict[str, Any] = next(row for row in document["rows"] if row["op"] == op)
    return found
