# SPDX-License-Identifier: Apache-2.0
"""Rates in memory: requests and bytes of each caller. Money is counted in the database."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

# Callers without a key are told apart by address: what is remembered of them has an end.
_MOST_CALLERS = 10_000


class Rates:
    """A token bucket for each (caller, kind). Thread-safe; ``clock`` in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()

    def take(self, caller: str, kind: str, amount: float, size: float, period: float) -> float:
        """Take ``amount`` of a bucket that holds ``size`` and fills in ``period`` seconds.

        0 when taken, else the seconds until there is enough; infinite when there never is.
        """
        with self._lock:
            now = self._clock()
            level, seen = self._buckets.pop((caller, kind), (size, now))
            level = min(size, level + (now - seen) * size / period)
            enough = level >= amount
            self._buckets[caller, kind] = (level - amount if enough else level, now)
            while len(self._buckets) > _MOST_CALLERS:
                self._buckets.popitem(last=False)
        if enough:
            return 0.0
        return (amount - level) * period / size if amount <= size else float("inf")
