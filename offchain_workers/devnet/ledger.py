# SPDX-License-Identifier: Apache-2.0
"""Blocks of the embedded chain: build one, look one up, drop the newest, walk its logs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from eth.abc import (
    BlockAPI,
    BlockHeaderAPI,
    LogAPI,
    ReceiptAPI,
    SignedTransactionAPI,
    StateAPI,
)
from eth.constants import BLANK_ROOT_HASH, POST_MERGE_DIFFICULTY, POST_MERGE_NONCE, ZERO_HASH32
from eth.db.atomic import AtomicDB
from eth.vm.forks.prague import PragueVM
from eth.vm.forks.prague.blocks import PragueBlockHeader
from eth.vm.forks.prague.constants import (
    HISTORY_STORAGE_ADDRESS,
    HISTORY_STORAGE_CONTRACT_CODE,
)
from eth_typing import Address, BlockNumber, Hash32
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError

from .accounts import FUNDS_WEI, dev_accounts
from .vm import BLOCK_GAS_LIMIT, DevnetChain

COINBASE = Address(b"\x00" * 20)


def base_fee(header: BlockHeaderAPI) -> int:
    """Wei per gas; py-evm types it as optional for the forks that had none."""
    return header.base_fee_per_gas or 0


@dataclass(frozen=True)
class Mined:
    """One block with what executing it gave. `gas_used` is per transaction, not cumulative."""

    block: BlockAPI
    receipts: tuple[ReceiptAPI, ...]
    gas_used: tuple[int, ...]

    @property
    def header(self) -> PragueBlockHeader:
        return cast(PragueBlockHeader, self.block.header)

    def logs(self) -> Iterator[tuple[int, LogAPI]]:
        """Each log with its transaction's index, in order."""
        for index, receipt in enumerate(self.receipts):
            for log in receipt.logs:
                yield index, log


class Ledger:
    """The canonical chain in memory. Not thread-safe: the node serialises its callers."""

    def __init__(self, genesis_time: int) -> None:
        self._chain = _genesis_chain(genesis_time)
        genesis = self._chain.get_canonical_block_header_by_number(BlockNumber(0))
        block = self._chain.get_vm(genesis).get_block()
        self._blocks = [Mined(block, (), ())]
        self._by_hash: dict[Hash32, int] = {block.hash: 0}
        self._transactions: dict[Hash32, tuple[int, int]] = {}

    @property
    def head(self) -> Mined:
        return self._blocks[-1]

    @property
    def height(self) -> int:
        return len(self._blocks) - 1

    def block(self, number: int) -> Mined | None:
        return self._blocks[number] if 0 <= number <= self.height else None

    def number_of(self, block_hash: bytes) -> int | None:
        return self._by_hash.get(Hash32(block_hash))

    def locate(self, tx_hash: bytes) -> tuple[Mined, int] | None:
        """The block that a transaction is in and its index there."""
        found = self._transactions.get(Hash32(tx_hash))
        return (self._blocks[found[0]], found[1]) if found else None

    def next_header(self, timestamp: int) -> PragueBlockHeader:
        """The header that a block mined now would begin with."""
        parent = self.head.header
        header = self._chain.create_header_from_parent(
            parent,
            timestamp=timestamp,
            gas_limit=parent.gas_limit,
            coinbase=COINBASE,
            # Replaying a journal must give the same blocks, so randomness is derived.
            mix_hash=keccak(b"prevrandao" + parent.hash),
        )
        return cast(PragueBlockHeader, header)

    def vm(self, header: PragueBlockHeader) -> PragueVM:
        """A scratch machine on the state that `header` names; nothing done in it is kept."""
        return cast(PragueVM, self._chain.get_vm(header))

    def state(self, header: PragueBlockHeader) -> StateAPI:
        return self.vm(header).state

    def mine(
        self,
        transactions: Sequence[SignedTransactionAPI],
        timestamp: int,
        balances: Mapping[Address, int] | None = None,
    ) -> Mined:
        """Append a block of those `transactions` that are valid when their turn comes."""
        vm = self.vm(self.next_header(timestamp))
        vm.block_preprocessing(vm.get_block())
        for address, wei in (balances or {}).items():
            vm.state.set_balance(address, wei)
        header, included, receipts = _apply(vm, transactions)
        filled = vm.set_block_transactions_and_withdrawals(
            vm.get_block(), header, included, receipts
        )
        block = vm.mine_block(vm.block_postprocessing(filled)).block
        self._chain.chaindb.persist_block(block)
        mined = Mined(block, tuple(receipts), tuple(_per_transaction(receipts)))
        self._append(mined)
        return mined

    def truncate(self, height: int) -> None:
        """Drop every block above `height`."""
        for mined in self._blocks[height + 1 :]:
            del self._by_hash[mined.block.hash]
            for tx in mined.block.transactions:
                del self._transactions[tx.hash]
        del self._blocks[height + 1 :]

    def _append(self, mined: Mined) -> None:
        number = len(self._blocks)
        self._blocks.append(mined)
        self._by_hash[mined.block.hash] = number
        for index, tx in enumerate(mined.block.transactions):
            self._transactions[tx.hash] = (number, index)


def _apply(
    vm: PragueVM, transactions: Sequence[SignedTransactionAPI]
) -> tuple[PragueBlockHeader, list[SignedTransactionAPI], list[ReceiptAPI]]:
    header = cast(PragueBlockHeader, vm.get_header())
    included: list[SignedTransactionAPI] = []
    receipts: list[ReceiptAPI] = []
    for tx in transactions:
        try:
            receipt, _ = vm.apply_transaction(header, tx)
        except ValidationError:  # raised before any state has changed
            continue
        header = cast(PragueBlockHeader, vm.add_receipt_to_header(header, receipt))
        included.append(tx)
        receipts.append(receipt)
    return header, included, receipts


def _per_transaction(receipts: Iterable[ReceiptAPI]) -> Iterator[int]:
    before = 0
    for receipt in receipts:
        yield receipt.gas_used - before
        before = receipt.gas_used


def _genesis_chain(timestamp: int) -> DevnetChain:
    params: dict[str, Any] = {
        "coinbase": COINBASE,
        "difficulty": POST_MERGE_DIFFICULTY,
        "extra_data": b"",
        "gas_limit": BLOCK_GAS_LIMIT,
        "mix_hash": ZERO_HASH32,
        "nonce": POST_MERGE_NONCE,
        "receipt_root": BLANK_ROOT_HASH,
        "timestamp": timestamp,
        "transaction_root": BLANK_ROOT_HASH,
    }
    state: dict[Address, Any] = {
        Address(bytes.fromhex(account.address[2:])): _account(FUNDS_WEI)
        for account in dev_accounts()
    }
    # EIP-2935: contracts read the last 8,191 block hashes here.
    state[HISTORY_STORAGE_ADDRESS] = _account(0, HISTORY_STORAGE_CONTRACT_CODE, nonce=1)
    chain = DevnetChain.from_genesis(AtomicDB(), params, state)
    assert isinstance(chain, DevnetChain)
    return chain


def _account(wei: int, code: bytes = b"", nonce: int = 0) -> dict[str, object]:
    return {"balance": wei, "nonce": nonce, "code": code, "storage": {}}
