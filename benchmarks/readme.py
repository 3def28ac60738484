# SPDX-License-Identifier: Apache-2.0
"""The tables of README.md, written from the result files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.bounds import judge
from benchmarks.table import Row, load

MET = {True: "yes", False: "NO", None: ""}


def refreshed(readme: str, gas_file: Path, throughput_file: Path) -> str:
    """The page with its generated parts written anew. Raises ValueError when a mark is missing."""
    rows = load(gas_file)
    parts = {
        "bounds": bounds_table(rows),
        "gas": gas_table(rows),
        "throughput": figures_table(throughput_file),
    }
    for name, text in parts.items():
        readme = _replaced(readme, name, text)
    return readme


def gas_table(rows: Iterable[Row]) -> str:
    """One line per step, steady state and first use side by side."""
    steady: dict[str, Row] = {}
    first: dict[str, Row] = {}
    for row in rows:
        (first if row.first_use else steady)[row.op] = row
    return _table(
        ("step", "gas", "first use", "note"),
        [
            (
                f"`{op}`",
                _gas(steady.get(op)),
                _gas(first.get(op)),
                _notes(steady.get(op), first.get(op)),
            )
            for op in dict.fromkeys([*steady, *first])
        ],
    )


def bounds_table(rows: Sequence[Row]) -> str:
    """What the steady state may cost at most."""
    lines = [
        (verdict.name, f"{verdict.gas:,}", f"{verdict.limit:,}", MET[verdict.holds])
        for verdict in judge(rows)
    ]
    return _table(("bound", "gas", "at most", "holds"), lines)


def figures_table(path: Path) -> str:
    """What the last run on the machine named in the file gave."""
    results = json.loads(path.read_text())
    machine = ", ".join(str(fact) for fact in results["meta"].values())
    lines = [
        (figure["name"], f"{figure['measured']:,g}", figure["goal"], MET[figure["met"]])
        for figure in results["figures"]
    ]
    return f"Measured on: {machine}.\n\n" + _table(("figure", "measured", "goal", "met"), lines)


def _replaced(page: str, name: str, text: str) -> str:
    begin, end = f"<!-- {name}: generated -->", f"<!-- {name}: end -->"
    head, found, rest = page.partition(begin)
    _, ended, tail = rest.partition(end)
    if not (found and ended):
        raise ValueError(f"README.md has no part between {begin} and {end}")
    return f"{head}{begin}\n{text}\n{end}{tail}"


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _gas(row: Row | None) -> str:
    return f"{row.gas:,}" if row else ""


def _notes(steady: Row | None, first: Row | None) -> str:
    notes = [
        steady.note if steady else "",
        f"first use: {first.note}" if first and first.note else "",
    ]
    return "; ".join(note for note in notes if note)
