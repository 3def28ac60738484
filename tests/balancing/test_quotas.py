# SPDX-License-Identifier: Apache-2.0
"""Quotas: who asks for too much is told how long to wait, and others go on."""

from __future__ import annotations

import math

import pytest

from offchain_workers.balancing import (
    InFlightExceededError,
    Limits,
    QuotaError,
    Quotas,
    RateExceededError,
    SpendExceededError,
)
from tests.balancing.clock import Clock


def test_a_burst_then_the_rate() -> None:
    clock = Clock()
    quotas = Quotas(Limits(rate=2, burst=3), clock)
    for _ in range(3):
        quotas.admit("greedy").release()
    with pytest.raises(RateExceededError) as told:
        quotas.admit("greedy")
    assert told.value.retry_after == pytest.approx(0.5)
    clock.forward(told.value.retry_after)
    quotas.admit("greedy").release()


def test_a_greedy_key_leaves_the_others_alone() -> None:
    quotas = Quotas(Limits(rate=1, burst=1), Clock())
    quotas.admit("greedy")
    for _ in range(10):
        with pytest.raises(QuotaError):
            quotas.admit("greedy")
    quotas.admit("modest")


def test_running_requests_are_counted_until_released_and_once() -> None:
    quotas = Quotas(Limits(in_flight=2), Clock())
    first, _ = quotas.admit("k"), quotas.admit("k")
    with pytest.raises(InFlightExceededError) as told:
        quotas.admit("k")
    assert told.value.retry_after > 0
    first.release()
    first.release()
    quotas.admit("k")
    with pytest.raises(InFlightExceededError):
        quotas.admit("k")


def test_spending_of_any_sixty_minutes() -> None:
    clock = Clock()
    quotas = Quotas(Limits(spend_per_hour=100), clock)
    quotas.admit("k", 40)
    clock.forward(600)
    quotas.admit("k", 60)
    with pytest.raises(SpendExceededError) as told:
        quotas.admit("k", 1)
    assert told.value.retry_after == pytest.approx(3000)
    clock.forward(3000)
    quotas.admit("k", 40)
    with pytest.raises(SpendExceededError):
        quotas.admit("k", 1)


def test_what_was_earmarked_and_not_spent_is_free_again() -> None:
    quotas = Quotas(Limits(spend_per_hour=100), Clock())
    quotas.admit("k", 100).release(30)
    quotas.admit("k", 70)


def test_more_than_the_limit_never_fits() -> None:
    quotas = Quotas(Limits(spend_per_hour=100), Clock())
    with pytest.raises(SpendExceededError) as told:
        quotas.admit("k", 101)
    assert told.value.retry_after == math.inf


def test_a_refusal_takes_nothing() -> None:
    quotas = Quotas(Limits(burst=1, rate=0.001, spend_per_hour=10), Clock())
    with pytest.raises(SpendExceededError):
        quotas.admit("k", 11)
    quotas.admit("k", 10)


def test_spending_before_a_restart_counts() -> None:
    clock = Clock()
    quotas = Quotas(Limits(spend_per_hour=100), clock)
    quotas.remember("k", 90, age=3000)
    with pytest.raises(SpendExceededError) as told:
        quotas.admit("k", 20)
    assert told.value.retry_after == pytest.approx(600)


def test_a_key_may_have_limits_of_its_own() -> None:
    quotas = Quotas(Limits(burst=1, rate=0), Clock())
    own = Limits(burst=3, rate=0)
    for _ in range(3):
        quotas.admit("partner", limits=own)
    with pytest.raises(RateExceededError):
        quotas.admit("partner", limits=own)


def test_new_names_do_not_push_a_limited_key_out() -> None:
    clock = Clock()
    quotas = Quotas(Limits(burst=1, rate=0.01), clock, most_keys=10)
    quotas.admit("greedy")
    for i in range(1000):
        quotas.admit(f"sybil-{i}").release()
    with pytest.raises(RateExceededError):
        quotas.admit("greedy")
