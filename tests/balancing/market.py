# SPDX-License-Identifier: Apache-2.0
"""Members that behave as a test says, under steady traffic, on a clock of the test's own."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

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

# What becomes of a member's n-th request: seconds, and how it ends.
Behaviour = Callable[[int], tuple[float, Outcome]]


def honest(seconds: float) -> Behaviour:
    return lambda n: (seconds, Outcome.OK)


@dataclass
class Traffic:
    """``sent`` and ``answered``: attempts by member; ``failed``: requests without an answer."""

    balancer: Balancer
    sent: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    failed: int = 0

    def share(self, member: str) -> float:
        """Of all attempts."""
        return self.sent[member] / self.sent.total()


def traffic(
    members: Mapping[str, Behaviour], count: int, gap: float, settings: Settings | None = None
) -> Traffic:
    """``count`` requests, one every ``gap`` seconds, retried as a Caller does."""
    clock = Clock()
    seen = Traffic(Balancer(members, settings or Settings(), clock))
    running: list[tuple[float, int, Lease, Outcome]] = []

    def send(lease: Lease) -> None:
        seconds, outcome = members[lease.target](seen.sent[lease.target])
        seen.sent[lease.target] += 1
        heapq.heappush(running, (clock.now + seconds, seen.sent.total(), lease, outcome))

    def end(lease: Lease, outcome: Outcome) -> None:
        lease.finish(outcome)
        if outcome is Outcome.OK:
            seen.answered[lease.target] += 1
        elif (again := _again(lease.request, outcome)) is not None:
            send(again)
        else:
            seen.failed += 1

    for i in range(count):
        due = 1000.0 + i * gap
        while running and running[0][0] <= due:
            clock.now, _, lease, outcome = heapq.heappop(running)
            end(lease, outcome)
        clock.now = due
        send(seen.balancer.pick())
    return seen


def _again(request: Request, outcome: Outcome) -> Lease | None:
    if outcome is Outcome.BAD_INPUT:
        return request.second_opinion()
    with suppress(NoTargetError, RetryBudgetError):
        return request.pick()
    return None
