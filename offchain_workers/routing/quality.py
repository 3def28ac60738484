# SPDX-License-Identifier: Apache-2.0
"""How good a model is at its task, in basis points: by its card, or by a scorer's table.

A scorer learns from what it likes, but only writes figures for an epoch to come, as a document
that a decision names by content id: nothing live enters a decision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Annotated, Any, Literal

from eth_utils.crypto import keccak
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from offchain_workers.models.card import ModelCard
from offchain_workers.problems import first_problem
from offchain_workers.routing.errors import InvalidTableError, UnknownScorerError
from offchain_workers.routing.request import BPS, BasisPoints, Hash, canonical

GROUP = "model_network.scorers"
MAX_TABLE_BYTES = 1 << 20


class _TableFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    schema_: Literal["quality@1"] = Field(default="quality@1", alias="schema")
    scorer: Annotated[str, Field(min_length=1, max_length=64)]
    epoch: Annotated[int, Field(ge=0, lt=2**53)]
    figures: Annotated[dict[Hash, BasisPoints], Field(max_length=10_000)]


@dataclass(frozen=True)
class QualityTable:
    """``figures`` by model id, in force in ``epoch`` only, instead of the cards' own."""

    scorer: str
    epoch: int
    figures: Mapping[bytes, int]

    def canonical(self) -> bytes:
        """The bytes that are hashed and stored."""
        figures = {"0x" + model.hex(): bp for model, bp in self.figures.items()}
        return canonical(
            {"schema": "quality@1", "scorer": self.scorer, "epoch": self.epoch, "figures": figures}
        )

    def hash(self) -> bytes:
        return keccak(self.canonical())

    @classmethod
    def from_canonical(cls, data: bytes) -> QualityTable:
        """Raises InvalidTableError."""
        if len(data) > MAX_TABLE_BYTES:
            raise InvalidTableError(f"{len(data)} bytes, at most {MAX_TABLE_BYTES}")
        try:
            file = _TableFile.model_validate_json(data)
        except ValidationError as error:
            raise InvalidTableError(first_problem(error, "table")) from None
        figures = {bytes.fromhex(model[2:]): bp for model, bp in file.figures.items()}
        table = cls(file.scorer, file.epoch, figures)
        if table.canonical() != data:
            raise InvalidTableError("not in canonical form")
        return table


# What a scorer is: from the figures known so far, by model id, to new ones.
Scorer = Callable[[Mapping[bytes, int]], Mapping[bytes, int]]


def next_table(name: str, epoch: int, known: Mapping[bytes, int]) -> QualityTable:
    """The figures of an installed scorer for the epoch after ``epoch``.

    Raises UnknownScorerError, InvalidTableError for figures that are not basis points of a model.
    """
    found = [entry for entry in entry_points(group=GROUP) if entry.name == name]
    if not found:
        raise UnknownScorerError(f"no scorer {name[:64]!r} is installed")
    scorer: Scorer = found[0].load()
    return table_of(name, epoch, scorer(dict(known)), known)


def table_of(
    name: str, epoch: int, figures: Mapping[bytes, int], known: Mapping[bytes, int]
) -> QualityTable:
    """A scorer's figures as the table of the next epoch. Raises InvalidTableError."""
    for model, bp in figures.items():
        if model not in known or type(bp) is not int or not 0 <= bp <= BPS:
            raise InvalidTableError(f"scorer {name}: no figure of a known model: {bp!r}")
    return QualityTable(name, epoch + 1, dict(figures))


def quality_of(card: ModelCard, parent: ModelCard | None = None) -> int | None:
    """As published in the card, in basis points; None where nothing was measured.

    A suite's result counts first, then a held-out test; a compiled model without either is as
    good as its parent, as often as both agree.
    """
    figures = card.accuracy
    suite = figures.get("suite")
    own = _share(suite if isinstance(suite, dict) else figures)
    if own is not None:
        return own
    if "top1_integer" in figures:
        return _bp(figures["top1_integer"])
    above = None if parent is None else quality_of(parent)
    agreement = _bp(figures.get("top1_agreement"))
    return None if above is None or agreement is None else above * agreement // BPS


def infer_ms_of(card: ModelCard, parent: ModelCard | None = None) -> int | None:
    """Milliseconds that an item takes, as published; a compiled model's parent speaks for it."""
    figure = card.accuracy.get("infer_ms")
    if type(figure) is int and 0 <= figure < 2**31:
        return figure
    return None if parent is None else infer_ms_of(parent)


def _share(figures: Mapping[str, Any]) -> int | None:
    items, right = figures.get("items", figures.get("held_out")), figures.get("right")
    if type(items) is not int or type(right) is not int or not 0 <= right <= items or not items:
        return None
    return right * BPS // items


def _bp(share: object) -> int | None:
    # Six digits are what cards carry: beyond them a float has no say.
    if not isinstance(share, int | float) or not 0 <= share <= 1:
        return None
    return round(share * 1_000_000) * BPS // 1_000_000
