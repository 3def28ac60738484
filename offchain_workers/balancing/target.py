# SPDX-License-Identifier: Apache-2.0
"""What a balancer knows of one target. Guarded by the balancer's lock."""

from __future__ import annotations

from collections.abc import Callable

from offchain_workers.balancing.breaker import Breaker, State
from offchain_workers.balancing.latency import PeakEwma

# So that a target without latency is not infinitely better than one with twice the load.
_LEAST_SECONDS = 1e-4


class Target:
    """Load, latency and standing of one target; times are of the balancer's clock."""

    def __init__(self, name: str, decay: float, breaker: Breaker, clock: Callable[[], float]):
        self.name = name
        self.latency = PeakEwma(decay)
        self.breaker = breaker
        self.quarantined: float | None = None
        self.sent = 0
        # In a row: inputs that it did not answer and another did.
        self.doubts = 0
        self.last_pick = 0
        self._clock = clock
        # In the order in which they were sent: the first is the oldest.
        self._running: dict[int, float] = {}

    @property
    def outstanding(self) -> int:
        return len(self._running)

    def begin(self, number: int) -> float:
        """A request is sent; the time."""
        now = self._clock()
        self._running[number] = now
        self.last_pick = number
        self.sent += 1
        self.breaker.begin()
        return now

    def end(self, number: int) -> bool:
        """Whether it was running: an attempt ends once."""
        return self._running.pop(number, None) is not None

    def expected(self, unmeasured: float, now: float) -> float:
        """Seconds that one request takes: at least as long as the oldest has been waiting."""
        known = self.latency.at(now)
        oldest = now - next(iter(self._running.values()), now)
        return max(unmeasured if known is None else known, oldest, _LEAST_SECONDS)

    def cost(self, unmeasured: float, now: float) -> float:
        """What the next request would wait for, in seconds."""
        return (self.outstanding + 1) * self.expected(unmeasured, now)

    def blocked_since(self) -> float | None:
        """Since when it should get nothing; None while it may."""
        if self.quarantined is not None:
            return self.quarantined
        return None if self.breaker.allows() else self.breaker.opened

    @property
    def is_blocked(self) -> bool:
        """Whether only need brings it requests: more than half are blocked."""
        return self.blocked_since() is not None

    @property
    def state(self) -> str:
        """``quarantined`` until a canary passes; else the breaker's state."""
        return "quarantined" if self.quarantined is not None else self.breaker.state.value

    @property
    def is_probed(self) -> bool:
        """Whether the request that begins next decides about its breaker."""
        return self.breaker.state is State.HALF_OPEN
