# SPDX-License-Identifier: Apache-2.0
"""A decision as the API shows it: the whole record, and the same in words."""

from __future__ import annotations

from collections import Counter
from typing import Any

from pydantic import BaseModel, Field

from offchain_workers.routing.record import ClassRow, DecisionRecord

_MOST_LINES = 40


class ChoiceView(BaseModel):
    """What would be used."""

    model: str
    name: str
    method: str
    members: int = Field(description="Size of the subnet.")
    operators: list[str] = Field(description="Whose offers are the best; formation draws.")
    price_cap: str = Field(description="Most wei that an item can cost.")
    subnet: str | None = Field(description="A live one; null: one has to be formed, for a tip.")
    utility: int = Field(description="In basis points, by the request's own measure.")


class PlanView(BaseModel):
    """A decision."""

    id: str = Field(description="Content id of the record.")
    choice: ChoiceView | None = Field(description="null: nothing meets the wish.")
    reasons: list[str] = Field(description="For people: what was taken, what was not, and why.")
    record: dict[str, Any] = Field(description="The decision record; anyone can compute it again.")


def show(record: DecisionRecord) -> PlanView:
    """The view of a decision."""
    return PlanView(
        id=record.cid,
        choice=_choice(record),
        reasons=_reasons(record),
        record=record.model_dump(mode="json", by_alias=True),
    )


def _choice(record: DecisionRecord) -> ChoiceView | None:
    if record.choice is None:
        return None
    chosen = record.chosen
    return ChoiceView(
        model=chosen.model,
        name=chosen.name,
        method=chosen.method,
        members=chosen.spec.k if chosen.spec else 0,
        operators=[record.offers[i].operator for i in chosen.best],
        price_cap=str(record.choice.price_cap),
        subnet=record.choice.subnet,
        utility=chosen.utility or 0,
    )


def _reasons(record: DecisionRecord) -> list[str]:
    ranked = [record.classes[i] for i in record.ranking]
    lines = [f"{_name(row)}: {_worth(row)}" for row in ranked]
    for index, row in enumerate(record.classes):
        if row.reasons and row.was_asked_for:
            offers = record.offers_of(index)
            against = Counter(reason for offer in offers for reason in offer.reasons)
            refused = [f"{reason} ({n} offers)" for reason, n in against.items()]
            lines.append(f"{_name(row)}: no: {', '.join([*row.reasons, *refused])}")
    if record.choice is None:
        lines.insert(0, record.why_not())
    return lines[:_MOST_LINES]


def _name(row: ClassRow) -> str:
    return f"{row.name or row.model[:12]} under {row.method}"


def _worth(row: ClassRow) -> str:
    quality = "unmeasured" if row.quality is None else f"{row.quality} bp"
    latency = "unmeasured" if row.latency_ms is None else f"{row.latency_ms} ms"
    return (
        f"utility {row.utility} bp (quality {quality}, latency {latency}, "
        f"security {row.security} bp, {row.fitting} offers fit)"
    )
