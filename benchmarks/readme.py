# SPDX-License-Identifier: Apache-2.0
"""The tables of README.md, written from the result files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import (
    DISPUTES_FILE,
    GAS_FILE,
    LATENCY_FILE,
    RAY_FILE,
    ROUTING_FILE,
    SERVING_FILE,
    SPEED_FILE,
    THROUGHPUT_FILE,
    ZKML_FILE,
    ZKML_SPEED_FILE,
)
from benchmarks.bounds import judge
from benchmarks.table import Row, load

MET = {True: "yes", False: "NO", None: ""}


def refreshed(readme: str) -> str:
    """The page with its generated parts written anew. Raises ValueError when a mark is missing."""
    rows, disputes = load(GAS_FILE), read(DISPUTES_FILE)
    parts = {
        "bounds": bounds_table(rows),
        "gas": gas_table(rows),
        "disputes": disputes_table(disputes) + "\n\n" + goals_table(disputes["figures"]),
        "opml-speed": figures_table(read(SPEED_FILE)),
        "zkml-gas": verifying_table(read(ZKML_FILE)),
        "zkml-speed": figures_table(read(ZKML_SPEED_FILE)),
        "throughput": figures_table(read(THROUGHPUT_FILE)),
        "latency": figures_table(read(LATENCY_FILE)),
        "serving": figures_table(read(SERVING_FILE)),
        "ray": figures_table(read(RAY_FILE)),
        "routing": figures_table(read(ROUTING_FILE)),
    }
    for name, text in parts.items():
        readme = replaced(readme, name, text)
    return readme


def gas_table(rows: Iterable[Row]) -> str:
    """One line per step, steady state and first use side by side."""
    steady: dict[str, Row] = {}
    first: dict[str, Row] = {}
    for row in rows:
        (first if row.first_use else steady)[row.op] = row
    return table(
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
    return table(("bound", "gas", "at most", "holds"), lines)


def disputes_table(results: dict[str, Any]) -> str:
    """The dearest dispute of each model."""
    head = ("model", "nodes", "about", "transactions", "claimant", "challenger", "all", "fast path")
    return table(head, [_dispute(model) for model in results["models"]])


def verifying_table(results: dict[str, Any]) -> str:
    """Each circuit, and each bound."""
    head = "circuit", "proof, bytes", "instances", "ours", "ezkl, single", "ezkl, reusable"
    lines = [
        (
            one["name"],
            *(f"{one[key]:,}" for key in ("proof", "instances", "ours", "single", "reusable")),
        )
        for one in results["circuits"]
    ]
    return table(head, lines) + "\n\n" + goals_table(results["figures"])


def figures_table(results: dict[str, Any]) -> str:
    """What the last run on the machine named in the file gave."""
    machine = ", ".join(str(fact) for fact in results["meta"].values())
    return f"Measured on: {machine}.\n\n" + goals_table(results["figures"])


def goals_table(figures: Iterable[dict[str, Any]]) -> str:
    """Documents of figures."""
    lines = [
        (figure["name"], f"{figure['measured']:,.10g}", figure["goal"], MET[figure["met"]])
        for figure in figures
    ]
    return table(("figure", "measured", "goal", "met"), lines)


def _dispute(model: dict[str, Any]) -> tuple[str, ...]:
    whole, target = model["whole"], model["target"]
    about = f"{target['opcode']}, {target['blocks']} blocks, depth {target['tensor_depth']}"
    gas = [whole["claimant"], whole["challenger"], whole["gas"], model["fast"]["gas"]]
    counts = str(model["nodes"]), about, str(whole["transactions"])
    return model["name"], *counts, *(f"{amount:,}" for amount in gas)


def read(path: Path) -> dict[str, Any]:
    """A result file."""
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def replaced(page: str, name: str, text: str) -> str:
    """The page with another text between its marks of this name. Raises ValueError without them."""
    begin, end = f"<!-- {name}: generated -->", f"<!-- {name}: end -->"
    head, found, rest = page.partition(begin)
    _, ended, tail = rest.partition(end)
    if not (found and ended):
        raise ValueError(f"the page has no part between {begin} and {end}")
    return f"{head}{begin}\n{text}\n{end}{tail}"


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """In Markdown."""
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
