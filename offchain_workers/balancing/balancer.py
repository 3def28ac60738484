# SPDX-License-Identifier: Apache-2.0
"""Live balancing inside one small set of targets: a full scan of (outstanding + 1) x latency."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import count

from offchain_workers.balancing.breaker import Breaker
from offchain_workers.balancing.budget import Budget
from offchain_workers.balancing.errors import NoTargetError, RetryBudgetError
from offchain_workers.balancing.latency import Quantile
from offchain_workers.balancing.leases import Lease, Request
from offchain_workers.balancing.outcome import CERTAIN, FAILED, Outcome
from offchain_workers.balancing.settings import Settings, TargetView
from offchain_workers.balancing.target import Target

# Seconds that a request takes before any answer was seen.
_FIRST_GUESS = 1.0
# Each further doubt in a row makes a target look so many times slower, up to so many doubts: with
# five seconds' decay it is left alone for ten seconds at first and for a minute in the end.
_DOUBT_FACTOR, _MOST_DOUBTS = 4.0, 8


class Balancer:
    """Picks targets for requests and learns from how they end. Thread-safe; never waits.

    No input ejects a target, whatever it does to one and not to another: timeouts, resets and
    refusals of an input that another target answers make it look slow, longer with each in a row.
    Only its own failures eject, and those on inputs that the caller knows to be good. At most
    half of the targets are ejected; of the others, those that failed come last.
    """

    def __init__(
        self,
        targets: Iterable[str],
        settings: Settings | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings = settings or Settings()
        self._clock = clock
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._targets: dict[str, Target] = {}
        self._retries = Budget(settings.retry_share, settings.most_saved, settings.retry_reserve)
        self._hedges = Budget(settings.hedge_share, settings.most_saved)
        self._opinions = Budget(
            settings.opinion_share, settings.most_saved, settings.opinion_reserve
        )
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
                self._cleared(found, self._penalty())
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
                for budget in (self._retries, self._hedges, self._opinions):
                    budget.earn(self._clock())
            elif request.is_budgeted and not self._retries.spend():
                share = f"{self._settings.retry_share:.0%}"
                raise RetryBudgetError(f"retries are at {share} of all requests: not sent again")
            return self._lease(request, ranked[0])

    def hedge(self, request: Request) -> Lease | None:
        """`Request.hedge`. Never a probe: a hedge that wins is needed."""
        with self._lock:
            return self._beside(request, self._hedges)

    def second_opinion(self, request: Request) -> Lease | None:
        """`Request.second_opinion`."""
        with self._lock:
            return self._beside(request, self._opinions)

    def finish(self, lease: Lease, outcome: Outcome, confirmed: bool) -> None:
        """`Lease.finish`."""
        with self._lock:
            if not lease.close():
                return
            target = self._targets.get(lease.target)
            now = self._clock()
            failed = confirmed and outcome in FAILED
            doubtful = [] if failed else lease.request.doubtful(lease.target, outcome)
            # A target that left and came back has forgotten the attempt.
            if target is not None and target.end(lease.number):
                self._learn(target, outcome, now - lease.begun, now)
                if failed:
                    self._charge(target, now)
            for name in doubtful:
                self._doubt(self._targets.get(name), now)

    def _beside(self, request: Request, budget: Budget) -> Lease | None:
        """One more attempt, of a target that is in good standing."""
        free = self._ranked(request.tried)
        ranked = [t for t in free if not t.is_probed and not t.is_blocked]
        if request.is_answered or not ranked or not budget.spend():
            return None
        return self._lease(request, ranked[0])

    def _learn(self, target: Target, outcome: Outcome, took: float, now: float) -> None:
        if outcome is Outcome.OK:
            self._cleared(target, max(took, self._penalty()))
            target.latency.observe(took, now)
            self._slow.observe(took)
        elif outcome is Outcome.CANARY_FAILED:
            self._quarantine(target)
        elif outcome in CERTAIN:
            self._charge(target, now)
        else:
            target.breaker.not_ours()
            if outcome is not Outcome.BAD_INPUT:
                target.latency.at_least(took, now)

    def _charge(self, target: Target, now: float) -> None:
        # It may be needed still (at most half are ejected): then it must not look fast.
        target.latency.at_least(self._penalty(), now)
        target.breaker.failed()

    def _cleared(self, target: Target, seconds: float) -> None:
        """It has answered: of what was in doubt no more than ``seconds`` stays."""
        if target.doubts:
            target.latency.at_most(seconds)
            target.doubts = 0
        target.breaker.succeeded()

    def _doubt(self, target: Target | None, now: float) -> None:
        if target is not None:
            target.latency.at_least(_DOUBT_FACTOR**target.doubts * self._penalty(), now)
            target.doubts = min(target.doubts + 1, _MOST_DOUBTS - 1)

    def _penalty(self) -> float:
        """Seconds that a target looks to need after one failure or doubt."""
        return self._settings.failure_factor * (self._slow.value() or _FIRST_GUESS)

    def _quarantine(self, target: Target) -> None:
        if target.quarantined is None:
            target.quarantined = self._clock()

    def _lease(self, request: Request, target: Target) -> Lease:
        number = next(self._numbers)
        request.tried.append(target.name)
        return Lease(self, target.name, number, target.begin(number), request)

    def _ranked(self, exclude: Collection[str]) -> list[Target]:
        # One moment for all: a newcomer is as good as the best, to the last digit.
        now, blocked = self._clock(), self._blocked()
        guess, out = self._unmeasured(now), {*exclude, *self._longest(blocked)}
        free = [t for t in self._targets.values() if t.name not in out]
        # Those that are blocked and needed all the same serve when the others are tried.
        return sorted(free, key=lambda t: (t.name in blocked, t.cost(guess, now), t.last_pick))

    def _ejected(self) -> set[str]:
        return self._longest(self._blocked())

    def _longest(self, blocked: Mapping[str, float]) -> set[str]:
        """Those blocked longest, up to half of all: the others are needed."""
        return set(
            sorted(blocked, key=lambda name: (blocked[name], name))[: len(self._targets) // 2]
        )

    def _blocked(self) -> dict[str, float]:
        """Who should get nothing, and since when."""
        since = [(t.name, t.blocked_since()) for t in self._targets.values()]
        return {name: at for name, at in since if at is not None}

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
