# SPDX-License-Identifier: Apache-2.0
"""Reads and moves around books that several tests share."""

from __future__ import annotations

from eth_account.signers.local import LocalAccount

from offchain_workers.routing.books import Seat
from tests.contracts.parts import ETHER, NONE
from tests.contracts.terms import NATIVE
from tests.contracts.world import World

TIER = 1  # where World.offer puts an offer unless told otherwise
SEATS = 32


def book_id(world: World, selector: bytes = NONE, token: str = NATIVE) -> bytes:
    """The book of the world's model."""
    found: bytes = world.subnets.book_id_of(world.model_id, selector, token)
    return found


def seat(world: World, number: int, tier: int = TIER) -> Seat:
    """A seat of the book under `none` as latest written, in force or not."""
    row = world.subnets.row_of(book_id(world), tier)
    return Seat.of({"tier": tier, "seat": number, "word": world.subnets.seats(row, number)})


def seat_of(world: World, operator: LocalAccount) -> int | None:
    """Number of the operator's seat in the book under `none`, None without an offer."""
    place = world.subnets.offer_seat(operator.address, book_id(world))
    return (place & 255) if place else None


def fill(world: World, tier: int = TIER) -> list[LocalAccount]:
    """A full row: seat i to an operator with 10 + i ether."""
    found = [world.add_operator(f"seat {tier} {i}", (10 + i) * ETHER) for i in range(SEATS)]
    for operator in found:
        world.offer(operator, tier=tier)
    return found
