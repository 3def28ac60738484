# SPDX-License-Identifier: Apache-2.0
"""The books of offers, rebuilt from the events of SubnetRegistry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from offchain_workers.chain.events import Event

_SPEC_TYPES = ("bytes32", "bytes4", "address", "uint256", "uint256", "uint256", "uint256")


@dataclass(frozen=True)
class Spec:
    """A class of jobs, as in ISubnetRegistry: ``tiers`` is a bit mask, ``region`` 0 means any, a
    price per item is at most ``2**band`` base units of ``token``."""

    model_id: bytes
    selector: bytes
    token: str
    tiers: int
    region: int
    band: int
    k: int

    @classmethod
    def of(cls, args: Mapping[str, Any]) -> Spec:
        """From a decoded struct."""
        return cls(**{field: args[field] for field in cls.__dataclass_fields__})

    @property
    def spec_id(self) -> bytes:
        values = [getattr(self, field) for field in self.__dataclass_fields__]
        return keccak(encode(_SPEC_TYPES, values))

    @property
    def book_id(self) -> bytes:
        return keccak(encode(_SPEC_TYPES[:3], [self.model_id, self.selector, self.token]))


@dataclass(frozen=True)
class Seat:
    """One seat of a book. ``operator`` is the operator's index; ``weight`` in gwei, 0 = vacant."""

    tier: int
    number: int
    operator: int
    price: int
    weight: int
    region: int
    since: int

    @classmethod
    def of(cls, args: Mapping[str, Any]) -> Seat:
        """From a decoded SeatChanged."""
        word: int = args["word"]
        return cls(
            tier=args["tier"],
            number=args["seat"],
            operator=word >> 224,
            price=(word >> 128) & (2**96 - 1),
            weight=(word >> 64) & (2**64 - 1),
            region=(word >> 56) & 255,
            since=word & (2**56 - 1),
        )


Book = Sequence[Seat]


def books_at(events: Iterable[Event], epoch: int) -> dict[bytes, Book]:
    """Every book in force in an epoch, by book id, its seats in the order the contract reads them.

    A seat's word in force is the latest one written before the epoch began.
    ``events`` are in log order; those that are not SeatChanged are skipped.
    """
    books: dict[bytes, dict[tuple[int, int], Seat]] = {}
    for event in events:
        if event.name != "SeatChanged":
            continue
        seat = Seat.of(event.args)
        if seat.since <= epoch:
            books.setdefault(event.args["book_id"], {})[seat.tier, seat.number] = seat
    return {book_id: [seats[at] for at in sorted(seats)] for book_id, seats in books.items()}


def operators_at(events: Iterable[Event]) -> dict[int, str]:
    """Address of each registered operator, by index."""
    return {
        event.args["index"]: event.args["operator"]
        for event in events
        if event.name == "OperatorRegistered"
    }
