# SPDX-License-Identifier: Apache-2.0
"""The DecisionRecord: a wish, what it was chosen from, every score and reason, and the choice.

Canonical JSON; its keccak256 is its content id, and is written into the job's terms.
"""

from __future__ import annotations

import secrets
from collections import Counter
from enum import StrEnum
from typing import Annotated, Literal

from eth_utils.crypto import keccak
from pydantic import Field, ValidationError

from offchain_workers.chain.contracts import Spec
from offchain_workers.problems import first_problem
from offchain_workers.routing.errors import InvalidRecordError, NothingFitsError
from offchain_workers.routing.request import (
    Address,
    BasisPoints,
    Frozen,
    Hash,
    Price,
    RouteRequest,
    Weights,
    canonical,
)
from offchain_workers.units import format_amount

ROUTER = "1"
MAX_RECORD_BYTES = 4 << 20

Selector = Annotated[str, Field(pattern=r"^0x[0-9a-f]{8}$")]
Index = Annotated[int, Field(ge=0, lt=2**31)]
Number = Annotated[int, Field(ge=0, lt=2**63)]


class Reason(StrEnum):
    """Why a model under a method, or an offer, was left out. Rows in docs/reason-codes.md."""

    # Of a model under a method.
    CARD = "card"
    TASK = "task"
    MODEL = "model"
    SIGNATURE = "signature"
    METHOD = "method"
    ARTIFACT = "artifact"
    SIZE = "size"
    PRIVACY = "privacy"
    LATENCY = "latency"
    QUALITY = "quality"
    ATTESTATION = "attestation"
    MEMBERS = "members"
    # Of an offer.
    TIER = "tier"
    REGION = "region"
    PRICE = "price"
    BAND = "band"


class PlaceRow(Frozen):
    """Of the snapshot; see ``market.Place``."""

    chain_id: Number
    market: Address
    block: Number
    block_hash: Hash
    timestamp: Number
    epoch: Number
    development: bool


class Scales(Frozen):
    """What prices and latencies are measured against: the request's caps, or the reference."""

    price: Price
    latency_ms: Number


class SpecRow(Frozen):
    """A subnet's spec, without model and method; see ``chain.contracts.Spec``."""

    tiers: int = Field(ge=1, le=7)
    region: int = Field(ge=0, le=255)
    band: int = Field(ge=0, le=96)
    k: int = Field(ge=1, le=8)


class ClassRow(Frozen):
    """A model under a method. Figures None: unmeasured.

    Where its offers suffice, ``rung`` says how many of the request's tiers had to be used, ``best``
    are the offers that count (as many as members), and ``utility`` is the last one's: a subnet is
    as good as that.
    """

    model: Hash
    name: str
    method: str = Field(max_length=64)
    selector: Selector
    artifact: Hash | None
    quality: BasisPoints | None
    latency_ms: Number | None
    security: BasisPoints
    reasons: tuple[Reason, ...]
    fitting: Index = 0
    rung: Index | None = None
    spec: SpecRow | None = None
    best: tuple[Index, ...] = ()
    utility: BasisPoints | None = None

    @property
    def was_asked_for(self) -> bool:
        """Other tasks and models than those asked for would drown the rest in what people read."""
        return not {Reason.TASK, Reason.MODEL}.intersection(self.reasons)


class OfferRow(Frozen):
    """An offer of the class with that index. ``utility`` and ``cost`` (its part) only where
    nothing speaks against it."""

    of: Index
    operator: Address
    tier: int = Field(ge=0, le=2)
    seat: int = Field(ge=0, le=255)
    price: Price
    region: int = Field(ge=0, le=255)
    weight: Price
    reasons: tuple[Reason, ...] = ()
    cost: BasisPoints | None = None
    utility: BasisPoints | None = None


class Choice(Frozen):
    """``of``: class; ``backups``: the next offers after the class's best; ``subnet``: a live one of
    the spec, None: one has to be formed; ``price_cap``: the most that an item can cost."""

    of: Index
    backups: tuple[Index, ...]
    spec_id: Hash
    subnet: Hash | None
    price_cap: Price


