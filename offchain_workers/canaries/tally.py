# SPDX-License-Identifier: Apache-2.0
"""What canaries found about each provider, summed up."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

from offchain_workers.canaries.claims import Finding

_KEPT = 256
K = TypeVar("K", bound=Hashable)


class Verdict(StrEnum):
    """``refused``: an error for an input that is good; ``unheard``: no answer; ``undecided``: no
    half of the providers agree."""

    RIGHT = "right"
    WRONG = "wrong"
    REFUSED = "refused"
    UNHEARD = "unheard"
    UNDECIDED = "undecided"


@dataclass
class Record:
    """Counts of verdicts and the last latencies in seconds."""

    counts: dict[Verdict, int] = field(default_factory=lambda: dict.fromkeys(Verdict, 0))
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))
    claim: Finding = Finding.UNPROVEN


class Tally(Generic[K]):
    """Records by provider, or by provider and model. Thread-safe."""

    def __init__(self) -> None:
        self._records: dict[K, Record] = {}
        self._lock = threading.Lock()

    def add(self, provider: K, verdict: Verdict, seconds: float | None = None) -> None:
        """``seconds``: how long the answer took, where there was one."""
        with self._lock:
            record = self._records.setdefault(provider, Record())
            record.counts[verdict] += 1
            if seconds is not None:
                record.seconds.append(seconds)

    def claimed(self, provider: K, finding: Finding) -> None:
        """What came of the check of its manifest."""
        with self._lock:
            self._records.setdefault(provider, Record()).claim = finding

    def take(self) -> dict[K, Record]:
        """All records, and begin anew: the next observations are of another time."""
        with self._lock:
            taken, self._records = self._records, {}
        return taken
