# SPDX-License-Identifier: Apache-2.0
"""Options that say what is wished for, and the plan that they make."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offchain_workers.cli.arguments import TierName, basis_points, price
from offchain_workers.cli.progress import counting
from offchain_workers.errors import FusionError

if TYPE_CHECKING:
    from offchain_workers.chain.contracts import Spec
    from offchain_workers.cli.network import Connection
    from offchain_workers.routing.market import Market
    from offchain_workers.routing.quality import QualityTable
    from offchain_workers.routing.record import DecisionRecord
    from offchain_workers.routing.request import RouteRequest

_BARE = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)
_MS = re.compile(r"([0-9]{1,9})ms", re.ASCII)


class Prefer(StrEnum):
    """Presets as they are written on the command line."""

    BALANCED = "balanced"
    PRIVATE = "private"
    CHEAP = "cheap"
    FAST = "fast"
    SAFE = "safe"


Task = Annotated[
    str | None, typer.Option("--task", metavar="NAME", help="A task, such as file-type or digits.")
]
Preferred = Annotated[Prefer | None, typer.Option("--prefer", help="What matters most.")]
MaxLatency = Annotated[
    str | None,
    typer.Option("--max-latency", metavar="TIME", help="Until the answer is verified: 800ms, 5s."),
]
MinQuality = Annotated[
    str | None, typer.Option("--min-quality", metavar="SHARE", help="Of right answers: 95%.")
]
FirstAnswer = Annotated[
    bool,
    typer.Option("--first-answer", help="An answer that can still be challenged counts as there."),
]
Wanted = Annotated[
    Path | None,
    typer.Option("--wish", metavar="FILE", help="The whole wish as JSON, instead of options."),
]


@dataclass(frozen=True)
class Wanting:
    """What the options say; ``max_price`` wei per item. () and None: not said."""

    task: str | None = None
    model: str | None = None
    prefer: Prefer | None = None
    max_price: int | None = None
    max_latency: str | None = None
    min_quality: str | None = None
    first_answer: bool = False
    region: int = 0
    tiers: Sequence[TierName] = ()
    methods: Sequence[str] = ()
    members: int = 3
    items: int = 1
    attesters: Sequence[str] = ()
    private: bool = False

    def request(self, connection: Connection) -> RouteRequest:
        """Raises MN-ROUTE-010, MN-CLI-*; a model's name is looked up."""
        from offchain_workers.routing.request import RouteRequest, canonical

        document: dict[str, Any] = {
            "task": self.task,
            "model": self.model and "0x" + connection.model(self.model).model_id.hex(),
            "prefer": (self.prefer or Prefer.BALANCED).value,
            "max_price": None if self.max_price is None else str(self.max_price),
            "max_latency_ms": None if self.max_latency is None else milliseconds(self.max_latency),
            "min_quality_bp": basis_points(self.min_quality or "0%"),
            "first_answer": self.first_answer,
            "region": self.region,
            "tiers": [tier.value for tier in self.tiers],
            "methods": list(self.methods),
            "members": self.members,
            "items": self.items,
            "attesters": list(self.attesters),
            "private": self.private,
        }
        return RouteRequest.parse(canonical(document))

    def spec(self, model_id: bytes, selector: bytes) -> Spec:
        """Of a subnet for a model under a method, at any price."""
        from offchain_workers.chain.contracts import Spec

        tiers = sum({1 << int(name.tier) for name in self.tiers or list(TierName)})
        return Spec(model_id, selector, tiers=tiers, region=self.region, k=self.members)


def coins(text: str) -> int:
    """As ``price``, of the chain's own coin; a bare number is whole coins."""
    return price(f"{text} ether" if _BARE.fullmatch(text.strip()) else text, None)


def milliseconds(text: str) -> int:
    """``800ms``, or a duration. Raises MN-CLI-002."""
    from offchain_workers.units import parse_duration

    match = _MS.fullmatch(text.strip())
    return int(match[1]) if match else parse_duration(text) * 1_000


def read_wish(path: Path) -> RouteRequest:
    """Raises MN-CLI-021, MN-ROUTE-010."""
    from offchain_workers.routing.request import RouteRequest

    try:
        return RouteRequest.parse(path.read_bytes())
    except OSError as error:
        raise FusionError("MN-CLI-021", f"{path}: {error.strerror}") from None


def market_at(
    connection: Connection, block: int | None = None, quality: QualityTable | None = None
) -> Market:
    """The market after a block (None: the head), with the cards of this machine's store, its
    peers, and the models' own servers."""
    from offchain_workers.cli.network import open_store
    from offchain_workers.routing.snapshot import MarketReader

    settings, store = connection.settings, open_store(connection.settings)
    private = settings.storage.allow_private
    with counting(connection.run, "reading the market") as progress:
        reader = MarketReader(connection.pool, connection.network, store, private, progress)
        return reader.at(block, quality)


def decide(connection: Connection, request: RouteRequest) -> DecisionRecord:
    """The decision on the market of the head, kept in this machine's store.

    Raises MN-ROUTE-011 for a task or a method that nobody has, with what is near.
    """
    from offchain_workers.cli.network import open_store
    from offchain_workers.routing.names import check_names
    from offchain_workers.routing.planning import plan

    market = market_at(connection, quality=table_for(connection, request))
    check_names(request, market)
    record = plan(request, market)
    open_store(connection.settings).put(record.canonical())
    return record


def table_for(connection: Connection, request: RouteRequest) -> QualityTable | None:
    """The quality figures that a wish names, None where it names none.

    Raises StoreError, MN-ROUTE-013.
    """
    from offchain_workers.cli.network import open_store
    from offchain_workers.routing.quality import MAX_TABLE_BYTES, QualityTable

    if request.quality_table is None:
        return None
    data = open_store(connection.settings).get(request.quality_table, MAX_TABLE_BYTES)
    return QualityTable.from_canonical(data)
