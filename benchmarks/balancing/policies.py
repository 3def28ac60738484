# SPDX-License-Identifier: Apache-2.0
"""Ours, and what others do: two targets at random, the better one gets the request."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Protocol

from offchain_workers.balancing import Balancer, Outcome, Settings
from offchain_workers.balancing.latency import PeakEwma

DECAY = 5.0
_LEAST = 1e-4


class Policy(Protocol):
    """``pick`` a target's index, and say when it has answered."""

    def pick(self) -> tuple[int, object]: ...

    def done(self, index: int, token: object) -> None: ...


class Ours:
    """`offchain_workers.balancing` as it comes."""

    def __init__(self, n: int, seed: int) -> None:
        self._balancer = Balancer([str(i) for i in range(n)], Settings(decay=DECAY))

    def pick(self) -> tuple[int, object]:
        lease = self._balancer.pick()
        return int(lease.target), lease

    def done(self, index: int, token: object) -> None:
        token.finish(Outcome.OK)  # type: ignore[attr-defined]


class TwoChoices:
    """The one with fewer requests outstanding (Envoy, Ray Serve)."""

    def __init__(self, n: int, seed: int) -> None:
        self.outstanding = [0] * n
        self._rng = random.Random(seed)

    def pick(self) -> tuple[int, object]:
        one, other = self._rng.sample(range(len(self.outstanding)), 2)
        index = one if self.cost(one) <= self.cost(other) else other
        self.outstanding[index] += 1
        return index, time.monotonic()

    def done(self, index: int, token: object) -> None:
        self.outstanding[index] -= 1

    def cost(self, index: int) -> float:
        return self.outstanding[index]


class TwoChoicesEwma(TwoChoices):
    """The one with the lower load x peak-EWMA of latency (Finagle, Linkerd)."""

    def __init__(self, n: int, seed: int) -> None:
        super().__init__(n, seed)
        self._latency = [PeakEwma(DECAY) for _ in range(n)]

    def done(self, index: int, token: object) -> None:
        super().done(index, token)
        now = time.monotonic()
        assert isinstance(token, float)
        self._latency[index].observe(now - token, now)

    def cost(self, index: int) -> float:
        known = self._latency[index].at(time.monotonic()) or _LEAST
        return (self.outstanding[index] + 1) * known


POLICIES = {"ours": Ours, "two-choices": TwoChoices, "two-choices-ewma": TwoChoicesEwma}


def policy(name: str, n: int, seed: int) -> Policy:
    return POLICIES[name](n, seed)


def quantiles(latencies: Sequence[float], shares: Sequence[float]) -> list[float]:
    """Of a whole run, in the unit given."""
    ordered = sorted(latencies)
    return [ordered[min(int(len(ordered) * share), len(ordered) - 1)] for share in shares]
