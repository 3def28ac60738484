# SPDX-License-Identifier: Apache-2.0
"""Latency of one target (peak-EWMA), and the quantile of a whole set."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque

# One slow answer in five is seen soon, and one among many is forgotten soon.
_WEIGHT = 0.2


class PeakEwma:
    """Up at once, down slowly, and down to nothing with ``decay`` seconds where nothing is heard.

    Forgetting lets a target that was slow be tried again. Seconds throughout.
    """

    def __init__(self, decay: float) -> None:
        self._decay = decay
        self._value: float | None = None
        self._stamp = 0.0

    def at(self, now: float) -> float | None:
        """The present estimate."""
        if self._value is None:
            return None
        return self._value * math.exp((self._stamp - now) / self._decay)

    def observe(self, latency: float, now: float) -> None:
        """An answer that took ``latency``."""
        old = self._value
        if old is None or latency > old:
            self._value = latency
        else:
            self._value = old + _WEIGHT * (latency - old)
        self._stamp = now

    def at_most(self, latency: float) -> None:
        """What was assumed beyond ``latency`` is void."""
        if self._value is not None:
            self._value = min(self._value, latency)

    def at_least(self, latency: float, now: float) -> None:
        """No answer in ``latency`` seconds: nothing is known but that it takes longer."""
        current = self.at(now)
        if current is None or latency > current:
            self.observe(latency, now)


class Quantile:
    """The ``share`` quantile of the last ``most`` latencies; None with fewer than ``least``."""

    def __init__(self, share: float, most: int = 512, least: int = 20) -> None:
        self._share = share
        self._most = most
        self._least = least
        self._recent: deque[float] = deque()
        self._sorted: list[float] = []

    def observe(self, latency: float) -> None:
        self._recent.append(latency)
        insort(self._sorted, latency)
        if len(self._recent) > self._most:
            del self._sorted[bisect_left(self._sorted, self._recent.popleft())]

    def value(self) -> float | None:
        if len(self._sorted) < self._least:
            return None
        return self._sorted[min(int(len(self._sorted) * self._share), len(self._sorted) - 1)]
