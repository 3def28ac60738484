# SPDX-License-Identifier: Apache-2.0
"""A clock that the test turns."""

from __future__ import annotations


class Clock:
    """Seconds since an arbitrary moment."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds
