# SPDX-License-Identifier: Apache-2.0
"""Send a command's transactions and tell of each: hash, block, gas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eth_account.signers.local import LocalAccount
from web3.types import TxReceipt

from offchain_workers.chain.call import Call
from offchain_workers.chain.wallet import Wallet
from offchain_workers.cli.network import Connection, unlock
from offchain_workers.cli.output import cell
from offchain_workers.cli.progress import say, waiting
from offchain_workers.cli.run import Run
from offchain_workers.errors import FusionError
from offchain_workers.units import Wei


@dataclass(frozen=True)
class Sent:
    """A mined transaction. ``fee`` in wei."""

    what: str
    tx: str
    block: int
    gas: int
    fee: Wei

    @classmethod
    def of(cls, what: str, receipt: TxReceipt) -> Sent:
        fee = Wei(receipt["gasUsed"] * receipt["effectiveGasPrice"])
        tx = receipt["transactionHash"].to_0x_hex()
        return cls(what, tx, receipt["blockNumber"], receipt["gasUsed"], fee)

    def line(self) -> str:
        return f"{self.what}: tx {self.tx}, block {self.block}, gas {self.gas:,} ({cell(self.fee)})"


class Sender:
    """Sends from one account and keeps what was mined, for --json."""

    def __init__(self, connection: Connection, account: LocalAccount | None = None) -> None:
        self.run: Run = connection.run
        self.account = account or unlock(connection.settings)
        self.address: str = self.account.address
        self.wallet = Wallet(connection.w3, self.account)
        self.sent: list[Sent] = []

    def send(self, what: str, call: Call) -> Sent:
        """Simulate, send, wait. Raises MN-CLI-012 and what ``Wallet.send`` raises."""
        balance = self.wallet.balance()
        if balance <= call.value:
            raise FusionError(
                "MN-CLI-012",
                f"{self.address} holds {cell(Wei(balance))}; to {what} it needs "
                f"{cell(Wei(call.value))} and the fee",
            )
        with waiting(self.run, what):
            receipt = self.wallet.send(call)
        return self.record(what, receipt)

    def record(self, what: str, receipt: TxReceipt) -> Sent:
        """Tell of a transaction that was mined."""
        sent = Sent.of(what, receipt)
        self.sent.append(sent)
        say(self.run, sent.line())
        return sent

    def result(self, **facts: Any) -> dict[str, Any]:
        """What a command prints with --json."""
        return {**facts, "transactions": self.sent}
