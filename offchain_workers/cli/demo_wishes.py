# SPDX-License-Identifier: Apache-2.0
"""The demo's beginning: the same task under five presets, then the wishes that are posted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from offchain_workers.cli import decision_view
from offchain_workers.cli.output import table
from offchain_workers.cli.run import Run
from offchain_workers.devnet import Kind
from offchain_workers.localnet import Localnet
from offchain_workers.localnet.demo import Demo, some_files
from offchain_workers.localnet.wishes import (
    Wished,
    snapshot,
    start_demo,
    start_market,
    under_each_preset,
    why_not,
)
from offchain_workers.models.demo import digits
from offchain_workers.routing.explain import decisive
from offchain_workers.routing.record import DecisionRecord
from offchain_workers.routing.request import Preset
from offchain_workers.units import Wei

_WIDE = 200
_PRESETS = {
    "prefer": "Prefer",
    "model": "Model",
    "method": "Method",
    "price": "Price, at most",
    "why": "Why",
}


def start(
    run: Run,
    stack: ExitStack,
    folder: Path,
    chain: Kind,
    files: Sequence[Path],
    say: Callable[[str], None],
) -> tuple[Localnet, Demo, Mapping[str, Any]]:
    """The market, the jobs to play, and for --json what was planned and why."""
    net = start_market(stack, folder, chain, say)
    presets = under_each_preset(snapshot(net), "digits")
    played = start_demo(net, wishes(files), say)
    plans = [decision_view.document(record) for record in played.decisions.values()]
    rows = [_row(preset, record) for preset, record in presets.items()]
    if not run.as_json:
        _show(rows, list(played.decisions.values()))
    return net, played, {"presets": rows, "plans": plans}


def wishes(files: Sequence[Path]) -> list[Wished]:
    """Digits cheap, private and safe, and some files; of given files only those."""
    kinds = [(str(path), path) for path in files or some_files()]
    about_files = Wished("file-type", Preset.BALANCED, kinds, callback=not files)
    if files:
        return [about_files]
    kinds_of_digits = (Preset.CHEAP, Preset.PRIVATE, Preset.SAFE)
    wished = zip(kinds_of_digits, digits().samples, strict=False)
    return [
        *(Wished("digits", preset, [(name, raw)]) for preset, (name, raw, _) in wished),
        about_files,
    ]


def _row(preset: Preset, record: DecisionRecord) -> dict[str, Any]:
    if record.choice is None:
        return {"prefer": preset.value, "model": None, "method": None, "price": None,
                "why": why_not(record), "decided_by": None}  # fmt: skip
    return {
        "prefer": preset.value,
        "model": record.chosen.name,
        "method": record.chosen.method,
        "price": Wei(record.choice.price_cap),
        "why": decision_view.why(record),
        "decided_by": decisive(record).term,
    }


def _show(rows: Sequence[Mapping[str, Any]], records: Sequence[DecisionRecord]) -> None:
    from rich.console import Console

    terminal = Console(highlight=False, markup=False, emoji=False)
    wide = None if terminal.is_terminal else _WIDE
    console = Console(width=wide, highlight=False, markup=False, emoji=False)
    console.print("A digit, at most 0.01 ether, under each preset:")
    console.print(table(rows, _PRESETS))
    for record in records:
        console.print(f"\nWish: {decision_view.wish_in_words(record)}")
        console.print(decision_view.view(record))
    console.print()
