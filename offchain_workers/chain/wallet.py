# SPDX-License-Identifier: Apache-2.0
"""One-shot transactions of a person at a terminal: sign, send, wait. Daemons use the outbox."""

from __future__ import annotations

from typing import Any, cast

from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from web3 import Web3
from web3.exceptions import ContractLogicError, TimeExhausted, Web3RPCError
from web3.types import TxParams, TxReceipt

from offchain_workers.chain.call import Call, revert_reason
from offchain_workers.chain.errors import (
    CallRevertedError,
    RpcRejectedError,
    TransactionFailedError,
    TransactionUnminedError,
)
from offchain_workers.chain.outbox import MAX_GAS

WAIT_SECONDS = 120.0
# Above a fifth: when an epoch begins after the estimate, a call writes two words anew.
SPARE_GAS = 60_000


class Wallet:
    """Signs for one account. Not safe beside a daemon that uses the same key."""

    def __init__(self, w3: Web3, account: LocalAccount) -> None:
        self._w3 = w3
        self.account = account

    @property
    def address(self) -> str:
        return self.account.address

    def nonce(self) -> int:
        return self._w3.eth.get_transaction_count(self.account.address, "pending")

    def balance(self) -> int:
        """Wei."""
        return self._w3.eth.get_balance(self.account.address)

    def send(self, call: Call, gas: int | None = None, tip: int | None = None) -> TxReceipt:
        """Simulate, send and wait for the receipt. ``tip`` in wei; None: what the node suggests.

        Raises CallRevertedError before anything is sent when the contract would refuse,
        RpcRejectedError when the node does (too little coin, say), TransactionFailedError when it
        reverts once mined, TransactionUnminedError when it is not mined in time.
        """
        raw = self._signed(call, gas, tip)
        try:
            tx_hash = self._w3.eth.send_raw_transaction(raw)
        except Web3RPCError as error:
            reason = {"message": revert_reason(error)}
            raise RpcRejectedError("eth_sendRawTransaction", reason) from error
        return self._wait(tx_hash)

    def create(self, call: Call, expected: str) -> TxReceipt:
        """Deploy; the contract must land at ``expected``."""
        receipt = self.send(call)
        if receipt["contractAddress"] != expected:
            raise TransactionFailedError(
                f"a contract landed at {receipt['contractAddress']}, not at {expected}: "
                "something else used this key meanwhile"
            )
        return receipt

    def _signed(self, call: Call, gas: int | None, tip: int | None) -> bytes:
        fields: dict[str, Any] = {
            "from": self.account.address,
            "data": call.data,
            "value": call.value,
            "chainId": self._w3.eth.chain_id,
        }
        if call.to:
            fields["to"] = to_checksum_address(call.to)
        fields["gas"] = gas or min(self._estimate(fields) * 12 // 10 + SPARE_GAS, MAX_GAS)
        tip = self._w3.eth.max_priority_fee if tip is None else tip
        base = self._w3.eth.get_block("latest").get("baseFeePerGas", 0)
        fields |= {"maxPriorityFeePerGas": tip, "maxFeePerGas": 2 * base + tip}
        fields["nonce"] = self.nonce()
        del fields["from"]
        return bytes(self.account.sign_transaction(fields).raw_transaction)

    def _estimate(self, fields: dict[str, Any]) -> int:
        try:
            return self._w3.eth.estimate_gas(cast(TxParams, fields))
        except ContractLogicError as error:
            raise CallRevertedError(revert_reason(error)) from error
        except Web3RPCError as error:
            raise RpcRejectedError("eth_estimateGas", {"message": revert_reason(error)}) from error

    def _wait(self, tx_hash: Any) -> TxReceipt:
        try:
            receipt = self._w3.eth.wait_for_transaction_receipt(
                tx_hash, timeout=WAIT_SECONDS, poll_latency=0.05
            )
        except TimeExhausted as error:
            raise TransactionUnminedError(
                f"{tx_hash.to_0x_hex()} is not mined after {WAIT_SECONDS:.0f} s; it may still be"
            ) from error
        if receipt["status"] != 1:
            raise TransactionFailedError(f"{tx_hash.to_0x_hex()} reverted")
        return receipt
