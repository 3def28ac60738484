# SPDX-License-Identifier: Apache-2.0
"""A wish: what a requester wants of an answer, and what it may cost."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from eth_utils.crypto import keccak
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    model_validator,
)

from offchain_workers.models.card import Name
from offchain_workers.problems import first_problem
from offchain_workers.routing.errors import InvalidRequestError
from offchain_workers.spelling import told

BPS = 10_000
# What prices and latencies are measured against where the request names no cap of its own.
REFERENCE_PRICE = 10**16
REFERENCE_LATENCY_MS = 60_000
MAX_REQUEST_BYTES = 16_384


def _amount(value: Any) -> Any:
    """Decimal strings, for JSON readers whose numbers end at 2**53."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 30:
        return int(value)
    return value


BasisPoints = Annotated[int, Field(ge=0, le=BPS)]
Price = Annotated[
    int,
    BeforeValidator(_amount),
    Field(ge=0, lt=2**96),
    PlainSerializer(str, return_type=str, when_used="json"),
]
Amount = Annotated[Price, Field(ge=1)]
Hash = Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$")]
Address = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]
MethodName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
TierLabel = Literal["web2_cloud", "web3_share", "virtual_node"]


class Preset(StrEnum):
    """Named weights; docs/routing.md says what each is for."""

    BALANCED = "balanced"
    PRIVATE = "private"
    CHEAP = "cheap"
    FAST = "fast"
    SAFE = "safe"


def _preset(value: Any) -> Any:
    if isinstance(value, str) and value not in {*Preset}:
        raise ValueError(told("preset", value, Preset))
    return value


class Frozen(BaseModel):
    """Part of a document that is hashed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Weights(Frozen):
    """How much each term counts, relative to the others. ``cost_power`` 2: twice as dear costs
    more than twice."""

    quality: int = Field(ge=0, le=1000)
    cost: int = Field(ge=0, le=1000)
    latency: int = Field(ge=0, le=1000)
    security: int = Field(ge=0, le=1000)
    cost_power: Literal[1, 2] = 1

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.total == 0:
            raise ValueError("all weights are zero")
        return self

    @property
    def total(self) -> int:
        return self.quality + self.cost + self.latency + self.security


PRESETS = {
    Preset.BALANCED: Weights(quality=3, cost=3, latency=2, security=2),
    Preset.PRIVATE: Weights(quality=3, cost=1, latency=1, security=5),
    Preset.CHEAP: Weights(quality=1, cost=8, latency=1, security=0, cost_power=2),
    Preset.FAST: Weights(quality=2, cost=1, latency=7, security=0),
    Preset.SAFE: Weights(quality=2, cost=1, latency=0, security=7),
}


class RouteRequest(Frozen):
    """A task or a model, what is preferred, and hard limits. None and () mean no limit.

    ``max_price`` wei per item; ``max_latency_ms`` until the answer is verified, or until it is
    there where ``first_answer``; ``item_bytes`` of one input on the wire; ``region`` 0 = any;
    ``tiers`` in order: a later one only where the earlier ones have too few offers; ``private``:
    inputs that operators may not see; ``attestations``: how many vouch for the model at the least
    (None: one, on development chains none), among ``attesters`` if any are named; ``security``
    overrides how much a method's evidence is worth; ``quality_table``: content id of the figures to
    use for quality instead of the cards'.
    """

    task: Name | None = None
    model: Hash | None = None
    prefer: Annotated[Preset, BeforeValidator(_preset)] = Preset.BALANCED
    weights: Weights | None = None
    max_price: Amount | None = None
    max_latency_ms: int | None = Field(default=None, ge=1, lt=2**53)
    first_answer: bool = False
    min_quality_bp: BasisPoints = 0
    region: int = Field(default=0, ge=0, le=255)
    tiers: tuple[TierLabel, ...] = ()
    methods: tuple[MethodName, ...] = ()
    private: bool = False
    members: int = Field(default=3, ge=1, le=8)
    items: int = Field(default=1, ge=1, le=65_535)
    codec: str | None = Field(default=None, max_length=64)
    item_bytes: int | None = Field(default=None, ge=0, lt=2**53)
    attestations: int | None = Field(default=None, ge=0, le=1000)
    attesters: tuple[Address, ...] = Field(default=(), max_length=64)
    security: dict[MethodName, BasisPoints] = Field(default={}, max_length=16)
    quality_table: Hash | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.task is None) == (self.model is None):
            raise ValueError("name a task or a model, one of them")
        for name in ("tiers", "methods", "attesters"):
            if len(set(getattr(self, name))) != len(getattr(self, name)):
                raise ValueError(f"{name} has one twice")
        return self

    @property
    def weighting(self) -> Weights:
        """The weights that count: the request's own, else the preset's."""
        return self.weights or PRESETS[self.prefer]

    @property
    def wants_privacy(self) -> bool:
        return self.private or self.prefer is Preset.PRIVATE

    def document(self) -> dict[str, Any]:
        """As in a record; amounts are decimal strings."""
        return self.model_dump(mode="json")

    def hash(self) -> bytes:
        """keccak256 of its canonical JSON."""
        return keccak(canonical(self.document()))

    @classmethod
    def parse(cls, text: bytes) -> RouteRequest:
        """From JSON. Raises InvalidRequestError."""
        if len(text) > MAX_REQUEST_BYTES:
            raise InvalidRequestError(f"{len(text)} bytes, at most {MAX_REQUEST_BYTES}")
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise InvalidRequestError(first_problem(error, "wish")) from None


def canonical(tree: Any) -> bytes:
    """Sorted keys, no blanks, UTF-8, integers and strings only: one document, one hash."""
    return json.dumps(
        tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()
