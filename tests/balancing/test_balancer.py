# SPDX-License-Identifier: Apache-2.0
"""Who gets the next request, on a clock of the test's own."""

from __future__ import annotations

from contextlib import suppress

import pytest

from offchain_workers.balancing import (
    Balancer,
    Lease,
    NoTargetError,
    Outcome,
    RetryBudgetError,
    Settings,
)
from tests.balancing.clock import Clock

ABC = ("a", "b", "c")
# Retries are the way from target to target.
GENEROUS = Settings(retry_share=1.0, retry_reserve=10)


def balancer_of(
    targets: tuple[str, ...], clock: Clock, settings: Settings | None = None
) -> Balancer:
    return Balancer(targets, settings or Settings(), clock)


def only(balancer: Balancer, target: str) -> Lease:
    """A lease of this target, whoever is best."""
    others = [view.target for view in balancer.view() if view.target != target]
    return balancer.pick(exclude=others)


def served(balancer: Balancer, clock: Clock, target: str, seconds: float) -> None:
    lease = only(balancer, target)
    clock.forward(seconds)
    lease.finish(Outcome.OK)


def failed(balancer: Balancer, target: str, times: int = 3) -> None:
    for _ in range(times):
        only(balancer, target).finish(Outcome.CONNECT)


def ejected(balancer: Balancer) -> set[str]:
    return {view.target for view in balancer.view() if view.is_ejected}


def test_the_faster_target_gets_requests_until_its_queue_outweighs_its_speed() -> None:
    clock = Clock()
    balancer = balancer_of(("fast", "slow"), clock)
    served(balancer, clock, "slow", 0.03)
    served(balancer, clock, "fast", 0.01)
    picks = [balancer.pick().target for _ in range(4)]
    assert picks == ["fast", "fast", "slow", "fast"] or picks == ["fast", "fast", "fast", "slow"]


def test_equals_take_turns() -> None:
    balancer = balancer_of(ABC, Clock())
    picked = []
    for _ in range(6):
        with balancer.pick() as lease:
            picked.append(lease.target)
    assert picked == [*ABC, *ABC]


def test_a_newcomer_is_tried_at_once_however_quiet_it_is() -> None:
    clock = Clock(tick=1e-6)
    balancer = balancer_of(("a", "b"), clock)
    served(balancer, clock, "a", 0.01)
    clock.forward(3.0)
    assert balancer.order()[0] == "b"


def test_a_request_that_hangs_shows_before_it_ends() -> None:
    clock = Clock()
    balancer = balancer_of(("fast", "slow"), clock)
    served(balancer, clock, "slow", 0.05)
    served(balancer, clock, "fast", 0.01)
    hanging = only(balancer, "fast")
    clock.forward(1.0)
    assert [balancer.pick().target for _ in range(3)] == ["slow"] * 3
    hanging.finish(Outcome.CANCELLED)
    assert balancer.order()[0] == "slow", "a cancelled attempt tells how long it took at least"


def test_a_slow_target_is_tried_again_when_its_past_has_faded() -> None:
    clock = Clock()
    balancer = balancer_of(("a", "b"), clock, Settings(decay=5.0))
    served(balancer, clock, "a", 0.12)
    for _ in range(40):
        served(balancer, clock, "b", 0.01)
        clock.forward(0.5)
    assert balancer.order()[0] == "a"


def test_three_failures_to_connect_eject_and_one_trial_brings_back() -> None:
    clock = Clock()
    balancer = balancer_of(ABC, clock)
    failed(balancer, "a")
    assert ejected(balancer) == {"a"}
    clock.forward(1.0)
    trial = only(balancer, "a")
    assert "a" not in balancer.order(), "one trial at a time"
    trial.finish(Outcome.OK)
    assert ejected(balancer) == set()


def test_a_trial_that_fails_doubles_the_pause() -> None:
    clock = Clock()
    balancer = balancer_of(ABC, clock)
    failed(balancer, "a")
    clock.forward(1.0)
    failed(balancer, "a", times=1)
    clock.forward(1.5)
    assert "a" not in balancer.order()
    clock.forward(0.5)
    assert "a" in balancer.order()


def test_never_more_than_half_are_ejected_and_those_needed_do_not_look_fast() -> None:
    balancer = balancer_of(("a", "b", "c", "d"), Clock())
    for target in ("a", "b", "c"):
        failed(balancer, target)
    assert ejected(balancer) == {"a", "b"}
    assert balancer.order() == ["d", "c"]


@pytest.mark.parametrize("targets", [("a",), ABC])
def test_one_of_one_and_two_of_three_stay(targets: tuple[str, ...]) -> None:
    balancer = balancer_of(targets, Clock())
    for target in targets:
        failed(balancer, target)
    assert len(balancer.order()) == len(targets) - len(targets) // 2


def doubted(balancer: Balancer, target: str, outcome: Outcome) -> None:
    """``target`` ends so on an input that another one answers."""
    request = balancer.request()
    others = [view.target for view in balancer.view() if view.target != target]
    request.pick(exclude=others).finish(outcome)
    request.pick().finish(Outcome.OK)


@pytest.mark.parametrize("outcome", [Outcome.TIMEOUT, Outcome.RESET, Outcome.BAD_INPUT])
def test_who_fails_where_another_answers_is_left_alone_and_not_ejected(outcome: Outcome) -> None:
    clock = Clock()
    balancer = balancer_of(ABC, clock, GENEROUS)
    for i in range(21):
        served(balancer, clock, ABC[i % 3], 0.01)
    pauses = []
    for _ in range(9):
        doubted(balancer, "a", outcome)
        assert ejected(balancer) == set()
        assert balancer.order()[-1] == "a"
        pauses.append(seconds_until_picked(balancer, clock, "a"))
    assert 8 < pauses[0] < 15, "some multiples of decay"
    assert 40 < pauses[-1] < 70, "longer with each in a row, but not for ever"
    served(balancer, clock, "a", 0.01)
    assert seconds_until_picked(balancer, clock, "a") < 15, "an answer ends the row"


