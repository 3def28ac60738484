# SPDX-License-Identifier: Apache-2.0
"""Members and users that play the balancer: nothing wins traffic but answering, and fast.

Four members, three of them honest (30 ms): a fair share is a quarter.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain_workers.balancing import Balancer, NoTargetError, Outcome, RetryBudgetError, Settings
from tests.balancing.clock import Clock
from tests.balancing.market import Behaviour, Traffic, honest, traffic

FAIR = 0.25
HONEST = honest(0.03)
BUSY, CALM, QUIET = 0.005, 1.0, 20.0


def beside(attacker: Behaviour, gap: float, settings: Settings | None = None) -> Traffic:
    members = {"x": attacker, "a": HONEST, "b": HONEST, "c": HONEST}
    return traffic(members, 2000 if gap < 1 else 600, gap, settings)


def one_in(n: int, then: tuple[float, Outcome], else_: tuple[float, Outcome]) -> Behaviour:
    return lambda i: then if i % n == n - 1 else else_


FAST = (0.005, Outcome.OK)
ERRORS = (Outcome.BAD_INPUT, Outcome.RESET, Outcome.UNAVAILABLE, Outcome.CONNECT)


def test_the_honest_share_evenly_and_who_is_faster_gets_more() -> None:
    assert beside(HONEST, BUSY).share("x") == pytest.approx(FAIR, abs=0.02)
    assert beside(honest(0.01), BUSY).share("x") > 0.9


@pytest.mark.parametrize("gap", [BUSY, CALM])
@pytest.mark.parametrize("outcome", ERRORS)
def test_errors_answered_fast_win_nothing(outcome: Outcome, gap: float) -> None:
    seen = beside(lambda n: (0.001, outcome), gap)
    assert seen.share("x") < FAIR / 4
    assert seen.failed <= 5


@pytest.mark.parametrize("gap", [BUSY, CALM])
@pytest.mark.parametrize("outcome", ERRORS)
def test_picking_the_cherries_wins_less_than_honesty(outcome: Outcome, gap: float) -> None:
    """Every second request is answered, six times as fast as others do; the rest is refused."""
    seen = beside(one_in(2, FAST, (0.001, outcome)), gap)
    assert seen.answered["x"] / seen.answered.total() < FAIR / 2


@pytest.mark.parametrize("stall", [(2.0, Outcome.OK), (5.0, Outcome.TIMEOUT)])
@pytest.mark.parametrize("gap", [BUSY, CALM])
def test_stalling_one_request_in_fifty_costs_most_of_what_speed_wins(
    stall: tuple[float, Outcome], gap: float
) -> None:
    """Three times as fast as others, but for those."""
    seen = beside(one_in(50, stall, (0.01, Outcome.OK)), gap)
    assert seen.share("x") < beside(honest(0.01), gap).share("x") / 2


@pytest.mark.parametrize("outcome", ERRORS)
def test_a_quiet_sender_loses_no_request_to_a_broken_member(outcome: Outcome) -> None:
    """A tenth of its requests is none: it regains its reserve of retries with time."""
    assert beside(lambda n: (0.001, outcome), QUIET).failed == 0


def test_a_flood_of_users_that_makes_all_say_busy_is_forgotten_when_it_ends() -> None:
    clock = Clock()
    balancer = Balancer("abcd", Settings(), clock)
    for _ in range(1000):
        balancer.pick().finish(Outcome.UNAVAILABLE)
        clock.forward(0.001)
    clock.forward(Settings().longest_pause)
    for _ in range(100):
        lease = balancer.pick()
        clock.forward(0.01)
        lease.finish(Outcome.OK)
    assert {view.state for view in balancer.view()} <= {"closed", "half-open"}
    assert not any(view.is_ejected for view in balancer.view())


def test_liars_in_the_majority_are_behind_the_one_who_is_honest() -> None:
    clock = Clock()
    balancer = Balancer("abc", Settings(hedge_share=1.0), clock)
    for target, seconds in (("a", 0.001), ("b", 0.001), ("c", 0.03)):
        balancer.canary(target, passed=target == "c", latency=seconds)
    open_leases = [balancer.pick() for _ in range(50)]
    assert {lease.target for lease in open_leases} == {"c"}
    assert open_leases[0].request.hedge() is None, "a hedge that wins is believed"
    assert open_leases[0].request.second_opinion() is None


# What each of four honest members makes of an attacker's input: they differ in speed and memory.
inputs = st.tuples(
    *[st.sampled_from((Outcome.OK, Outcome.BAD_INPUT, Outcome.TIMEOUT, Outcome.RESET))] * 4
)
moments = st.floats(0.001, 40, allow_nan=False)


@given(st.lists(st.tuples(inputs, moments, st.booleans()), max_size=60))
def test_no_input_ejects_anyone_whatever_it_does_to_whom(
    attacks: list[tuple[tuple[Outcome, ...], float, bool]],
) -> None:
    clock = Clock()
    settings = Settings(retry_share=1.0, retry_reserve=10, hedge_share=1.0, opinion_share=1.0)
    balancer = Balancer("abcd", settings, clock)
    for effects, seconds, is_hedged in attacks:
        _attack(balancer, clock, dict(zip("abcd", effects, strict=True)), seconds, is_hedged)
        assert {view.state for view in balancer.view()} == {"closed"}
        assert sorted(balancer.order()) == list("abcd")


def _attack(
    balancer: Balancer, clock: Clock, effects: dict[str, Outcome], seconds: float, is_hedged: bool
) -> None:
    """As many attempts as one request may have, some of them side by side."""
    request = balancer.request()
    leases = [request.pick()]
    while leases:
        clock.forward(seconds)
        if is_hedged and (beside := request.hedge()) is not None:
            leases.append(beside)
        lease = leases.pop(0)
        outcome = effects[lease.target]
        lease.finish(outcome)
        if outcome is Outcome.BAD_INPUT:
            leases += filter(None, [request.second_opinion()])
        elif outcome is not Outcome.OK and not leases:
            try:
                leases.append(request.pick())
            except (NoTargetError, RetryBudgetError):
                return
