# SPDX-License-Identifier: Apache-2.0
"""What each key may do: requests a second, wei an hour, requests at once."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

from offchain_workers.balancing.errors import (
    InFlightExceededError,
    RateExceededError,
    SpendExceededError,
)

HOUR = 3600.0
# Nobody knows when a running request ends.
_LATER = 1.0


@dataclass(frozen=True)
class Limits:
    """``rate`` requests a second on average, ``burst`` at once; None: no limit.

    ``spend_per_hour`` in wei over any sixty minutes.
    """

    rate: float = 10.0
    burst: int = 20
    in_flight: int | None = 32
    spend_per_hour: int | None = None


class Quotas:
    """Admits requests by key. Thread-safe. ``most_keys``: idle keys beyond are forgotten."""

    def __init__(
        self,
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
        most_keys: int = 100_000,
    ) -> None:
        self._default = limits
        self._clock = clock
        self._most = most_keys
        self._accounts: OrderedDict[str, _Account] = OrderedDict()
        self._lock = threading.Lock()

    def admit(self, key: str, wei: int = 0, limits: Limits | None = None) -> Ticket:
        """Take a place and earmark ``wei``; ``limits``: this key's own.

        Raises RateExceededError, InFlightExceededError, SpendExceededError; then nothing is taken.
        """
        with self._lock:
            now = self._clock()
            account = self._account(key, limits or self._default, now)
            account.check(wei, now)
            account.tokens -= 1
            account.in_flight += 1
            account.spent.append(spending := _Spending(now, wei))
        return Ticket(self, account, spending)

    def remember(self, key: str, wei: int, age: float, limits: Limits | None = None) -> None:
        """Spending of ``age`` seconds ago that a restart forgot; the oldest first."""
        with self._lock:
            now = self._clock()
            account = self._account(key, limits or self._default, now)
            account.spent.append(_Spending(now - age, wei))

    def release(self, ticket: Ticket, wei: int | None) -> None:
        """`Ticket.release`."""
        with self._lock:
            if ticket.close():
                ticket.account.in_flight -= 1
                if wei is not None:
                    ticket.spending.wei = wei

    def _account(self, key: str, limits: Limits, now: float) -> _Account:
        account = self._accounts.get(key)
        if account is None:
            account = self._accounts[key] = _Account(limits, now)
            self._forget(now)
        account.limits = limits
        account.refill(now)
        self._accounts.move_to_end(key)
        return account

    def _forget(self, now: float) -> None:
        """Only who would begin anew anyway: forgetting must not be a way around a limit."""
        if len(self._accounts) <= self._most:
            return
        name, oldest = next(iter(self._accounts.items()))
        oldest.refill(now)
        if oldest.is_idle:
            del self._accounts[name]
        else:
            self._accounts.move_to_end(name)


class Ticket:
    """A place that was taken. Release it when the request has ended."""

    def __init__(self, quotas: Quotas, account: _Account, spending: _Spending) -> None:
        self.account = account
        self.spending = spending
        self._quotas = quotas
        self._is_open = True

    def release(self, wei: int | None = None) -> None:
        """``wei``: what it cost in the end, if not what was earmarked. Later calls do nothing."""
        self._quotas.release(self, wei)

    def close(self) -> bool:
        """Whether this was the first time. Called under the lock of the quotas."""
        was_open, self._is_open = self._is_open, False
        return was_open


@dataclass
class _Spending:
    at: float
    wei: int


class _Account:
    def __init__(self, limits: Limits, now: float) -> None:
        self.limits = limits
        self.tokens = float(limits.burst)
        self.in_flight = 0
        self.spent: deque[_Spending] = deque()
        self._filled = now

    @property
    def is_idle(self) -> bool:
        return not self.in_flight and not self.spent and self.tokens >= self.limits.burst

    def refill(self, now: float) -> None:
        earned = (now - self._filled) * self.limits.rate
        self.tokens = min(float(self.limits.burst), self.tokens + earned)
        self._filled = now
        while self.spent and self.spent[0].at <= now - HOUR:
            self.spent.popleft()

    def check(self, wei: int, now: float) -> None:
        """Raise the QuotaError of the first limit that is reached."""
        limits = self.limits
        if self.tokens < 1:
            wait = (1 - self.tokens) / limits.rate if limits.rate else math.inf
            raise RateExceededError(f"more than {limits.rate:g} requests a second", wait)
        if limits.in_flight is not None and self.in_flight >= limits.in_flight:
            text = f"{self.in_flight} requests are running, no more are allowed at once"
            raise InFlightExceededError(text, _LATER)
        if limits.spend_per_hour is not None:
            self._check_spending(wei, limits.spend_per_hour, now)

    def _check_spending(self, wei: int, most: int, now: float) -> None:
        over = sum(one.wei for one in self.spent) + wei - most
        if over <= 0:
            return
        text = f"{wei} wei more would be over {most} wei an hour"
        for one in self.spent:
            over -= one.wei
            if over <= 0:
                raise SpendExceededError(text, one.at + HOUR - now)
        raise SpendExceededError(text, math.inf)
