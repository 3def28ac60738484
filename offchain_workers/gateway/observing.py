# SPDX-License-Identifier: Apache-2.0
"""What this gateway saw of operators, signed with its key now and then, for others to read."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog
from eth_account.signers.local import LocalAccount

from offchain_workers.canaries import Tally, observed, sign_observations
from offchain_workers.canaries.board import Board
from offchain_workers.gateway.spotchecks import Key
from offchain_workers.storage import StoreError

log = structlog.get_logger(__name__)

# What one document holds.
_MOST_ENTRIES = 256


class Observing:
    """Publishes ``tally`` on ``board`` every so many seconds, where there is anything to say."""

    def __init__(
        self,
        account: LocalAccount,
        chain_id: int,
        registry: str,
        board: Board,
        tally: Tally[Key],
        every: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._account = account
        self._at = chain_id, registry
        self.board = board
        self._tally = tally
        self._every = every
        self._clock = clock
        self._since = clock()

    def turned(self) -> None:
        """The loop went round."""
        now = self._clock()
        if now - self._since >= self._every:
            self._publish(int(self._since), int(now))
            self._since = now

    def _publish(self, since: int, now: int) -> None:
        records = self._tally.take()
        entries = [observed(*key, record) for key, record in records.items()]
        for first in range(0, len(entries), _MOST_ENTRIES):
            part = entries[first : first + _MOST_ENTRIES]
            document = sign_observations(self._account, *self._at, part, since, now)
            try:
                cid = self.board.publish(document)
            except StoreError as error:
                log.warning("observations are not published", reason=str(error))
            else:
                log.info("observations published", content=cid, operators=len(part))
