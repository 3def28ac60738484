# SPDX-License-Identifier: Apache-2.0
"""Offers: everything is checked before the first transaction, so that nothing stays half done."""

from __future__ import annotations

from offchain_workers.chain.contracts import Tier
from offchain_workers.chain.contracts.subnets import book_id
from offchain_workers.cli.leaving import registered
from offchain_workers.cli.network import Connection
from offchain_workers.cli.output import cell
from offchain_workers.cli.sending import Sender, Sent
from offchain_workers.errors import FusionError
from offchain_workers.units import Wei


class Offering:
    """A model under a method, priced in a token: one book.

    Raises MN-CLI-007 for a method that the market does not have.
    """

    def __init__(self, connection: Connection, model_id: bytes, method: str, token: str) -> None:
        self._connection = connection
        self._subnets = connection.network.subnets
        self.model_id = model_id
        self.selector = connection.selector(method)
        self.token = token
        self.book_id = book_id(model_id, self.selector, token)

    def check(self, operator: str) -> None:
        """Raises MN-CLI-015 for a stranger, MN-CLI-017 for too little stake."""
        state = registered(self._connection, operator)
        held = self._subnets.has_offer(operator, self.book_id)
        needed = (state.offers + (not held)) * self._subnets.min_stake
        if state.stake < needed:
            raise FusionError(
                "MN-CLI-017",
                f"{operator} has {cell(Wei(state.stake))} at stake, {state.offers + (not held)} "
                f"offers need {cell(Wei(needed))}: fusion operator stake AMOUNT",
            )

    def opt_in(self, sender: Sender) -> None:
        """Let the method's contract name us, unless it may already."""
        method = self._connection.network.marketplace.method(self.selector)
        if method and not self._subnets.opted_in(sender.address, method.plugin):
            sender.send("opt in", self._subnets.opt_in(self.selector))

    def send(self, sender: Sender, tier: Tier, price: int, region: int) -> Sent:
        call = self._subnets.offer(
            self.model_id, self.selector, tier, price, region=region, token=self.token
        )
        return sender.send("offer", call)

    def in_force_from(self, block: int) -> dict[str, int]:
        """A change written in an epoch is in force from the next one."""
        epoch = block // self._subnets.epoch_blocks + 1
        return {"from_epoch": epoch, "from_block": epoch * self._subnets.epoch_blocks}
