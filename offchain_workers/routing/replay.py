# SPDX-License-Identifier: Apache-2.0
"""Recompute a subnet's draw from chain data alone, and say where the chain differs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from eth_utils.crypto import keccak

from offchain_workers.chain.events import Event
from offchain_workers.routing.books import Book, Seat, Spec, books_at, operators_at
from offchain_workers.routing.errors import (
    IncompleteEventsError,
    NotFormedError,
    TooFewCandidatesError,
    UnknownSubnetError,
)
from offchain_workers.routing.weighted_draw import key, uniform


class Exclusion(StrEnum):
    """Why a seat was no candidate."""

    TIER = "tier"
    VACANT = "vacant"
    PRICE = "price"
    REGION = "region"


@dataclass(frozen=True)
class Member:
    """A drawn member: the operator's index, and its price per item at formation."""

    operator: int
    price: int


@dataclass(frozen=True)
class Candidate:
    """A seat of the spec's book and what became of it. ``operator`` is None for a vacant seat,
    ``key`` (1e36 fixed point, smaller wins) None for an excluded one."""

    operator: str | None
    index: int
    tier: int
    seat: int
    weight: int
    price: int
    key: int | None
    reason: Exclusion | None


@dataclass(frozen=True)
class Difference:
    """A field in which the chain's record is not what the replay gives."""

    field: str
    chain: str
    replayed: str


@dataclass(frozen=True)
class Replay:
    """A draw recomputed. ``candidates`` has every seat of the book, ``members`` are best first."""

    spec: Spec
    epoch: int
    seed: bytes
    candidates: Sequence[Candidate]
    members: Sequence[Member]
    differences: Sequence[Difference]

    @property
    def matches_chain(self) -> bool:
        return not self.differences


def draw(spec: Spec, seed: bytes, seats: Book, k: int) -> list[Member]:
    """The ``k`` members, best first; of equal keys the lower tier, then the lower seat wins.

    ``seats`` as `books_at` gives them. Raises TooFewCandidatesError.
    """
    keyed = [(key(uniform(seed, seat.operator), seat.weight), seat) for seat in _fit(spec, seats)]
    if len(keyed) < k:
        raise TooFewCandidatesError(f"{len(keyed)} seats match the spec, {k} are needed")
    return _best(keyed, k)


def replay(subnet_id: bytes, events: Sequence[Event], block_hash: bytes) -> Replay:
    """Draw a formed subnet again.

    ``events``: all of SubnetRegistry's up to the formation, in log order. ``block_hash``: of the
    block that SubnetRequested names as ``seed_block``.
    Raises UnknownSubnetError, NotFormedError, IncompleteEventsError.
    """
    request = _event(events, "SubnetRequested", subnet_id)
    if request is None:
        raise UnknownSubnetError(f"no request of subnet 0x{subnet_id.hex()} in the events")
    formed = _event(events, "SubnetFormed", subnet_id)
    if formed is None:
        raise NotFormedError(f"subnet 0x{subnet_id.hex()} was requested, but not formed")
    spec = Spec.of(request.args["spec"])
    seed = keccak(block_hash + spec.spec_id)
    seats = books_at(events, formed.args["epoch"]).get(spec.book_id, [])
    candidates = _candidates(spec, seed, seats, operators_at(events))
    members = _best(
        [(c.key, seat) for c, seat in zip(candidates, seats, strict=True) if c.key is not None],
        spec.k,
    )
    return Replay(
        spec=spec,
        epoch=formed.args["epoch"],
        seed=seed,
        candidates=candidates,
        members=members,
        differences=_differences(request, formed, spec, seed, members),
    )


def first_pick_odds(candidates: Iterable[Candidate]) -> dict[int, Fraction]:
    """Chance of each operator (by index) to be drawn first: its share of the candidates' weight."""
    weights = {c.index: c.weight for c in candidates if c.reason is None}
    total = sum(weights.values())
    return {index: Fraction(weight, total) for index, weight in weights.items()}


def exclusion(spec: Spec, seat: Seat) -> Exclusion | None:
    """Why the spec leaves a seat out; None for a candidate."""
    if not (spec.tiers >> seat.tier) & 1:
        return Exclusion.TIER
    if seat.weight == 0:
        return Exclusion.VACANT
    if seat.price > 1 << spec.band:
        return Exclusion.PRICE
    if spec.region not in (0, seat.region):
        return Exclusion.REGION
    return None


def _fit(spec: Spec, seats: Book) -> list[Seat]:
    return [seat for seat in seats if exclusion(spec, seat) is None]


def _best(keyed: Iterable[tuple[int, Seat]], k: int) -> list[Member]:
    # The sort is stable, so of equal keys the one that the contract reads first stays ahead.
    ranked = sorted(keyed, key=lambda pair: pair[0])
    return [Member(operator=seat.operator, price=seat.price) for _, seat in ranked[:k]]


def _candidates(spec: Spec, seed: bytes, seats: Book, operators: dict[int, str]) -> list[Candidate]:
    found = []
    for seat in seats:
        if seat.weight and seat.operator not in operators:
            raise IncompleteEventsError(f"no registration of operator {seat.operator}")
        reason = exclusion(spec, seat)
        found.append(
            Candidate(
                operator=operators.get(seat.operator),
                index=seat.operator,
                tier=seat.tier,
                seat=seat.number,
                weight=seat.weight,
                price=seat.price,
                key=None if reason else key(uniform(seed, seat.operator), seat.weight),
                reason=reason,
            )
        )
    return found


def _event(events: Iterable[Event], name: str, subnet_id: bytes) -> Event | None:
    found = (e for e in events if e.name == name and e.args["subnet_id"] == subnet_id)
    return next(found, None)


def _differences(
    request: Event, formed: Event, spec: Spec, seed: bytes, members: Sequence[Member]
) -> list[Difference]:
    spec_id = spec.spec_id
    subnet_id = keccak(spec_id + request.args["seed_block"].to_bytes(32, "big"))
    drawn = [half for half in formed.args["members"] if half]
    pairs = {
        "spec_id": (request.args["spec_id"].hex(), spec_id.hex()),
        "subnet_id": (formed.args["subnet_id"].hex(), subnet_id.hex()),
        "seed": (formed.args["seed"].hex(), seed.hex()),
        "members": (str(drawn), str([(m.operator << 96) | m.price for m in members])),
    }
    return [Difference(field, *pair) for field, pair in pairs.items() if pair[0] != pair[1]]
