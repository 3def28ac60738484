# SPDX-License-Identifier: Apache-2.0
"""Which time it is for the contracts."""

from __future__ import annotations

import time


class ChainClock:
    """Our clock, corrected forward where the chain's is ahead (development chains travel in time).

    ``head`` is the timestamp of the newest block: what a simulation against it sees.
    """

    def __init__(self) -> None:
        self._ahead = 0
        self.head = 0

    def see(self, timestamp: int) -> None:
        """A new head."""
        if timestamp != self.head:
            self.head = timestamp
            self._ahead = max(0, timestamp - int(time.time()))

    def now(self) -> int:
        """Unix seconds: no earlier than the next block's timestamp is expected to be."""
        return max(int(time.time()) + self._ahead, self.head)
