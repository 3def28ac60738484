# SPDX-License-Identifier: Apache-2.0
"""Follow the chain: decoded events in order, and a rollback whenever the past changed.

``poll`` works from what the database holds and writes cursor, headers and events into the session
of its caller, who adds what follows from the events and commits once. After a crash at any point
the next poll repeats what was not committed; nothing is handed out twice or lost.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

from sqlalchemy.orm import Session

from offchain_workers.chain import trail
from offchain_workers.chain.db import Database
from offchain_workers.chain.errors import (
    DeepReorgError,
    LogRangeRefusedError,
    RpcRejectedError,
    RpcUnavailableError,
)
from offchain_workers.chain.events import Abi, Decoder
from offchain_workers.chain.header import Header
from offchain_workers.chain.logs import Log, block_logs, range_logs
from offchain_workers.chain.rpc import RpcPool
from offchain_workers.chain.tables import BlockRow
from offchain_workers.chain.trail import Forward, Plan, Rollback, Step

__all__ = ["BlockFollower", "Forward", "Rollback", "Step"]


# Blocks near the head that one poll takes: a batch that any node accepts.
_AT_ONCE = 32


class BlockFollower:
    """Follow the events of ``contracts`` ({address: abi}) from ``start_block`` on.

    ``confirmations`` blocks must lie on top before a block is handed out (0: the head itself).
    ``keep`` headers are kept; a reorg deeper than that raises DeepReorgError, see ``resync``.
    While catching up, one poll covers one range of at most ``max_range`` blocks.
    """

    def __init__(
        self,
        pool: RpcPool,
        db: Database,
        contracts: Mapping[str, Abi],
        start_block: int = 0,
        confirmations: int = 0,
        keep: int = 128,
        max_range: int = 5_000,
    ) -> None:
        self.wake = threading.Event()
        self._pool = pool
        self._db = db
        self._decoder = Decoder(contracts)
        self._start = start_block
        self._confirmations = confirmations
        self._keep = keep
        self._max_range = max_range
        self._range = min(500, max_range)
        self._bound = False

    def wait(self, seconds: float) -> None:
        """Sleep until the next poll is due; ``wake.set()`` ends it early."""
        self.wake.wait(seconds)
        self.wake.clear()

    def poll(self, session: Session) -> list[Step]:
        """Look once, and write what was found into ``session``: one fresh session, one commit.

        One step at most: a Rollback, or a Forward; empty when nothing is new. Poll again at once
        while it is not. Raises the pool's errors, DeepReorgError, EventUndecodableError,
        LogRangeRefusedError; nothing was written then.
        """
        self._pool.refresh()
        self._bind_chain()
        plan = self._look()
        return trail.write(session, plan, self._keep) if plan else []

    def resync(self, session: Session) -> Rollback:
        """After DeepReorgError: go back to the newest checkpoint still on the chain.

        Without one, to just before the start block.
        """
        return trail.roll_back(session, self._ancestor())

    def _bind_chain(self) -> None:
        if not self._bound and (genesis := self._pool.header(0)):
            self._db.bind_chain(self._pool.chain_id, genesis.hash)
            self._bound = True

    def _look(self) -> Plan | None:
        with self._db.read() as session:
            cursor, tip = trail.load(session, self._start)
        plan = Plan(start=cursor)
        if tip is None:
            self._advance(plan, cursor, None)
            return plan
        stands = self._stands(tip)
        if stands is None:
            return None
        if stands:
            self._advance(plan, cursor, tip.hash)
        else:
            plan.back_to = self._fork(tip)
        return plan

    # --- the past -----------------------------------------------------------------------------

    def _stands(self, tip: BlockRow) -> bool | None:
        """Whether our last block is on the chain; None when this can't be told now."""
        head = self._pool.height
        if head < tip.number:
            # A node that is merely behind proves nothing; one with another past does.
            with self._db.read() as session:
                below = trail.last_at_or_below(session, head)
            return None if below is None or self._matches(below) else False
        if self._matches(tip):
            return True
        settled = head - tip.number >= max(1, self._confirmations)
        return None if settled and self._pool.still_held(tip.number, tip.hash) else False

    def _fork(self, tip: BlockRow) -> int:
        ancestor = self._ancestor()
        if tip.number - ancestor > self._keep:
            raise DeepReorgError(
                f"blocks {ancestor + 1} to {tip.number} were replaced, more than the "
                f"{self._keep} headers that are kept",
                ancestor,
            )
        return ancestor

    def _ancestor(self) -> int:
        with self._db.read() as session:
            row = trail.last_matching(session, self._matches)
        return self._start - 1 if row is None else row.number

    def _matches(self, row: BlockRow) -> bool:
        header = self._pool.header(row.number)
        return header is not None and header.hash == row.hash

    # --- the future ---------------------------------------------------------------------------

    def _advance(self, plan: Plan, at: int, parent: bytes | None) -> None:
        target = self._pool.height - self._confirmations
        if target - at > self._keep:
            self._advance_range(plan, at + 1, target - self._keep)
        else:
            self._advance_blocks(plan, range(at + 1, target + 1), parent)

    def _advance_range(self, plan: Plan, first: int, limit: int) -> None:
        """Far behind: many blocks with one request, of a size that the node accepts."""
        last, logs = self._fetch_range(first, limit)
        header = self._pool.header(last)
        if header is not None:
            plan.blocks, plan.ranged = [header], True
            self._decode(plan, logs)

    def _fetch_range(self, first: int, limit: int) -> tuple[int, list[Log]]:
        while True:
            last = min(first + self._range - 1, limit)
            try:
                logs = range_logs(self._pool, first, last, self._decoder.addresses)
            except RpcRejectedError as refusal:
                if last == first:
                    raise LogRangeRefusedError(refusal.message) from refusal
                self._range = max(1, (last - first + 1) // 2)
            except RpcUnavailableError:
                # Perhaps the range was too much work: the next poll asks for less.
                self._range = max(1, self._range // 2)
                raise
            else:
                self._range = min(self._max_range, self._range * 2)
                return last, logs

    def _advance_blocks(self, plan: Plan, numbers: range, parent: bytes | None) -> None:
        """Near the head: block by block, each a child of the one before; the rest comes later."""
        if not numbers:
            return
        headers = self._linked(numbers[:_AT_ONCE], parent)
        logs = block_logs(self._pool, headers, self._decoder.addresses)
        for header, found in zip(headers, logs, strict=True):
            if found is None:
                return
            plan.blocks.append(header)
            self._decode(plan, found)

    def _linked(self, numbers: range, parent: bytes | None) -> list[Header]:
        """Headers from the first number on, as far as each follows the one before."""
        headers = self._pool.headers(numbers)
        for i, header in enumerate(headers):
            if parent is not None and header.parent_hash != parent:
                self._pool.expose_broken_links(header.number)
                return headers[:i]
            parent = header.hash
        return headers

    def _decode(self, plan: Plan, logs: list[Log]) -> None:
        decoded = (self._decoder.decode(log) for log in logs)
        plan.events += [event for event in decoded if event is not None]
