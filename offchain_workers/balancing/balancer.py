# SPDX-License-Identifier: Apache-2.0
"""Live balancing inside one small set of targets: a full scan of (outstanding + 1) x latency."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from itertools import count

from offchain_workers.balancing.breaker import Breaker
from offchain_workers.balancing.budget import Budget
from offchain_workers.balancing.errors import NoTargetError, RetryBudgetError
from offchain_workers.balancing.latency import Quantile
from offchain_workers.balancing.leases import Lease, Request
from offchain_workers.balancing.outcome import CERTAIN, Outcome
from offchain_workers.balancing.target import Target

# Seconds that a request takes before any answer was seen.
_FIRST_GUESS = 1.0


@dataclass(frozen=True)
class Settings:
    """Seconds, counts and shares. Make ``decay`` some hundred times a usual answer's time."""

    decay: float = 5.0
    failures: int = 3
    window: float = 30.0
    pause: float = 1.0
    longest_pause: float = 60.0
    retry_share: float = 0.10
    retry_reserve: float = 3.0
    hedge_share: float = 0.02
    hedge_quantile: float = 0.95
    most_saved: float = 10.0
    # A failure counts as an answer so many times slower than the slow ones are.
    failure_factor: float = 10.0


@dataclass(frozen=True)
class TargetView:
    """For people and metrics. ``latency`` in seconds, None before the first answer."""

    target: str
    state: str
    is_ejected: bool
    outstanding: int
    latency: float | None
    sent: int


