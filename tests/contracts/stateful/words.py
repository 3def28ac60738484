# SPDX-License-Identifier: Apache-2.0
"""What the contracts' packed words say, as docs/protocol.md lays them out."""

from __future__ import annotations

from typing import NamedTuple

from tests.contracts.stateful.chain import Contract

AMOUNT = 2**96 - 1


class Operator(NamedTuple):
    """The part of an operator's record that the books know; wei and seconds."""

    stake: int
    reserved: int
    offers: int
    unbonding: int
    unbonded_at: int


def operator_of(registry: Contract, account: str) -> Operator:
    """From the registry's two words."""
    word, losses = registry.read("_stakes", account), registry.read("_losses", account)
    return Operator(
        stake=word >> 160,
        reserved=word >> 64 & AMOUNT,
        offers=word & (2**32 - 1),
        unbonding=losses >> 160,
        unbonded_at=losses >> 120 & (2**40 - 1),
    )
