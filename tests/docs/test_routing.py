# SPDX-License-Identifier: Apache-2.0
"""The router's reasons, faults, weights and fields are in the docs, and nothing else is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from offchain_workers.routing.faults import Fault
from offchain_workers.routing.record import Reason
from offchain_workers.routing.request import PRESETS, RouteRequest

DOCS = Path(__file__).parents[2] / "docs"


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without its head."""
    text = (DOCS / page).read_text(encoding="utf-8").split(f"\n## {heading}\n")[1]
    lines = [line for line in text.split("\n## ")[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.parametrize(
    ("heading", "known"), [("Router", Reason), ("Faults of a decision", Fault)]
)
def test_every_reason_and_fault_has_one_row(heading: str, known: type[Reason | Fault]) -> None:
    assert [row[0] for row in rows("reason-codes.md", heading)] == [each.value for each in known]


def test_the_presets_are_those_of_the_page() -> None:
    shown = {row[0].strip("`"): row[1:6] for row in rows("routing.md", "Presets")}
    assert shown == {
        name.value: [str(part) for part in (w.quality, w.cost, w.latency, w.security, w.cost_power)]
        for name, w in PRESETS.items()
    }


def test_every_field_of_a_wish_has_a_row() -> None:
    shown = {
        name for row in rows("routing.md", "The wish") for name in re.findall(r"`(\w+)`", row[0])
    }
    assert shown == set(RouteRequest.model_fields)
