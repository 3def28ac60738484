# SPDX-License-Identifier: Apache-2.0
"""A decision's reasons: what each term gave, what decided, which limits left others out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from offchain_workers.routing.record import ClassRow, DecisionRecord, Reason
from offchain_workers.routing.request import BPS

# These speak of what a model is, not of what the wish wants; `members` of offers that others made.
_NO_LIMITS = {Reason.TASK, Reason.MODEL, Reason.ARTIFACT, Reason.CARD, Reason.MEMBERS}


@dataclass(frozen=True)
class Decisive:
    """``term``: that put the choice before the next one: quality, cost, latency, security; `tiers`
    (the next one needs more of the wish's tiers); `draw` (both are as good); `limits` (nothing else
    meets the wish). ``ahead``: what the term alone gave, in basis points of utility; ``of``: the
    next one."""

    term: str
    ahead: int = 0
    of: str = ""

    def __str__(self) -> str:
        if self.term == "limits":
            return "the only one that meets the wish"
        if self.term == "draw":
            return f"drawn: {self.of} is as good"
        if self.term == "tiers":
            return f"decided by tiers: {self.of} needs more of them"
        return f"decided by {self.term}, {self.ahead} ahead of {self.of}"


def terms(record: DecisionRecord, row: ClassRow) -> Mapping[str, int | None]:
    """Quality, cost, latency and security in basis points; cost is that of the offer that counts.
    None: unmeasured, or no offers."""
    latency = None
    if row.latency_ms is not None:
        latency = max(0, BPS - BPS * row.latency_ms // record.scales.latency_ms)
    cost = record.offers[row.best[-1]].cost if row.best else None
    return {"quality": row.quality, "cost": cost, "latency": latency, "security": row.security}


def decisive(record: DecisionRecord) -> Decisive:
    """Of a decision that took something."""
    if len(record.ranking) < 2:
        return Decisive("limits")
    first, second = (record.classes[i] for i in record.ranking[:2])
    named = f"{second.name} under {second.method}"
    if first.rung != second.rung:
        return Decisive("tiers", of=named)
    ours, theirs = terms(record, first), terms(record, second)
    gains = {
        name: getattr(record.weights, name) * ((ours[name] or 0) - (theirs[name] or 0))
        for name in ours
    }
    best = max(gains, key=gains.__getitem__)
    if gains[best] <= 0:
        return Decisive("draw", of=named)
    return Decisive(best, gains[best] // record.weights.total, named)


def limits(record: DecisionRecord) -> Mapping[str, int]:
    """How many candidates that somebody offers each of the wish's limits left out."""
    offered = {offer.of for offer in record.offers}
    near = [row for i, row in enumerate(record.classes) if i in offered and row.was_asked_for]
    counted = Counter(r.value for row in near for r in row.reasons if r not in _NO_LIMITS)
    return dict(counted.most_common())