class DecisionRecord(Frozen):
    """See the module. ``ranking``: classes that could be taken, best first; ``choice`` is of the
    first. ``nonce`` makes records of equal decisions different; nothing else depends on it."""

    schema_: Literal["decision@1"] = Field(default="decision@1", alias="schema")
    router: str = Field(max_length=32)
    request: RouteRequest
    place: PlaceRow
    token: Address
    seed: Hash
    nonce: Hash
    weights: Weights
    scales: Scales
    classes: tuple[ClassRow, ...]
    offers: tuple[OfferRow, ...]
    ranking: tuple[Index, ...]
    choice: Choice | None

    def canonical(self) -> bytes:
        """The bytes that are hashed, stored and sent."""
        return canonical(self.model_dump(mode="json", by_alias=True))

    def hash(self) -> bytes:
        """What goes into the terms as ``decision_hash``."""
        return keccak(self.canonical())

    @property
    def cid(self) -> str:
        """The hash as blob stores name it."""
        return "0x" + self.hash().hex()

    @property
    def chosen(self) -> ClassRow:
        """The model and method that were taken. Raises NothingFitsError."""
        if self.choice is None:
            raise NothingFitsError(self.why_not())
        return self.classes[self.choice.of]

    @property
    def spec(self) -> Spec:
        """The subnet that the choice wants. Raises NothingFitsError."""
        chosen = self.chosen
        assert chosen.spec is not None  # of every class in the ranking
        return Spec(
            raw(chosen.model),
            raw(chosen.selector),
            self.token,
            chosen.spec.tiers,
            chosen.spec.region,
            chosen.spec.band,
            chosen.spec.k,
        )

    @property
    def artifact_id(self) -> bytes:
        """Of the choice. Raises NothingFitsError."""
        return raw(self.chosen.artifact or "0x" + "00" * 32)

    @property
    def subnet_id(self) -> bytes | None:
        """The live subnet that the choice found; None: one has to be formed."""
        return raw(self.choice.subnet) if self.choice and self.choice.subnet else None

    def for_another_job(self) -> DecisionRecord:
        """The same decision with a nonce of its own: no two jobs share a record."""
        return self.model_copy(update={"nonce": "0x" + secrets.token_bytes(32).hex()})

    def offers_of(self, index: int) -> list[OfferRow]:
        """Of a class."""
        return [offer for offer in self.offers if offer.of == index]

    def why_not(self) -> str:
        """Of a decision that nothing fits: its reasons counted."""
        near = [row for row in self.classes if row.was_asked_for]
        offers = [offer for offer in self.offers if not near or self.classes[offer.of] in near]
        counted = Counter(reason for row in (near or self.classes) for reason in row.reasons)
        counted += Counter(reason for offer in offers for reason in offer.reasons)
        told = ", ".join(f"{reason.value} ({n})" for reason, n in counted.most_common())
        return f"nothing meets the wish: {told or 'no model is published'}{self._at_a_price()}"

    def _at_a_price(self) -> str:
        """The least limit on the price that would let something in, where nothing else is wrong."""
        found = [
            (1 << band_of(prices[self.request.members - 1]), row)
            for index, row in enumerate(self.classes)
            if row.reasons == (Reason.MEMBERS,)
            and len(prices := self._prices(index)) >= self.request.members
        ]
        if not found:
            return ""
        least, row = min(found, key=lambda each: each[0])
        named = f"{row.name} under {row.method}"
        return f"; {named} would, at most {format_amount(least)} ({least} wei) an item"

    def _prices(self, index: int) -> list[int]:
        """Of a class's offers that nothing but their price speaks against, the lowest first."""
        fitting = {Reason.PRICE, Reason.BAND}
        return sorted(o.price for o in self.offers_of(index) if fitting.issuperset(o.reasons))

    @classmethod
    def from_canonical(cls, data: bytes) -> DecisionRecord:
        """Raises InvalidRecordError. Says nothing about whether the decision is right."""
        if len(data) > MAX_RECORD_BYTES:
            raise InvalidRecordError(f"{len(data)} bytes, at most {MAX_RECORD_BYTES}")
        try:
            record = cls.model_validate_json(data)
        except ValidationError as error:
            raise InvalidRecordError(first_problem(error, "record")) from None
        if record.canonical() != data:
            raise InvalidRecordError("not in canonical form")
        record._check_indices()
        return record

    def _check_indices(self) -> None:
        classes, offers = len(self.classes), len(self.offers)
        to_offers = [i for row in self.classes for i in row.best]
        to_classes = [*self.ranking, *(offer.of for offer in self.offers)]
        if self.choice is not None:
            to_offers += self.choice.backups
            to_classes.append(self.choice.of)
        if any(i >= classes for i in to_classes) or any(i >= offers for i in to_offers):
            raise InvalidRecordError("it points at a row that is not there")
        if self.choice is not None and self.classes[self.choice.of].spec is None:
            raise InvalidRecordError("the choice has no spec")


def band_of(price: int) -> int:
    """The smallest power of two that a price does not exceed, as its exponent."""
    return max(price - 1, 0).bit_length()


def raw(text: str) -> bytes:
    """The bytes of a record's 0x-hex."""
    return bytes.fromhex(text[2:])
