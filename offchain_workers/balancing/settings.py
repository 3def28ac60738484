# SPDX-License-Identifier: Apache-2.0
"""What a balancer goes by, and what it shows of its targets."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Seconds, counts and shares. Make ``decay`` some hundred times a usual answer's time."""

    decay: float = 5.0
    failures: int = 3
    window: float = 30.0
    pause: float = 1.0
    longest_pause: float = 60.0
    retry_share: float = 0.10
    retry_reserve: float = 3.0
    hedge_share: float = 0.02
    hedge_quantile: float = 0.95
    # Of requests, how many are asked elsewhere too after a refusal: the refuser may be at fault.
    opinion_share: float = 0.05
    opinion_reserve: float = 1.0
    most_saved: float = 10.0
    # A failure counts as an answer so many times slower than the slow ones are.
    failure_factor: float = 10.0


@dataclass(frozen=True)
class TargetView:
    """For people and metrics. ``latency`` in seconds, None before the first answer."""

    target: str
    state: str
    is_ejected: bool
    outstanding: int
    latency: float | None
    sent: int
