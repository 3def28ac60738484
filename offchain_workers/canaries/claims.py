# SPDX-License-Identifier: Apache-2.0
"""A manifest says what a machine has; a timed load says whether it behaves so."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

_ON_GPU = frozenset({"cuda", "tensorrt"})
# Below this the network's unsteadiness hides what computes.
_TELLING_SECONDS = 0.05
# A GPU that is needed for anything beats one core of a CPU by more than this.
_LEAST_SPEEDUP = 2.0
_LEAST_SAMPLES = 5
_ROUNDS = 3


class Finding(StrEnum):
    """``unproven``: measured too little, or the load says nothing about such a claim."""

    UPHELD = "upheld"
    UNPROVEN = "unproven"
    REFUTED = "refuted"


@dataclass(frozen=True)
class Claim:
    """What a verified manifest says about the machine."""

    provider: str
    gpus: tuple[str, ...]

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Claim:
        """From a manifest's body; what is missing or malformed claims nothing."""
        hardware = body.get("hardware")
        hardware = hardware if isinstance(hardware, Mapping) else {}
        gpus = hardware.get("gpus")
        listed = gpus if isinstance(gpus, list) else []
        names = (gpu.get("name") for gpu in listed if isinstance(gpu, Mapping))
        return cls(str(hardware.get("provider", "")), tuple(str(name) for name in names))

    @property
    def has_gpu(self) -> bool:
        """Whether models are said to run on a GPU."""
        return self.provider in _ON_GPU


class Times:
    """Of one provider's right answers: the best time in seconds for each number of items."""

    def __init__(self) -> None:
        self._best: dict[int, float] = {}
        self._count: dict[int, int] = {}

    def add(self, items: int, seconds: float) -> None:
        self._best[items] = min(seconds, self._best.get(items, seconds))
        self._count[items] = self._count.get(items, 0) + 1

    def best(self, items: int) -> float | None:
        """None with too few to tell: queues and networks make an honest machine slow at times,
        nothing makes a slow machine fast."""
        return self._best[items] if self._count.get(items, 0) >= _LEAST_SAMPLES else None


@dataclass(frozen=True)
class Yardstick:
    """What ``large`` and ``small`` requests (items) take on one core of the observer's own CPU.

    The difference of the two leaves out the way there and back.
    """

    small: int
    large: int
    cpu_seconds: float

    @classmethod
    def measure(
        cls,
        reference: Callable[[Sequence[bytes]], object],
        items: Sequence[bytes],
        clock: Callable[[], float] = time.perf_counter,
    ) -> Yardstick:
        """By running ``reference``, an engine on one thread, on one item and on all of them."""
        best = []
        for part in (items[:1], items):
            times = []
            for _ in range(_ROUNDS):
                started = clock()
                reference(part)
                times.append(clock() - started)
            best.append(min(times))
        return cls(1, len(items), best[1] - best[0])

    def judge(self, claim: Claim, times: Times) -> Finding:
        """Whether a machine that answers so fast can be what it is claimed to be."""
        small, large = times.best(self.small), times.best(self.large)
        if not claim.has_gpu or self.cpu_seconds < _TELLING_SECONDS:
            return Finding.UNPROVEN
        if small is None or large is None:
            return Finding.UNPROVEN
        is_fast = (large - small) * _LEAST_SPEEDUP <= self.cpu_seconds
        return Finding.UPHELD if is_fast else Finding.REFUTED
