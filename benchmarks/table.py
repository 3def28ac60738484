# SPDX-License-Identifier: Apache-2.0
"""The gas table: rows of receipts, its file, and what counts as a change."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from web3.types import TxReceipt

# A row may grow by this much unnoticed.
TOLERANCE_PERCENT = 2


@dataclass(frozen=True)
class Row:
    """One whole transaction, or a sum of them. ``op`` is step:method:case; ``first_use``: it writes
    state that later ones of its kind find written."""

    op: str
    gas: int
    first_use: bool = False
    note: str = ""

    @property
    def key(self) -> tuple[str, bool]:
        return self.op, self.first_use

    def __str__(self) -> str:
        return f"{self.op}{' (first use)' if self.first_use else ''}"


@dataclass
class Recorder:
    """Collects rows from receipts."""

    rows: list[Row] = field(default_factory=list)

    def add(self, op: str, receipt: TxReceipt, *, first_use: bool = False, note: str = "") -> None:
        """One transaction that succeeded."""
        self._append(Row(op, int(receipt["gasUsed"]), first_use, note))

    def add_draws(self, op: str, receipts: Sequence[TxReceipt]) -> None:
        """The mean of transactions whose cost depends on a hash."""
        gas = [int(receipt["gasUsed"]) for receipt in receipts]
        note = f"mean of {len(gas)} draws, {min(gas)} to {max(gas)}"
        self._append(Row(op, round(sum(gas) / len(gas)), False, note))

    def add_sum(self, op: str, receipts: Sequence[TxReceipt], *, first_use: bool = False) -> None:
        """All transactions of one story."""
        gas = sum(int(receipt["gasUsed"]) for receipt in receipts)
        self._append(Row(op, gas, first_use, f"sum of {len(receipts)} transactions"))

    def _append(self, row: Row) -> None:
        assert row.key not in {known.key for known in self.rows}, f"{row} is measured twice"
        self.rows.append(row)


def load(path: Path) -> list[Row]:
    """The rows of a committed file. Raises FileNotFoundError, ValueError, KeyError, TypeError."""
    return [Row(**row) for row in json.loads(path.read_text())["rows"]]


def render(meta: dict[str, Any], rows: Iterable[Row], bounds: Iterable[Any]) -> str:
    """The file's text: one row a line, so that a change shows as one line."""
    parts = [
        f' "meta": {json.dumps(meta, sort_keys=True)}',
        f' "rows": [\n{_lines(rows)}\n ]',
        f' "bounds": [\n{_lines(bounds)}\n ]',
    ]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def compare(committed: Iterable[Row], measured: Iterable[Row]) -> list[str]:
    """What is wrong, one line each: rows that grew, that are gone, that are new."""
    old, new = ({row.key: row for row in rows} for rows in (committed, measured))
    gone = [f"{old[key]} is in gas.json but was not measured" for key in old.keys() - new.keys()]
    unknown = [f"{new[key]} is not in gas.json" for key in new.keys() - old.keys()]
    return (
        sorted(gone)
        + sorted(unknown)
        + [
            f"{row} grew from {old[key].gas} to {row.gas} ({row.gas / old[key].gas - 1:+.1%})"
            for key, row in new.items()
            if key in old and _grew(old[key].gas, row.gas)
        ]
    )


def _grew(before: int, now: int) -> bool:
    return now * 100 > before * (100 + TOLERANCE_PERCENT)


def _lines(entries: Iterable[Any]) -> str:
    return ",\n".join(f"  {json.dumps(asdict(entry))}" for entry in entries)
