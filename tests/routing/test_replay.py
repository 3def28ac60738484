# SPDX-License-Identifier: Apache-2.0
"""The replay on written-out events: what it says of each seat, and that no false draw passes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_utils.crypto import keccak

from offchain_workers.chain.events import Event
from offchain_workers.routing.books import Seat, Spec, books_at
from offchain_workers.routing.errors import (
    IncompleteEventsError,
    NotFormedError,
    RoutingError,
    TooFewCandidatesError,
    UnknownSubnetError,
)
from offchain_workers.routing.replay import Exclusion, Replay, draw, replay

SPEC = Spec(b"\x01" * 32, b"\x02" * 4, "0x" + "03" * 20, tiers=3, region=7, band=10, k=2)
EPOCH, SEED_BLOCK = 20, 2_050
BLOCK_HASH = b"\x0b" * 32
SUBNET_ID = keccak(SPEC.spec_id + SEED_BLOCK.to_bytes(32, "big"))
SEED = keccak(BLOCK_HASH + SPEC.spec_id)


def event(name: str, **args: Any) -> Event:
    return Event(1, bytes(32), 0, bytes(32), "0x" + "0a" * 20, name, args)


def seat_changed(
    tier: int,
    seat: int,
    operator: int,
    *,
    price: int = 5,
    weight: int = 10**9,
    region: int = 7,
    since: int = EPOCH,
) -> Event:
    word = operator << 224 | price << 128 | weight << 64 | region << 56 | since
    return event("SeatChanged", book_id=SPEC.book_id, tier=tier, seat=seat, word=word)


def address(index: int) -> str:
    return f"0x{index:040x}"


REGISTRATIONS = [event("OperatorRegistered", operator=address(i), index=i) for i in range(1, 9)]
SEATS = [
    seat_changed(0, 0, 1),
    seat_changed(0, 1, 2, price=1_024, weight=3 * 10**9),
    seat_changed(0, 2, 3, price=1_025),
    seat_changed(0, 3, 0, price=0, weight=0, region=0),
    seat_changed(1, 0, 4),
    seat_changed(1, 1, 5, region=0),
    seat_changed(2, 0, 6),
    # Written in the running epoch: not yet in force.
    seat_changed(0, 0, 7, since=EPOCH + 1),
    seat_changed(1, 2, 8, since=EPOCH + 1),
]


def drawn_by_hand() -> list[int]:
    """The members as SubnetFormed has them."""
    members = draw(SPEC, SEED, books_at(SEATS, EPOCH)[SPEC.book_id], SPEC.k)
    return [m.operator << 96 | m.price for m in members] + [0] * 6


REQUESTED = event(
    "SubnetRequested",
    subnet_id=SUBNET_ID,
    spec_id=SPEC.spec_id,
    spec=dict(SPEC.__dict__),
    seed_block=SEED_BLOCK,
)
FORMED = event(
    "SubnetFormed",
    subnet_id=SUBNET_ID,
    spec_id=SPEC.spec_id,
    seed=SEED,
    epoch=EPOCH,
    expires=1,
    members=drawn_by_hand(),
)
EVENTS = [*REGISTRATIONS, *SEATS, REQUESTED, FORMED]


def changed(original: Event, **args: Any) -> list[Event]:
    """All events, with one told otherwise."""
    other = replace(original, args={**original.args, **args})
    return [other if e is original else e for e in EVENTS]


def fields(found: Replay) -> list[str]:
    return [difference.field for difference in found.differences]


def test_an_honest_draw_matches() -> None:
    found = replay(SUBNET_ID, EVENTS, BLOCK_HASH)
    assert found.matches_chain
    assert (found.spec, found.epoch, found.seed) == (SPEC, EPOCH, SEED)
    assert [m.operator << 96 | m.price for m in found.members] == FORMED.args["members"][:2]


def test_every_seat_is_accounted_for() -> None:
    found = replay(SUBNET_ID, EVENTS, BLOCK_HASH)
    assert [(c.operator, c.reason) for c in found.candidates] == [
        (address(1), None),
        (address(2), None),
        (address(3), Exclusion.PRICE),
        (None, Exclusion.VACANT),
        (address(4), None),
        (address(5), Exclusion.REGION),
        (address(6), Exclusion.TIER),
    ]
    assert all((c.key is None) == (c.reason is not None) for c in found.candidates)
    assert [str(code) for code in Exclusion] == ["tier", "vacant", "price", "region"]


def test_the_latest_word_before_the_epoch_is_in_force() -> None:
    words = [seat_changed(0, 0, 1, price=p, since=s) for p, s in ((1, 3), (2, 5), (3, 5), (4, 9))]
    epochs = (2, 3, 4, 5, 8, 9)
    books = [books_at(words, epoch).get(SPEC.book_id, []) for epoch in epochs]
    assert [[seat.price for seat in book] for book in books] == [[], [1], [1], [3], [3], [4]]


def test_seats_come_in_the_contracts_order_whatever_was_written_first() -> None:
    found = books_at(reversed(SEATS[:7]), EPOCH)[SPEC.book_id]
    assert [(seat.tier, seat.number) for seat in found] == sorted(
        (seat.tier, seat.number) for seat in found
    )


def test_of_equal_keys_the_first_seat_wins() -> None:
    """Same operator number, weight and seed: the keys are equal, the prices tell them apart."""
    seats = [Seat(tier, 0, 1, tier + 1, 10**9, 7, 1) for tier in (0, 1)]
    assert [m.price for m in draw(SPEC, SEED, seats, 2)] == [1, 2]


@pytest.mark.parametrize(
    "members",
    [
        [*reversed(FORMED.args["members"][:2]), *[0] * 6],
        [4 << 96 | 6, *FORMED.args["members"][1:]],
        [*FORMED.args["members"][:1], *[0] * 7],
    ],
    ids=["another order", "another price", "one left out"],
)
def test_a_false_draw_is_found(members: list[int]) -> None:
    found = replay(SUBNET_ID, changed(FORMED, members=members), BLOCK_HASH)
    assert fields(found) == ["members"]
    assert not found.matches_chain


def test_another_blocks_hash_is_found() -> None:
    assert "seed" in fields(replay(SUBNET_ID, EVENTS, b"\x0c" * 32))


def test_a_false_seed_is_found() -> None:
    found = replay(SUBNET_ID, changed(FORMED, seed=bytes(32)), BLOCK_HASH)
    assert fields(found) == ["seed"]


def test_an_id_that_names_another_seed_block_is_found() -> None:
    found = replay(SUBNET_ID, changed(REQUESTED, seed_block=SEED_BLOCK - 1), BLOCK_HASH)
    assert fields(found) == ["subnet_id"]


def test_a_spec_that_is_not_the_one_hashed_is_found() -> None:
    other = dict(SPEC.__dict__) | {"band": 11}
    assert "spec_id" in fields(replay(SUBNET_ID, changed(REQUESTED, spec=other), BLOCK_HASH))


def test_a_missing_seat_is_found_when_its_holder_was_drawn() -> None:
    first = FORMED.args["members"][0] >> 96
    events = [e for e in EVENTS if e.name != "SeatChanged" or e.args["word"] >> 224 != first]
    assert fields(replay(SUBNET_ID, events, BLOCK_HASH)) == ["members"]


@pytest.mark.parametrize(
    ("missing", "error", "code"),
    [
        ("SubnetRequested", UnknownSubnetError, "MN-ROUTE-001"),
        ("SubnetFormed", NotFormedError, "MN-ROUTE-002"),
        ("OperatorRegistered", IncompleteEventsError, "MN-ROUTE-004"),
    ],
)
def test_missing_events_are_named(missing: str, error: type[RoutingError], code: str) -> None:
    with pytest.raises(error) as caught:
        replay(SUBNET_ID, [e for e in EVENTS if e.name != missing], BLOCK_HASH)
    assert caught.value.code == code


def test_too_few_candidates_are_an_error() -> None:
    with pytest.raises(TooFewCandidatesError, match="MN-ROUTE-003: 3 seats match"):
        draw(SPEC, SEED, books_at(SEATS, EPOCH)[SPEC.book_id], 4)
