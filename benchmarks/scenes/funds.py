# SPDX-License-Identifier: Apache-2.0
"""Native coin into the market and out of it."""

from __future__ import annotations

from benchmarks.market import ETHER, Market
from benchmarks.pinned import PinnedChain
from benchmarks.table import Recorder


def funds(chain: PinnedChain, record: Recorder) -> None:
    """Deposit twice, withdraw a part."""
    market = Market.create(chain).network.marketplace
    requester = chain.account("requester")
    for first_use in (True, False):
        receipt = chain.send(requester, market.deposit(ETHER))
        note = "no balance before" if first_use else ""
        record.add("deposit:-:native", receipt, first_use=first_use, note=note)
    receipt = chain.send(requester, market.withdraw(ETHER, requester.address))
    record.add("withdraw:-:native", receipt, note="a part of the balance, to oneself")
