# SPDX-License-Identifier: Apache-2.0
"""What may be sent besides the requests themselves: a share of them."""

from __future__ import annotations

# Seconds in which a sender that asks seldom regains one of its reserve.
_REGAIN_SECONDS = 10.0


class Budget:
    """Each request earns ``share`` of an extra; at most ``most`` are saved up.

    ``reserve``: extras there from the start and, one every ten seconds, again, so that a quiet
    sender may retry at all; in the long run extras stay under ``share`` of the requests plus
    that. Not thread-safe by itself.
    """

    def __init__(self, share: float, most: float, reserve: float = 0.0) -> None:
        self._share = share
        self._most = most
        self._reserve = self._saved = reserve
        self._stamp: float | None = None

    def earn(self, now: float) -> None:
        """A request was sent."""
        quiet = 0.0 if self._stamp is None else now - self._stamp
        regained = min(self._reserve, self._saved + quiet / _REGAIN_SECONDS)
        self._saved = min(self._most, max(self._saved, regained) + self._share)
        self._stamp = now

    def spend(self) -> bool:
        """Take one extra, if there is one."""
        if self._saved < 1:
            return False
        self._saved -= 1
        return True
