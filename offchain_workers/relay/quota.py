# SPDX-License-Identifier: Apache-2.0
"""What a relay gives each worker, and each connection of others."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from offchain_workers.relay.errors import busy


@dataclass(frozen=True)
class Limits:
    """Of one relay. A node costs at most ``max_streams`` times two windows of memory.

    ``bytes_per_second``: a node's, both ways together, over time; a minute's worth may go at once.
    ``grace_seconds``: what an exchange may take beside its bytes, which must flow at least at
    ``slowest_bytes_per_second``. ``early_bytes`` of a request must be here within
    ``early_seconds`` before it takes one of its node's streams.
    """

    max_nodes: int = 256
    max_logins: int = 64
    max_streams: int = 32
    max_body: int = 64 << 20
    bytes_per_second: int = 8 << 20
    requests_per_second: int = 100
    grace_seconds: float = 60.0
    slowest_bytes_per_second: int = 32 << 10
    early_bytes: int = 64 << 10
    early_seconds: float = 10.0
    login_seconds: float = 10.0
    beat_seconds: float = 15.0
    silence_seconds: float = 45.0


class Bucket:
    """Tokens that fill up at a rate; taking more than there are makes debts that time pays."""

    def __init__(
        self, rate: float, most: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._most, self._clock = rate, most, clock
        self._tokens, self._at = most, clock()

    def take(self, count: float) -> None:
        self._fill()
        self._tokens -= count

    def wait(self) -> float:
        """Seconds until the debt is paid; 0 without one."""
        self._fill()
        return max(0.0, -self._tokens / self._rate)

    def _fill(self) -> None:
        now = self._clock()
        self._tokens = min(self._most, self._tokens + (now - self._at) * self._rate)
        self._at = now


class Quota:
    """One operator's; it outlives the operator's connections."""

    def __init__(self, limits: Limits) -> None:
        self._bytes = Bucket(limits.bytes_per_second, 60 * limits.bytes_per_second)
        self._requests = Bucket(limits.requests_per_second, 2 * limits.requests_per_second)

    def admit(self) -> None:
        """One more request. Raises MN-RELAY-003."""
        wait = max(self._bytes.wait(), self._requests.wait())
        if wait > 0:
            raise busy("this worker's quota at the relay is used up", math.ceil(wait))
        self._requests.take(1)

    def moved(self, count: int) -> None:
        """``count`` bytes went through, either way."""
        self._bytes.take(count)
