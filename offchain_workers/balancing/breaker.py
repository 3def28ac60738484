# SPDX-License-Identifier: Apache-2.0
"""Stop after failures, then try one. Bad input is never a failure of the one who was given it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from enum import StrEnum


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Breaker:
    """Opens after ``failures`` within ``window`` seconds with no success between, for ``pause``.

    Then one may try (half-open): it closes the breaker, or opens it again for twice as long, at
    most ``longest`` (by default the pause stays as it is). Thread-safe.
    """

    def __init__(
        self,
        failures: int,
        window: float,
        pause: float,
        clock: Callable[[], float] = time.monotonic,
        longest: float = 0.0,
    ) -> None:
        self._limit = failures
        self._window = window
        self._pause = self._first_pause = pause
        self._longest = max(longest, pause)
        self._clock = clock
        self._recent: deque[float] = deque()
        self._opened: float | None = None
        self._probing = False
        self._lock = threading.Lock()

    @property
    def opened(self) -> float | None:
        """When it opened last; None while closed."""
        return self._opened

    @property
    def state(self) -> State:
        opened = self._opened
        if opened is None:
            return State.CLOSED
        return State.OPEN if self._clock() - opened < self._pause else State.HALF_OPEN

    def allows(self) -> bool:
        """Whether a job may begin."""
        with self._lock:
            return self.state is State.CLOSED or (
                self.state is State.HALF_OPEN and not self._probing
            )

    def begin(self) -> None:
        """A job begins; while half-open it is the only one."""
        with self._lock:
            self._probing = self.state is State.HALF_OPEN

    def succeeded(self) -> None:
        with self._lock:
            self._recent.clear()
            self._pause = self._first_pause
            self._opened, self._probing = None, False

    def failed(self) -> None:
        """A failure of engine or delivery."""
        with self._lock:
            now = self._clock()
            self._recent.append(now)
            while now - self._recent[0] > self._window:
                self._recent.popleft()
            # Half-open without a probe: the probe's end was not clear at first, or an old job's.
            again = self._probing or self.state is State.HALF_OPEN
            if again:
                self._pause = min(2 * self._pause, self._longest)
            if again or len(self._recent) >= self._limit:
                self._opened, self._probing = now, False

    def not_ours(self) -> None:
        """The job ended for a reason that says nothing about us."""
        with self._lock:
            self._probing = False
