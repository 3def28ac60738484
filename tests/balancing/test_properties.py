# SPDX-License-Identifier: Apache-2.0
"""What holds whatever happens: users can't eject, half are always there, budgets are kept."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from offchain_workers.balancing import (
    Balancer,
    Lease,
    NoTargetError,
    Outcome,
    Request,
    RetryBudgetError,
    Settings,
)
from tests.balancing.clock import Clock

# All that an input can make an honest target do, and what a user can do to an attempt.
BY_INPUT = (Outcome.BAD_INPUT, Outcome.TIMEOUT, Outcome.RESET, Outcome.CANCELLED)
TARGETS = tuple("abcdef")

counts = st.integers(1, len(TARGETS))
moments = st.floats(0, 40, allow_nan=False)
poison = st.lists(st.tuples(st.sampled_from(BY_INPUT), moments, st.integers(1, 4)), max_size=60)
events = st.lists(st.tuples(st.sampled_from(list(Outcome)), moments, st.booleans()), max_size=80)
# A generous budget: retries are the poison's way from target to target.
GENEROUS = Settings(retry_share=1.0, retry_reserve=10, hedge_share=1.0)


@given(counts, poison)
def test_no_input_ejects_anyone(n: int, attacks: list[tuple[Outcome, float, int]]) -> None:
    clock = Clock()
    balancer = Balancer(TARGETS[:n], GENEROUS, clock)
    for outcome, seconds, tries in attacks:
        request = balancer.request()
        for _ in range(tries):
            lease = _next(request)
            clock.forward(seconds)
            if lease is not None:
                lease.finish(outcome)
        assert {view.state for view in balancer.view()} == {"closed"}
        assert len(balancer.order()) == n


@given(counts, poison)
def test_poison_beside_good_traffic_ejects_nobody(
    n: int, attacks: list[tuple[Outcome, float, int]]
) -> None:
    clock = Clock()
    balancer = Balancer(TARGETS[:n], GENEROUS, clock)
    for outcome, seconds, tries in attacks:
        request, honest = balancer.request(), balancer.pick()
        for _ in range(tries):
            lease = _next(request)
            clock.forward(seconds)
            if lease is not None:
                lease.finish(outcome)
        honest.finish(Outcome.OK)
    assert {view.state for view in balancer.view()} == {"closed"}


@given(counts, events)
def test_half_are_always_there(n: int, happened: list[tuple[Outcome, float, bool]]) -> None:
    clock = Clock()
    balancer = Balancer(TARGETS[:n], GENEROUS, clock)
    for outcome, seconds, confirmed in happened:
        lease = balancer.pick()
        clock.forward(seconds)
        lease.finish(outcome, confirmed)
        out = [view.target for view in balancer.view() if view.is_ejected]
        assert len(out) <= n // 2
        assert sorted(balancer.order() + out) == sorted(TARGETS[:n])


@given(counts, events)
def test_nothing_is_outstanding_when_all_has_ended(
    n: int, happened: list[tuple[Outcome, float, bool]]
) -> None:
    clock = Clock()
    balancer = Balancer(TARGETS[:n], GENEROUS, clock)
    open_leases: list[tuple[Lease, Outcome]] = []
    for outcome, seconds, ends_now in happened:
        open_leases.append((balancer.pick(), outcome))
        clock.forward(seconds)
        assert sum(view.outstanding for view in balancer.view()) == len(open_leases)
        if ends_now:
            lease, how = open_leases.pop(0)
            lease.finish(how)
    for lease, how in open_leases:
        lease.finish(how)
    assert all(view.outstanding == 0 for view in balancer.view())


def _next(request: Request) -> Lease | None:
    try:
        return request.pick()
    except (NoTargetError, RetryBudgetError):
        return None
