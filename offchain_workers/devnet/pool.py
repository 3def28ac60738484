# SPDX-License-Identifier: Apache-2.0
"""Transactions that wait for a block: checked on entry, one per nonce, replaced at +10 %."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from eth.abc import SignedTransactionAPI, StateAPI
from eth.vm.forks.cancun.constants import BLOB_TX_TYPE
from eth.vm.forks.prague.blocks import PragueBlockHeader
from eth_typing import Address
from eth_utils.exceptions import ValidationError

from .accounts import CHAIN_ID
from .ledger import base_fee
from .rpc_error import rejected
from .vm import BLOCK_GAS_LIMIT, TX_GAS_CAP


class Pool:
    """Pending transactions in order of arrival."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[Address, int], SignedTransactionAPI] = {}

    def __iter__(self) -> Iterator[SignedTransactionAPI]:
        return iter(self._waiting.values())

    def __len__(self) -> int:
        return len(self._waiting)

    def get(self, tx_hash: bytes) -> SignedTransactionAPI | None:
        return next((tx for tx in self if tx.hash == tx_hash), None)

    def add(self, tx: SignedTransactionAPI, state: StateAPI, header: PragueBlockHeader) -> None:
        """Take `tx`, or raise `RpcError` with what is wrong. `header` is of the block to come."""
        _check(tx, state, header)
        slot = (tx.sender, tx.nonce)
        rival = self._waiting.get(slot)
        if rival is not None:
            _check_replaces(tx, rival)
        self._waiting[slot] = tx

    def restore(self, transactions: Iterable[SignedTransactionAPI]) -> None:
        """Forget what waits and wait for these instead."""
        self._waiting = {(tx.sender, tx.nonce): tx for tx in transactions}

    def discard(self, tx: SignedTransactionAPI) -> None:
        self._waiting.pop((tx.sender, tx.nonce), None)

    def next_nonce(self, sender: Address, nonce: int) -> int:
        """The first nonce from `nonce` on that does not wait already."""
        while (sender, nonce) in self._waiting:
            nonce += 1
        return nonce

    def ready(self, state: StateAPI, base_fee: int) -> list[SignedTransactionAPI]:
        """What fits one block now: every sender's nonces in sequence, in order of arrival."""
        picked: list[SignedTransactionAPI] = []
        gas = 0
        for sender in dict.fromkeys(sender for sender, _ in self._waiting):
            for tx in self._sequence(sender, state.get_nonce(sender)):
                if tx.max_fee_per_gas < base_fee or gas + tx.gas > BLOCK_GAS_LIMIT:
                    break
                gas += tx.gas
                picked.append(tx)
        return picked

    def _sequence(self, sender: Address, nonce: int) -> Iterator[SignedTransactionAPI]:
        while (tx := self._waiting.get((sender, nonce))) is not None:
            yield tx
            nonce += 1


def _check(tx: SignedTransactionAPI, state: StateAPI, header: PragueBlockHeader) -> None:
    try:
        tx.validate()
    except ValidationError as error:
        raise rejected(f"invalid transaction: {error}") from error
    if tx.type_id == BLOB_TX_TYPE:
        raise rejected("blob transactions are not supported")
    if tx.chain_id != CHAIN_ID:
        raise rejected(f"invalid chain id for signer: have {tx.chain_id} want {CHAIN_ID}")
    if tx.gas > TX_GAS_CAP:
        raise rejected(f"transaction gas limit {tx.gas} exceeds the cap of {TX_GAS_CAP}")
    if tx.gas < tx.intrinsic_gas:
        raise rejected("intrinsic gas too low")
    if tx.nonce < state.get_nonce(tx.sender):
        raise rejected("nonce too low")
    if tx.max_fee_per_gas < base_fee(header):
        raise rejected("max fee per gas less than block base fee")
    if tx.gas * tx.max_fee_per_gas + tx.value > state.get_balance(tx.sender):
        raise rejected("Insufficient funds for gas * price + value")


def _check_replaces(tx: SignedTransactionAPI, rival: SignedTransactionAPI) -> None:
    if tx.hash == rival.hash:
        raise rejected("transaction already imported")
    enough = all(
        new * 10 >= old * 11
        for new, old in (
            (tx.max_fee_per_gas, rival.max_fee_per_gas),
            (tx.max_priority_fee_per_gas, rival.max_priority_fee_per_gas),
        )
    )
    if not enough:
        raise rejected("replacement transaction underpriced")
