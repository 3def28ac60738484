# SPDX-License-Identifier: Apache-2.0
"""SubnetRegistry: reputation only falls, by slashes, and heals with time."""

from __future__ import annotations

from typing import NamedTuple

import boa
import pytest

from tests.contracts.parts import ETHER
from tests.contracts.unit.subnets.books import book_id, seat
from tests.contracts.world import World

DAY = 86_400
JOB = b"\x01" * 32


class Sinner(NamedTuple):
    """An operator with 10 ether and an offer, and the plug-in that can slash it."""

    world: World
    address: str
    plugin: str

    def slash(self, amount: int = 1) -> None:
        self.world.subnets.lock(JOB, self.address, amount, sender=self.plugin)
        self.world.subnets.slash(JOB, 0, self.plugin, sender=self.plugin)

    @property
    def penalty(self) -> int:
        return int(self.world.subnets.penalty_of(self.address))


@pytest.fixture
def sinner(world: World) -> Sinner:
    address, plugin = world.operators[0].address, str(boa.env.generate_address("plugin"))
    world.subnets.opt_in(world.add_method("method", plugin), sender=address)
    return Sinner(world, address, plugin)


def test_nobody_begins_with_a_penalty(sinner: Sinner) -> None:
    assert sinner.penalty == 0


def test_a_fault_costs_a_fifth_whatever_its_size(sinner: Sinner) -> None:
    sinner.slash(1)
    assert sinner.penalty == 2_000
    sinner.slash(ETHER)
    assert sinner.penalty == 4_000


def test_the_penalty_never_takes_all(sinner: Sinner) -> None:
    for _ in range(7):
        sinner.slash()
    assert sinner.penalty == 9_000


def test_a_full_loss_heals_in_ninety_days_and_one_fault_in_eighteen(sinner: Sinner) -> None:
    sinner.slash()
    start = sinner.world.now
    for days, left in ((0, 2_000), (9, 1_000), (18, 0), (1_000, 0)):
        sinner.world.warp(start + days * DAY)
        assert sinner.penalty == left


def test_a_new_fault_adds_to_what_has_not_healed(sinner: Sinner) -> None:
    sinner.slash()
    start = sinner.world.now
    sinner.world.warp(start + 9 * DAY)
    sinner.slash()
    assert sinner.penalty == 3_000
    sinner.world.warp(start + 18 * DAY)
    assert sinner.penalty == 2_000


def test_locks_that_end_well_move_nothing(sinner: Sinner) -> None:
    sinner.slash()
    for _ in range(5):
        sinner.world.subnets.lock(JOB, sinner.address, ETHER, sender=sinner.plugin)
        sinner.world.subnets.unlock(JOB, sender=sinner.plugin)
    assert sinner.penalty == 2_000


def test_the_seat_feels_it_once_synced_and_feels_the_healing_once_synced(sinner: Sinner) -> None:
    world = sinner.world
    sinner.slash(10**9)
    assert seat(world, 0).weight == 10**10
    world.subnets.sync(sinner.address, book_id(world))
    weight = (10 * ETHER - 10**9) * 8_000 // 10_000 // 10**9
    assert seat(world, 0).weight == weight
    world.warp(world.now + 18 * DAY)
    assert seat(world, 0).weight == weight
    world.subnets.sync(sinner.address, book_id(world))
    assert seat(world, 0).weight == 10**10 - 1


def test_more_stake_does_not_buy_the_penalty_away(sinner: Sinner) -> None:
    sinner.slash()
    sinner.world.subnets.add_stake(sinner.address, value=90 * ETHER, sender=sinner.address)
    assert sinner.penalty == 2_000
    sinner.world.subnets.sync(sinner.address, book_id(sinner.world))
    assert seat(sinner.world, 0).weight == (100 * ETHER - 1) * 8_000 // 10_000 // 10**9


def test_opting_out_or_leaving_a_book_does_not_reset_it(sinner: Sinner) -> None:
    sinner.slash()
    sinner.world.subnets.end_offer(book_id(sinner.world), sender=sinner.address)
    sinner.world.subnets.unbond(10 * ETHER - 1, sender=sinner.address)
    with boa.reverts("already registered"):
        sinner.world.subnets.register(bytes(32), "", sender=sinner.address)
    assert sinner.penalty == 2_000
