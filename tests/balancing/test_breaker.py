# SPDX-License-Identifier: Apache-2.0
"""The circuit breaker, on a clock of the test's own."""

from __future__ import annotations

from offchain_workers.balancing.breaker import Breaker, State


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def opened(clock: Clock) -> Breaker:
    breaker = Breaker(failures=3, window=100, pause=60, clock=clock)
    for _ in range(3):
        breaker.failed()
    return breaker


def test_it_opens_after_so_many_failures_in_a_row() -> None:
    breaker = Breaker(failures=3, window=100, pause=60, clock=Clock())
    breaker.failed()
    breaker.failed()
    breaker.succeeded()
    breaker.failed()
    breaker.failed()
    assert breaker.allows()
    breaker.failed()
    assert not breaker.allows()


def test_old_failures_do_not_count() -> None:
    clock = Clock()
    breaker = Breaker(failures=2, window=100, pause=60, clock=clock)
    breaker.failed()
    clock.now = 101
    breaker.failed()
    assert breaker.state is State.CLOSED


def test_after_the_pause_one_job_may_try() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now = 60
    assert breaker.state is State.HALF_OPEN
    assert breaker.allows()
    breaker.begin()
    assert not breaker.allows()
    breaker.succeeded()
    assert breaker.state is State.CLOSED


def test_a_trial_that_fails_opens_it_again() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now = 60
    breaker.begin()
    breaker.failed()
    assert breaker.state is State.OPEN
    clock.now = 119
    assert breaker.state is State.OPEN


def test_a_trial_with_bad_input_decides_nothing() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now = 60
    breaker.begin()
    breaker.not_ours()
    assert breaker.state is State.HALF_OPEN
    assert breaker.allows()