class Balancer:
    """Picks targets for requests and learns from how they end. Thread-safe; never waits.

    Targets are ejected by their own failures only: bad input never counts, timeouts and resets
    only where another target answered the same input. At most half of the targets are ejected.
    """

    def __init__(
        self,
        targets: Iterable[str],
        settings: Settings = Settings(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._targets: dict[str, Target] = {}
        self._retries = Budget(settings.retry_share, settings.most_saved, settings.retry_reserve)
        self._hedges = Budget(settings.hedge_share, settings.most_saved)
        self._slow = Quantile(settings.hedge_quantile)
        self.update(targets)

    def update(self, targets: Iterable[str]) -> None:
        """Another set of targets; those that stay keep what is known of them."""
        with self._lock:
            self._targets = {name: self._targets.get(name) or self._new(name) for name in targets}

    def pick(self, exclude: Collection[str] = ()) -> Lease:
        """The best target for a request of one attempt. Raises NoTargetError."""
        return Request(self).pick(exclude)

    def request(self, key: str | None = None, is_budgeted: bool = True) -> Request:
        """For a request that may be retried or hedged."""
        return Request(self, key, is_budgeted)

    def order(self, exclude: Collection[str] = ()) -> list[str]:
        """Who may get a request now, the best first. Reserves nothing."""
        with self._lock:
            return [target.name for target in self._ranked(exclude)]

    def hedge_after(self) -> float | None:
        """Seconds after which a request is slow; None while too few answers are known."""
        with self._lock:
            return self._slow.value()

    def view(self) -> list[TargetView]:
        """What is known of each target now."""
        with self._lock:
            now, out = self._clock(), self._ejected()
            return [
                TargetView(t.name, t.state, t.name in out, t.outstanding, t.latency.at(now), t.sent)
                for t in self._targets.values()
            ]

    def canary(self, target: str, passed: bool, latency: float | None = None) -> None:
        """A known answer came back right, or not: one that failed gets nothing until one passes."""
        with self._lock:
            found = self._targets.get(target)
            if found is None:
                return
            if latency is not None:
                found.latency.observe(latency, self._clock())
            if passed:
                found.quarantined = None
                found.breaker.succeeded()
            else:
                self._quarantine(found)

    def probe(self, target: str) -> Lease:
        """A lease of this target, ejected or not, for a canary. Raises NoTargetError."""
        with self._lock:
            if target not in self._targets:
                raise NoTargetError(f"{target} is not among the targets")
            return self._lease(Request(self), self._targets[target])

    def attempt(self, request: Request, exclude: Collection[str] = ()) -> Lease:
        """`Request.pick`."""
        with self._lock:
            ranked = self._ranked({*exclude, *request.tried})
            if not ranked:
                raise NoTargetError(f"none of {len(self._targets)} targets is left to try")
            if not request.tried:
                self._retries.earn()
                self._hedges.earn()
            elif request.is_budgeted and not self._retries.spend():
                share = f"{self._settings.retry_share:.0%}"
                raise RetryBudgetError(f"retries are at {share} of all requests: not sent again")
            return self._lease(request, ranked[0])

    def hedge(self, request: Request) -> Lease | None:
        """`Request.hedge`. Never a probe: a hedge that wins is needed."""
        with self._lock:
            ranked = [t for t in self._ranked(request.tried) if not t.is_probed]
            if request.is_answered or not ranked or not self._hedges.spend():
                return None
            return self._lease(request, ranked[0])

    def finish(self, lease: Lease, outcome: Outcome, confirmed: bool) -> None:
        """`Lease.finish`."""
        with self._lock:
            if not lease.close():
                return
            target = self._targets.get(lease.target)
            now = self._clock()
            guilty = lease.request.blame(lease.target, outcome, confirmed)
            # A target that left and came back has forgotten the attempt.
            if target is not None and target.end(lease.number):
                self._learn(target, outcome, now - lease.begun, now)
            for name in guilty:
                self._charge(self._targets.get(name), now)

    def _learn(self, target: Target, outcome: Outcome, took: float, now: float) -> None:
        if outcome is Outcome.OK:
            target.latency.observe(took, now)
            target.breaker.succeeded()
            self._slow.observe(took)
        elif outcome is Outcome.CANARY_FAILED:
            self._quarantine(target)
        elif outcome in CERTAIN:
            self._charge(target, now)
        else:
            target.breaker.not_ours()
            if outcome is not Outcome.BAD_INPUT:
                target.latency.at_least(took, now)

    def _charge(self, target: Target | None, now: float) -> None:
        if target is None:
            return
        # It may be needed still (at most half are ejected): then it must not look fast.
        slow = self._slow.value() or _FIRST_GUESS
        target.latency.at_least(self._settings.failure_factor * slow, now)
        target.breaker.failed()

    def _quarantine(self, target: Target) -> None:
        if target.quarantined is None:
            target.quarantined = self._clock()

    def _lease(self, request: Request, target: Target) -> Lease:
        number = next(self._numbers)
        request.tried.append(target.name)
        return Lease(self, target.name, number, target.begin(number), request)

    def _ranked(self, exclude: Collection[str]) -> list[Target]:
        # One moment for all: a newcomer is as good as the best, to the last digit.
        now, out = self._clock(), self._ejected()
        guess = self._unmeasured(now)
        free = [t for t in self._targets.values() if t.name not in exclude and t.name not in out]
        return sorted(free, key=lambda target: (target.cost(guess, now), target.last_pick))

    def _ejected(self) -> set[str]:
        """Those blocked longest, up to half of all: the others are needed."""
        since = [(t.blocked_since(), t.name) for t in self._targets.values()]
        blocked = sorted((at, name) for at, name in since if at is not None)
        return {name for _, name in blocked[: len(self._targets) // 2]}

    def _unmeasured(self, now: float) -> float:
        """What to expect of a target that nothing is known of: no less than of the best."""
        known = (target.latency.at(now) for target in self._targets.values())
        return min((seconds for seconds in known if seconds is not None), default=_FIRST_GUESS)

    def _new(self, name: str) -> Target:
        settings = self._settings
        breaker = Breaker(
            settings.failures, settings.window, settings.pause, self._clock, settings.longest_pause
        )
        return Target(name, settings.decay, breaker, self._clock)
