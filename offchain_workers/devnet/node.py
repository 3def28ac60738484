# SPDX-License-Identifier: Apache-2.0
"""The embedded chain as one object: ledger, pool, clock, snapshots and journal move together."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from eth.abc import SignedTransactionAPI, StateAPI
from eth.exceptions import UnrecognizedTransactionType
from eth.vm.forks.prague.blocks import PragueBlockHeader
from eth_typing import Address
from eth_utils.exceptions import ValidationError
from rlp.exceptions import DecodingError, DeserializationError

from ..errors import FusionError
from .accounts import CHAIN_ID
from .clock import Clock
from .journal import FORMAT, Entry, Header, Journal
from .ledger import Ledger, Mined, base_fee
from .pool import Pool
from .rpc_error import invalid_params


@dataclass(frozen=True)
class Snapshot:
    """Where `revert` goes back to."""

    height: int
    offset: int
    pending: tuple[SignedTransactionAPI, ...]


class Node:
    """One chain. Callers hold `lock` around whatever must be seen as one step."""

    def __init__(self, state_file: Path | None = None, clock: Clock | None = None) -> None:
        self.lock = threading.RLock()
        self.clock = clock or Clock()
        self.pool = Pool()
        self.automine = True
        self._snapshots: dict[int, Snapshot] = {}
        self._last_snapshot = -1
        header = Header(format=FORMAT, chain_id=CHAIN_ID, genesis_time=self.clock.peek(0))
        self._journal: Journal | None = None
        entries: list[Entry] = []
        if state_file is not None:
            self._journal, entries = Journal.open(state_file, header)
            header = self._journal.header
        self.ledger = Ledger(header.genesis_time)
        for entry in entries:
            self._replay(entry)

    # --- reading ------------------------------------------------------------------------------

    def pending_header(self) -> PragueBlockHeader:
        """The header of the block to come, at the present time."""
        return self.ledger.next_header(self.clock.peek(self.ledger.head.header.timestamp))

    def head_state(self) -> StateAPI:
        return self.ledger.state(self.ledger.head.header)

    # --- transactions and blocks --------------------------------------------------------------

    def send_raw(self, raw: bytes) -> bytes:
        """Take a signed transaction, mine at once when mining is automatic; its hash."""
        tx = self._decode(raw)
        self.pool.add(tx, self.head_state(), self.pending_header())
        if self.automine:
            self.mine_ready()
        return tx.hash

    def mine_ready(self) -> None:
        """Mine while something fits a block."""
        while self._ready():
            self.mine()

    def mine(self, timestamp: int | None = None) -> Mined:
        """One block of what waits, empty when nothing does."""
        if timestamp is not None:
            self.set_next_timestamp(timestamp)
        when = self.clock.take(self.ledger.head.header.timestamp)
        picked = self._ready()
        mined = self._append(picked, when, {})
        for tx in picked:  # also those that turned out invalid: they would never fit
            self.pool.discard(tx)
        return mined

    def set_balance(self, address: Address, wei: int) -> None:
        """Set a balance, in an empty block of its own so that the change survives a restart."""
        when = self.clock.take(self.ledger.head.header.timestamp)
        self._append([], when, {address: wei})

    def set_next_timestamp(self, timestamp: int) -> None:
        parent = self.ledger.head.header.timestamp
        if timestamp <= parent:
            raise invalid_params(f"timestamp {timestamp} is not after the head's {parent}")
        self.clock.set_next(timestamp)

    # --- snapshots ----------------------------------------------------------------------------

    def snapshot(self) -> int:
        self._last_snapshot += 1
        self._snapshots[self._last_snapshot] = Snapshot(
            self.ledger.height, self.clock.offset, tuple(self.pool)
        )
        return self._last_snapshot

    def revert(self, identifier: int) -> bool:
        """Back to a snapshot, which is used up with all later ones; False when there is none."""
        target = self._snapshots.get(identifier)
        if target is None:
            return False
        self._snapshots = {at: kept for at, kept in self._snapshots.items() if at < identifier}
        self.ledger.truncate(target.height)
        self.clock.offset = target.offset
        self.pool.restore(target.pending)
        if self._journal is not None:
            self._journal.truncate(target.height)
        return True

    # --- inside -------------------------------------------------------------------------------

    def _decode(self, raw: bytes) -> SignedTransactionAPI:
        builder = self.ledger.vm(self.ledger.head.header).get_transaction_builder()
        try:
            return builder.decode(raw)
        except (
            DecodingError,
            DeserializationError,
            UnrecognizedTransactionType,
            ValidationError,
        ) as error:
            raise invalid_params(f"cannot decode the transaction: {error}") from error

    def _ready(self) -> list[SignedTransactionAPI]:
        header = self.pending_header()
        return self.pool.ready(self.head_state(), base_fee(header))

    def _replay(self, entry: Entry) -> None:
        """Mine a block of the journal again; a different outcome is an error, not a new chain."""
        txs = [self._decode(bytes.fromhex(raw)) for raw in entry.transactions]
        balances = {Address(bytes.fromhex(key)): wei for key, wei in entry.balances.items()}
        mined = self.ledger.mine(txs, entry.timestamp, balances)
        if mined.block.hash.hex() != entry.hash:
            raise FusionError(
                "MN-DEV-004", f"block {entry.number} of the chain journal gives another hash"
            )
        self.clock.offset = entry.offset

    def _append(
        self, txs: list[SignedTransactionAPI], when: int, balances: Mapping[Address, int]
    ) -> Mined:
        mined = self.ledger.mine(txs, when, balances)
        if self._journal is not None:
            self._journal.append(
                Entry(
                    number=self.ledger.height,
                    hash=mined.block.hash.hex(),
                    timestamp=when,
                    offset=self.clock.offset,
                    transactions=[tx.encode().hex() for tx in mined.block.transactions],
                    balances={address.hex(): wei for address, wei in balances.items()},
                )
            )
        return mined
