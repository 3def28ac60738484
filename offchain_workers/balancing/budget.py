# SPDX-License-Identifier: Apache-2.0
"""What may be sent besides the requests themselves: a share of them."""

from __future__ import annotations


class Budget:
    """Each request earns ``share`` of an extra; at most ``most`` are saved up.

    ``reserve``: extras there from the start, so that a quiet sender may retry at all; in the long
    run extras stay under ``share`` of the requests plus the reserve. Not thread-safe by itself.
    """

    def __init__(self, share: float, most: float, reserve: float = 0.0) -> None:
        self._share = share
        self._most = most
        self._saved = reserve

    def earn(self) -> None:
        """A request was sent."""
        self._saved = min(self._most, self._saved + self._share)

    def spend(self) -> bool:
        """Take one extra, if there is one."""
        if self._saved < 1:
            return False
        self._saved -= 1
        return True
