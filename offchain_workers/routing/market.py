# SPDX-License-Identifier: Apache-2.0
"""What the router chooses from: models, offers and live subnets as of one block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from offchain_workers.chain.contracts.base import NATIVE
from offchain_workers.routing.quality import QualityTable


@dataclass(frozen=True)
class MarketMethod:
    """A listed verification method. ``open``: neither retired nor paused; ``security_bp``: how much
    its evidence is worth; ``private``: whether operators never see inputs."""

    name: str
    selector: bytes
    max_n: int
    open: bool = True
    security_bp: int = 0
    private: bool = False


@dataclass(frozen=True)
class Carriage:
    """What a model is under a method: ``refusal`` says why the method can't carry it, if so.

    ``delay_ms`` is what the method adds to inference until the answer is verified; ``first_ms``
    until it is there.
    """

    artifact_id: bytes
    delay_ms: int = 0
    first_ms: int = 0
    refusal: str | None = None


@dataclass(frozen=True)
class MarketModel:
    """A published model by its card. ``quality_bp``, ``infer_ms``: as published, None: unmeasured.

    ``carriage`` by method name; a method that is not in it needs an artifact that the model lacks.
    ``problem``: why its card can't be read, all else is empty then.
    """

    model_id: bytes
    publisher: str
    name: str = ""
    task: str = ""
    codec: str = ""
    item_bytes: int = 0
    max_items: int = 0
    quality_bp: int | None = None
    infer_ms: int | None = None
    attesters: frozenset[str] = frozenset()
    carriage: Mapping[str, Carriage] = field(default_factory=dict)
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class MarketOffer:
    """A seat in force. ``price`` per item in base units of the token, ``weight`` in gwei."""

    operator: str
    model_id: bytes
    method: str
    tier: int
    seat: int
    price: int
    region: int
    weight: int

    @property
    def ident(self) -> tuple[bytes, str, int, int]:
        """No two offers of one epoch share it."""
        return (self.model_id, self.method, self.tier, self.seat)


@dataclass(frozen=True)
class Place:
    """Where and when: the market's chain and address, and the block of the snapshot.

    ``epoch``: the one whose books a subnet requested now is drawn from.
    """

    chain_id: int
    market: str
    block: int
    block_hash: bytes
    timestamp: int
    epoch: int
    development: bool = False


@dataclass(frozen=True)
class Market:
    """A snapshot. ``subnets``: spec id to the id of its subnet that takes posts still."""

    place: Place
    methods: Sequence[MarketMethod]
    models: Sequence[MarketModel]
    offers: Sequence[MarketOffer]
    subnets: Mapping[bytes, bytes] = field(default_factory=dict)
    quality: QualityTable | None = None
    token: str = NATIVE