def test_a_canary_that_passes_ends_a_row_of_doubts() -> None:
    clock = Clock()
    balancer = balancer_of(ABC, clock, GENEROUS)
    for i in range(21):
        served(balancer, clock, ABC[i % 3], 0.01)
    for _ in range(9):
        doubted(balancer, "a", Outcome.RESET)
    balancer.canary("a", passed=True, latency=0.01)
    assert seconds_until_picked(balancer, clock, "a") < 15


def test_a_refusal_to_promise_is_no_doubt() -> None:
    """A member may not like a user's terms; the next one is asked at no cost."""
    clock = Clock()
    balancer = balancer_of(ABC, clock)
    request = balancer.request(is_budgeted=False)
    request.pick(exclude=("b", "c")).finish(Outcome.BAD_INPUT)
    beside = request.pick()
    clock.forward(1.0)
    beside.finish(Outcome.OK)
    assert next(view.latency for view in balancer.view() if view.target == "a") is None


def seconds_until_picked(balancer: Balancer, clock: Clock, target: str) -> float:
    """While another request comes each tenth of a second and is answered within a hundredth."""
    begun = clock.now
    while balancer.order()[0] != target:
        lease = balancer.pick()
        clock.forward(0.01)
        lease.finish(Outcome.OK)
        clock.forward(0.09)
        assert clock.now < begun + 1000
    return clock.now - begun


@pytest.mark.parametrize("outcome", [Outcome.TIMEOUT, Outcome.RESET])
def test_a_failure_on_an_input_that_is_known_to_be_good_counts(outcome: Outcome) -> None:
    balancer = balancer_of(ABC, Clock())
    for _ in range(3):
        only(balancer, "a").finish(outcome, confirmed=True)
    assert ejected(balancer) == {"a"}


@pytest.mark.parametrize("outcome", [Outcome.TIMEOUT, Outcome.RESET])
def test_an_input_that_fails_everywhere_counts_against_nobody(outcome: Outcome) -> None:
    balancer = balancer_of(ABC, Clock(), Settings(retry_reserve=300, most_saved=300))
    for _ in range(100):
        request = balancer.request()
        for _ in ABC:
            request.pick().finish(outcome)
    assert {view.state for view in balancer.view()} == {"closed"}


def test_a_late_loser_is_in_doubt_too() -> None:
    clock = Clock()
    balancer = balancer_of(("a", "b"), clock)
    served(balancer, clock, "a", 0.01)
    served(balancer, clock, "b", 0.05)
    request = balancer.request()
    first, second = request.pick(exclude=("b",)), request.pick()
    second.finish(Outcome.OK)
    assert balancer.order()[0] == "a"
    first.finish(Outcome.RESET)
    assert balancer.order() == ["b", "a"]


def test_a_failed_canary_stops_traffic_until_one_passes() -> None:
    clock = Clock()
    balancer = balancer_of(ABC, clock)
    balancer.canary("b", passed=False)
    clock.forward(10_000)
    assert sorted(balancer.order()) == ["a", "c"]
    balancer.canary("b", passed=True, latency=0.01)
    assert sorted(balancer.order()) == ["a", "b", "c"]


def test_retries_stay_within_a_tenth_of_the_requests() -> None:
    balancer = balancer_of(ABC, Clock())
    retries = 0
    for _ in range(1000):
        request = balancer.request()
        request.pick().finish(Outcome.UNAVAILABLE)
        with suppress(RetryBudgetError):
            request.pick().finish(Outcome.UNAVAILABLE)
            retries += 1
    assert 100 <= retries <= 103


def test_hedges_stay_within_a_fiftieth() -> None:
    balancer = balancer_of(ABC, Clock())
    hedges = 0
    for _ in range(1000):
        request = balancer.request()
        first = request.pick()
        beside = request.hedge()
        if beside is not None:
            assert beside.target != first.target
            beside.finish(Outcome.OK)
            hedges += 1
        first.finish(Outcome.OK)
    assert 19 <= hedges <= 20


def test_slow_means_slower_than_nineteen_in_twenty() -> None:
    clock = Clock()
    balancer = balancer_of(("a",), clock)
    for i in range(19):
        assert balancer.hedge_after() is None, i
        served(balancer, clock, "a", 0.01)
    served(balancer, clock, "a", 1.0)
    assert balancer.hedge_after() == pytest.approx(1.0)
    served(balancer, clock, "a", 0.01)
    assert balancer.hedge_after() == pytest.approx(0.01)


def test_targets_that_stay_keep_what_is_known_of_them() -> None:
    clock = Clock()
    balancer = balancer_of(("a", "b"), clock)
    failed(balancer, "a")
    lost = only(balancer, "b")
    balancer.update(("a", "c", "d"))
    lost.finish(Outcome.OK)
    assert ejected(balancer) == {"a"}
    assert sorted(balancer.order()) == ["c", "d"]


def test_a_lease_ends_once() -> None:
    balancer = balancer_of(("a", "b"), Clock())
    for _ in range(2):
        lease = only(balancer, "a")
        for _ in range(5):
            lease.finish(Outcome.CONNECT)
    assert ejected(balancer) == set()


def test_nobody_left_is_an_error_with_a_code() -> None:
    balancer = balancer_of(("a",), Clock())
    request = balancer.request()
    request.pick().finish(Outcome.CONNECT)
    with pytest.raises(NoTargetError, match="MN-BAL-001"):
        request.pick()
    with pytest.raises(NoTargetError):
        Balancer([]).pick()
