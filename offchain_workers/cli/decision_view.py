# SPDX-License-Identifier: Apache-2.0
"""A decision as people read it: what was taken, what it was compared with, and why not that."""

from __future__ import annotations

from collections import Counter
from typing import Any

from offchain_workers.chain.contracts import Tier
from offchain_workers.cli.output import fields, table
from offchain_workers.routing.explain import decisive, limits, terms
from offchain_workers.routing.record import ClassRow, DecisionRecord, Reason
from offchain_workers.units import Wei

_CHOICE = {
    "wish": "Wish",
    "model": "Model",
    "method": "Method",
    "price": "Price per item, at most",
    "quality": "Quality",
    "latency": "Until verified",
    "tiers": "Tiers",
    "members": "Members",
    "subnet": "Subnet",
    "why": "Why",
    "block": "Market of block",
    "decision": "Decision",
}
_ROWS = {
    "rank": "Rank",
    "model": "Model",
    "method": "Method",
    "utility": "Utility",
    "quality": "Quality",
    "cost": "Cost",
    "latency": "Until verified",
    "security": "Security",
    "price": "Price",
    "offers": "Offers",
    "reasons": "Not taken because",
}


def document(record: DecisionRecord) -> dict[str, Any]:
    """For --json: the choice, each candidate, and the record itself."""
    return {
        "decision": record.cid,
        "choice": _choice(record),
        "candidates": candidates(record),
        "record": record.model_dump(mode="json", by_alias=True),
    }


def candidates(record: DecisionRecord) -> list[dict[str, Any]]:
    """Each model under each method, best first; those of other tasks are left out."""
    ranks = {index: rank for rank, index in enumerate(record.ranking, 1)}
    rows = [
        _row(record, index, row, ranks.get(index))
        for index, row in enumerate(record.classes)
        if row.was_asked_for
    ]
    return sorted(rows, key=lambda row: (row["rank"] is None, row["rank"] or 0))


def view(record: DecisionRecord) -> Any:
    """The choice, then the candidates."""
    from rich.console import Group

    rows = [row for row in candidates(record) if _worth_showing(row, record.choice is not None)]
    parts: list[Any] = [table([_shown(row) for row in rows], _ROWS)] if rows else []
    choice = _choice(record)
    if choice is not None:
        parts += ["", fields(choice, _CHOICE)]
    return Group(*parts)


def _worth_showing(row: dict[str, Any], something_fits: bool) -> bool:
    """Not what can't be, nor, beside what can be had, what nobody offers."""
    if row["reasons"] == [Reason.ARTIFACT.value]:
        return False
    return bool(row["offers"]) or not something_fits


def wish_in_words(record: DecisionRecord) -> str:
    """The request in a line."""
    request = record.request
    parts = [request.task or f"model {(request.model or '')[:12]}", request.prefer.value]
    if request.max_price is not None:
        parts.append(f"at most {_amount(request.max_price)}")
    if request.max_latency_ms is not None:
        parts.append(f"within {_time(request.max_latency_ms)}")
    if request.min_quality_bp:
        parts.append(f"right in {_share(request.min_quality_bp)}")
    return ", ".join(parts)


def why(record: DecisionRecord) -> str:
    """What spoke for the choice: each term's weight and score, and what put it before the next."""
    row, weights = record.chosen, record.weights
    parts = [
        f"{name} {score} x {weight}"
        for name, score in terms(record, row).items()
        if (weight := getattr(weights, name)) and score is not None
    ]
    told = f"{' + '.join(parts)}, over {weights.total}, is {row.utility}; {decisive(record)}"
    if len(record.ranking) > 1:
        told += f" ({record.classes[record.ranking[1]].utility})"
    left_out = ", ".join(f"{reason} ({n})" for reason, n in limits(record).items())
    return f"{told}; left out: {left_out}" if left_out else told


def _choice(record: DecisionRecord) -> dict[str, Any] | None:
    if record.choice is None:
        return None
    row, spec = record.chosen, record.spec
    return {
        "wish": wish_in_words(record),
        "model": row.name,
        "model_id": row.model,
        "method": row.method,
        "price": Wei(record.choice.price_cap),
        "quality": _share(row.quality),
        "latency": _time(row.latency_ms),
        "tiers": [tier.label for tier in Tier if spec.tiers >> tier & 1],
        "members": spec.k,
        "subnet": record.choice.subnet or "to be formed",
        "why": why(record),
        "decided_by": decisive(record).term,
        "block": record.place.block,
        "decision": record.cid,
    }


def _row(record: DecisionRecord, index: int, row: ClassRow, rank: int | None) -> dict[str, Any]:
    offers = record.offers_of(index)
    against = Counter(reason.value for offer in offers for reason in offer.reasons)
    return {
        "rank": rank,
        "model": row.name or row.model[:12],
        "model_id": row.model,
        "method": row.method,
        "utility": row.utility,
        "terms": dict(terms(record, row)),
        "quality_bp": row.quality,
        "latency_ms": row.latency_ms,
        "price": Wei(record.offers[row.best[-1]].price) if row.best else None,
        "offers": len(offers),
        "fitting": row.fitting,
        "reasons": [reason.value for reason in row.reasons],
        "offers_refused": dict(against),
    }


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    refused = [f"{n} offers: {reason}" for reason, n in row["offers_refused"].items()]
    return {
        **{name: row[name] for name in ("rank", "model", "method", "utility", "price")},
        "quality": _share(row["quality_bp"]),
        "cost": row["terms"]["cost"],
        "latency": _time(row["latency_ms"]),
        "security": row["terms"]["security"],
        "offers": f"{row['fitting']} of {row['offers']}",
        "reasons": [*row["reasons"], *refused] or None,
    }


def _share(bp: int | None) -> str | None:
    return None if bp is None else f"{bp / 100:g} %"


def _time(ms: int | None) -> str | None:
    if ms is None:
        return None
    return f"{ms} ms" if ms < 1_000 else f"{ms / 1_000:g} s"


def _amount(wei: int) -> str:
    from offchain_workers.units import format_amount

    return format_amount(wei)
