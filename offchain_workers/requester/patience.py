# SPDX-License-Identifier: Apache-2.0
"""What to do between two looks at the chain."""

from __future__ import annotations

import time

from offchain_workers.chain.development import DEVELOPMENT_CHAINS
from offchain_workers.chain.errors import RpcRejectedError
from offchain_workers.chain.rpc import RpcPool
from offchain_workers.errors import FusionError

_PATIENCE = 3  # looks at an unchanged head before a development chain is asked to mine


class Patience:
    """What to do between two looks at the chain: wait, up to ``seconds`` in all.

    A development chain that mines only on demand is asked for a block when its head stands still.
    """

    def __init__(self, pool: RpcPool, seconds: float, pause: float = 0.25) -> None:
        self._pool = pool
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._pause = pause
        self._seen, self._looks = -1, 0

    def __call__(self) -> None:
        """Raises MN-CLI-008 when the time is over."""
        if time.monotonic() > self._deadline:
            raise FusionError("MN-CLI-008", f"still waiting after {self._seconds:.0f} s; giving up")
        time.sleep(self._pause)
        self._pool.refresh()
        height = self._pool.height
        self._looks = self._looks + 1 if height == self._seen else 0
        self._seen = height
        if self._looks >= _PATIENCE and self._pool.chain_id in DEVELOPMENT_CHAINS:
            self._mine()

    def _mine(self) -> None:
        try:
            self._pool.call("evm_mine")
        except RpcRejectedError:
            self._looks = 0  # a chain with a rhythm of its own
