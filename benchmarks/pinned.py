# SPDX-License-Identifier: Apache-2.0
"""An anvil on which the same transactions cost the same on every machine and on every day."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from web3 import HTTPProvider, Web3
from web3.types import TxReceipt

from offchain_workers.chain.call import Call
from offchain_workers.chain.outbox import MAX_GAS
from offchain_workers.devnet import CHAIN_ID, find_anvil, process
from offchain_workers.devnet.anvil import anvil_command
from offchain_workers.errors import FusionError

GENESIS = 1_800_000_000
BLOCK_SECONDS = 12
GWEI = 10**9
FEES = {"maxFeePerGas": 100 * GWEI, "maxPriorityFeePerGas": GWEI}
RICH = 10**24
# Many transactions, each with the largest limit allowed, fit one block of a setup.
BLOCK_GAS = 256 * MAX_GAS


class RevertedError(Exception):
    """A transaction of a scene failed: the scene is wrong."""


class PinnedChain:
    """Blocks come when asked for, twelve seconds apart from a fixed genesis.

    Accounts have fixed keys and transactions fixed fees, so block hashes repeat, too.
    """

    def __init__(self, url: str) -> None:
        self.w3 = Web3(HTTPProvider(url))
        self._nonces: dict[str, int] = {}
        self.rpc("anvil_setBlockTimestampInterval", BLOCK_SECONDS)

    def rpc(self, method: str, *params: Any) -> Any:
        """The result of a call that has no place in web3."""
        answer = self.w3.provider.make_request(method, list(params))  # type: ignore[arg-type]
        if "error" in answer:
            raise FusionError("MN-DEV-006", f"{method}: {answer['error']}")
        return answer["result"]

    def account(self, name: str) -> LocalAccount:
        """A rich account; the same name has the same key everywhere."""
        account: LocalAccount = Account.from_key(keccak(text=f"benchmark {name}"))
        if account.address not in self._nonces:
            self.rpc("anvil_setBalance", account.address, hex(RICH))
            self._nonces[account.address] = 0
        return account

    def now(self) -> int:
        """The newest block's time."""
        return int(self.w3.eth.get_block("latest")["timestamp"])

    def mine(self, blocks: int = 1) -> None:
        self.rpc("anvil_mine", hex(blocks))

    def warp(self, timestamp: int) -> None:
        """The next block has this time."""
        self.rpc("evm_setNextBlockTimestamp", timestamp)

    @contextmanager
    def automine(self) -> Iterator[None]:
        """For code that sends by itself: each transaction gets its block at once."""
        self.rpc("evm_setAutomine", True)
        yield
        self.rpc("evm_setAutomine", False)
        for address in self._nonces:
            self._nonces[address] = self.w3.eth.get_transaction_count(to_checksum_address(address))

    def send(self, sender: LocalAccount, call: Call) -> TxReceipt:
        """One transaction in a block of its own: every slot that it touches is cold."""
        return self.send_all([(sender, call)])[0]

    def send_all(self, calls: Sequence[tuple[LocalAccount, Call]]) -> list[TxReceipt]:
        """All in one block, for setting up. Raises RevertedError."""
        hashes = [
            self.w3.eth.send_raw_transaction(self._signed(sender, call)) for sender, call in calls
        ]
        self.rpc("evm_mine")
        receipts = [self.w3.eth.get_transaction_receipt(tx_hash) for tx_hash in hashes]
        for (_, call), receipt in zip(calls, receipts, strict=True):
            if receipt["status"] != 1:
                raise RevertedError(f"call of {call.to} with {call.data[:4].hex()}")
        return receipts

    def _signed(self, sender: LocalAccount, call: Call) -> bytes:
        nonce = self._nonces[sender.address]
        self._nonces[sender.address] = nonce + 1
        fields: dict[str, Any] = {
            **FEES,
            "type": 2,
            "chainId": CHAIN_ID,
            "nonce": nonce,
            "gas": MAX_GAS,
            "to": call.to,
            "value": call.value,
            "data": call.data,
        }
        return bytes(sender.sign_transaction(fields).raw_transaction)


@contextmanager
def pinned_chain(genesis: int = GENESIS) -> Iterator[PinnedChain]:
    """A fresh chain. Raises FusionError MN-DEV-001 without anvil."""
    binary = find_anvil()
    if binary is None:
        raise FusionError("MN-DEV-001", "gas is measured on anvil: run `make anvil`")
    port = process.free_port(None)
    command = anvil_command(binary, port, None, None)
    command += ["--timestamp", str(genesis), "--gas-limit", str(BLOCK_GAS)]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "anvil.log"
        child = process.spawn(command, log)
        try:
            url = f"http://127.0.0.1:{port}"
            process.await_rpc(child, url, log)
            chain = PinnedChain(url)
            chain.rpc("evm_setAutomine", False)
            yield chain
        finally:
            process.stop(child)
