# SPDX-License-Identifier: Apache-2.0
"""The specification's numbers: its draw, made from the page alone, and its parameters."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from eth_utils.crypto import keccak

from offchain_workers.chain.contracts import ChainParams

PAGE = (Path(__file__).parents[2] / "docs/protocol.md").read_text(encoding="utf-8")
SEED = (1).to_bytes(32, "big")
WAD = 10**18


def constants() -> dict[str, int]:
    """The table of the logarithm's constants."""
    return {
        name: int(value)
        for name, value in re.findall(r"^\| ([PQ]\d|[SLB]) \| (-?\d+) \|$", PAGE, re.M)
    }


def vectors() -> list[tuple[int, ...]]:
    """index, weight, u, ln(u), key."""
    section = PAGE.split("Test vector:")[1].split("\n**")[0]
    rows = re.findall(r"^\|((?: -?\d+ \|){5})$", section, re.M)
    return [tuple(int(cell) for cell in row.split("|")[:-1]) for row in rows]


def ln(u: int, c: dict[str, int]) -> int:
    """As the page writes it."""
    e = u.bit_length() - 1 - 96
    m = u << -e
    p, q = m + c["P0"], m + c["Q0"]
    for i in range(1, 6):
        p = (p * m >> 96) + c[f"P{i}"]
    p = p * m + (c["P6"] << 96)
    for i in range(1, 7):
        q = (q * m >> 96) + c[f"Q{i}"]
    quotient = abs(p) // q * (1 if p >= 0 else -1)
    return (quotient * c["S"] + e * c["L"] + c["B"]) >> 174


@pytest.mark.parametrize(("index", "weight", "u", "logarithm", "key"), vectors())
def test_the_draw_can_be_made_from_the_page(
    index: int, weight: int, u: int, logarithm: int, key: int
) -> None:
    h = int.from_bytes(keccak(SEED + index.to_bytes(32, "big")), "big") >> 193
    assert max(((h + 1) * WAD) >> 63, 1) == u
    assert ln(u, constants()) == logarithm
    assert -logarithm * WAD // weight == key


@pytest.mark.parametrize(("column", "params"), [(1, ChainParams.development()), (2, ChainParams())])
def test_parameters_are_those_of_the_deployment(column: int, params: ChainParams) -> None:
    section = PAGE.split("\n## 23. Parameters\n")[1].split("Constants:")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    shown = {row[0]: row[column] for row in cells[1:]}
    coins = ("min_stake", "attest_stake", "formation_tip", "keeper_tip")
    assert {name: round(float(shown[name.upper()]) * WAD) for name in coins} == {
        name: getattr(params, name) for name in coins
    }
    blocks = (int(shown["EPOCH_BLOCKS"]), int(shown["LEAD_BLOCKS"]))
    assert blocks == (params.epoch_blocks, params.lead_blocks)
    assert shown["fee of `none`"] == f"{params.fee_bps} bps"
    seconds = {"60 s": 60, "1 day": 86_400, "7 days": 7 * 86_400}
    assert seconds[shown["SUBNET_TTL"]] == params.subnet_ttl
    assert seconds[shown["UNBOND_SECONDS"]] == params.unbond_seconds
