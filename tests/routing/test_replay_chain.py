# SPDX-License-Identifier: Apache-2.0
"""500 random registries: the replay from events alone draws what the contract drew."""

from __future__ import annotations

from collections import Counter

import boa
import pytest

from offchain_workers.chain.events import Event
from offchain_workers.routing.books import Spec as RoutingSpec
from offchain_workers.routing.books import books_at
from offchain_workers.routing.errors import TooFewCandidatesError
from offchain_workers.routing.replay import Replay, draw, replay
from tests.contracts.parts import Spec, Subnet, block_hash
from tests.contracts.world import World
from tests.routing.registries import Case, Pool

CASES = 500
PARTS = 10
# What a developer waits for; the rest are marked slow.
QUICK_PARTS = 2


@pytest.fixture(scope="module")
def pool() -> Pool:
    return Pool.create()


def move_into_the_epoch(case: Case) -> None:
    """To where the request falls: anywhere, and often in the last blocks of the epoch."""
    world = case.pool.world
    length, lead = world.config.epoch_blocks, world.config.lead_blocks
    target = case.rng.choice(
        [case.rng.randrange(length - lead), length - case.rng.randint(1, lead)]
    )
    world.roll(max(target - world.block % length, 0))


def request(case: Case) -> tuple[Spec, bytes, int]:
    """Books with a past, then a request, then more changes in the same and in the next epoch."""
    world = case.pool.world
    case.open_book()
    case.act(case.rng.randint(0, 5))
    world.next_epoch()
    case.act(case.rng.randint(0, 6))
    move_into_the_epoch(case)
    case.act(case.rng.randint(0, 4))
    spec = case.spec()
    subnet_id = world.request(spec)
    seed_block = world.subnets.seed_block(world.subnets.spec_id_of(spec))
    case.act(case.rng.randint(0, 4))
    world.roll(max(seed_block - world.block, 0))
    case.act(case.rng.randint(0, 6))
    return spec, subnet_id, seed_block


def run(pool: Pool, number: int) -> str:
    """One case from its registry to its replay; says how it ended."""
    with boa.env.anchor(), pool.recorder.running() as events:
        del events[len(pool.registrations) :]
        case = Case.create(pool, number)
        spec, subnet_id, seed_block = request(case)
        try:
            formed = pool.world.form(spec)
        except boa.BoaError:
            check_refusal(pool.world, events, spec, seed_block)
            return "refused"
        found = replay(subnet_id, events, block_hash(seed_block))
        check(found, formed)
        later = any(e.name == "SeatChanged" and e.block_number >= seed_block for e in events)
        return "formed while books changed" if later else "formed"


def check(found: Replay, formed: Subnet) -> None:
    assert found.matches_chain, found.differences
    assert [member.price for member in found.members] == formed.prices
    addresses = {c.index: c.operator for c in found.candidates}
    assert [addresses[m.operator] for m in found.members] == [m.address for m in formed.members]
    by_key = sorted((c for c in found.candidates if c.key is not None), key=lambda c: c.key)
    assert [c.index for c in by_key[: len(found.members)]] == [m.operator for m in found.members]


def check_refusal(world: World, events: list[Event], spec: Spec, seed_block: int) -> None:
    """The contract found too few candidates: so does Python."""
    mine = RoutingSpec(**spec._asdict())
    book = books_at(events, seed_block // world.config.epoch_blocks).get(mine.book_id, [])
    with pytest.raises(TooFewCandidatesError):
        draw(mine, bytes(32), book, spec.k)


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(part, marks=[pytest.mark.slow] if part >= QUICK_PARTS else [])
        for part in range(PARTS)
    ],
)
def test_random_registries_replay_from_their_events(pool: Pool, part: int) -> None:
    ends = Counter(run(pool, number) for number in range(part, CASES, PARTS))
    assert ends.total() == CASES // PARTS
    # The cases must not be trivial.
    assert ends["formed while books changed"] >= 10
    assert ends["refused"] >= 1
