# SPDX-License-Identifier: Apache-2.0
"""Blocking calls through a balancer: retries, one hedge, the loser cancelled."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Generic, TypeVar

from offchain_workers.balancing.balancer import Balancer
from offchain_workers.balancing.errors import NoTargetError, RetryBudgetError
from offchain_workers.balancing.leases import Lease, Request
from offchain_workers.balancing.outcome import Outcome, outcome_of_error

T = TypeVar("T")


class Attempt:
    """What the work is told: the target, the request's idempotency key, and when to stop."""

    def __init__(self, target: str, key: str) -> None:
        self.target = target
        self.key = key
        self._lock = threading.Lock()
        self._is_cancelled = False
        self._hooks: list[Callable[[], None]] = []

    @property
    def is_cancelled(self) -> bool:
        return self._is_cancelled

    def on_cancel(self, hook: Callable[[], None]) -> None:
        """Call ``hook`` (close the response, say) when the answer is not wanted any more."""
        with self._lock:
            if not self._is_cancelled:
                self._hooks.append(hook)
                return
        hook()

    def cancel(self) -> None:
        with self._lock:
            self._is_cancelled = True
            hooks, self._hooks = self._hooks, []
        for hook in hooks:
            hook()


class Caller(Generic[T]):
    """Runs ``work(attempt)`` for each attempt on threads of its own, at most ``threads`` at once.

    ``outcome`` says what an exception of the work means.
    """

    def __init__(
        self,
        balancer: Balancer,
        work: Callable[[Attempt], T],
        threads: int = 64,
        outcome: Callable[[BaseException], Outcome] = outcome_of_error,
    ) -> None:
        self._balancer = balancer
        self._work = work
        self._outcome = outcome
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="attempt")

    def close(self) -> None:
        """Waits for attempts that run still."""
        self._pool.shutdown()

    def __enter__(self) -> Caller[T]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def call(self, key: str | None = None, work: Callable[[Attempt], T] | None = None) -> T:
        """The first good answer, or the last error: what the work raised, NoTargetError.

        ``work``: another than the caller's own.
        """
        race = _Race(self._balancer.request(key), self._pool, work or self._work, self._outcome)
        try:
            race.start(race.request.pick())
            return self._run(race)
        finally:
            race.stop()

    def _run(self, race: _Race[T]) -> T:
        delay = self._balancer.hedge_after()
        while True:
            ended = race.wait(delay)
            if not ended:
                delay = None
                race.hedge()
                continue
            winner = next((one for one in ended if one.exception() is None), None)
            if winner is not None:
                return winner.result()
            race.go_on(ended)


class _Race(Generic[T]):
    """The attempts of one request that run."""

    def __init__(
        self,
        request: Request,
        pool: ThreadPoolExecutor,
        work: Callable[[Attempt], T],
        outcome: Callable[[BaseException], Outcome],
    ) -> None:
        self.request = request
        self._pool = pool
        self._work = work
        self._outcome = outcome
        self._running: dict[Future[T], tuple[Lease, Attempt]] = {}
        self._refusal: BaseException | None = None

    def start(self, lease: Lease) -> None:
        attempt = Attempt(lease.target, self.request.key)
        self._running[self._pool.submit(self._attempt, lease, attempt)] = (lease, attempt)

    def hedge(self) -> None:
        lease = self.request.hedge()
        if lease is not None:
            self.start(lease)

    def wait(self, delay: float | None) -> list[Future[T]]:
        """Those that ended; none after ``delay`` seconds."""
        done, _ = wait(self._running, delay, FIRST_COMPLETED)
        return [one for one in list(self._running) if one in done]

    def go_on(self, failed: list[Future[T]]) -> None:
        """Wait for the attempt beside, or try again; raises the error where that is of no use."""
        errors = [error for one in failed if (error := one.exception()) is not None]
        for one in failed:
            del self._running[one]
        for error in errors:
            self._weigh(error)
        if self._running:
            return
        try:
            self.start(self.request.pick())
        except (NoTargetError, RetryBudgetError) as reason:
            raise errors[-1] from reason

    def _weigh(self, error: BaseException) -> None:
        """Raises it where other tries can't help. One refusal may be the refuser's own fault: now
        and then another target is asked, and what it makes of the input is believed."""
        if self._refusal is not None:
            raise self._refusal
        outcome = self._outcome(error)
        if outcome is Outcome.CANCELLED:
            raise error
        if outcome is not Outcome.BAD_INPUT:
            return
        other = self.request.second_opinion()
        if other is None:
            raise error
        self._refusal = error
        self.start(other)

    def stop(self) -> None:
        """Cancel whoever runs still: a loser's load is gone at once, whatever its thread does."""
        for lease, attempt in self._running.values():
            lease.finish(Outcome.CANCELLED)
            attempt.cancel()

    def _attempt(self, lease: Lease, attempt: Attempt) -> T:
        """The outcome is known before the answer is: the next pick sees it."""
        lease.classify = self._outcome
        with lease:
            return self._work(attempt)
