# SPDX-License-Identifier: Apache-2.0
"""Block time of the embedded chain: the wall clock, moved forward on request, never back."""

from __future__ import annotations

import time
from collections.abc import Callable


class Clock:
    """Seconds since the epoch plus an offset that `increase` and `set_next` change."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self.offset = 0
        self._exact: int | None = None

    def peek(self, parent: int) -> int:
        """The timestamp that a block on a parent of that time would get now."""
        if self._exact is not None:
            return self._exact
        return max(parent, int(self._now()) + self.offset)

    def take(self, parent: int) -> int:
        """`peek`, and use up what `set_next` asked for."""
        timestamp = self.peek(parent)
        self._exact = None
        return timestamp

    def increase(self, seconds: int) -> int:
        """Move on by `seconds`; the whole offset so far."""
        self.offset += seconds
        return self.offset

    def set_next(self, timestamp: int) -> None:
        """The next block has exactly this time, and time runs on from there."""
        self._exact = timestamp
        self.offset = timestamp - int(self._now())
