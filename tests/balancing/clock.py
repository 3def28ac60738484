# SPDX-License-Identifier: Apache-2.0
"""A clock that the test turns."""

from __future__ import annotations


class Clock:
    """Seconds since an arbitrary moment; ``tick`` more at each look."""

    def __init__(self, now: float = 1000.0, tick: float = 0.0) -> None:
        self.now = now
        self._tick = tick

    def __call__(self) -> float:
        self.now += self._tick
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds
