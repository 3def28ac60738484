# SPDX-License-Identifier: Apache-2.0
"""SubnetRegistry: withdraw_credit, burn."""

from __future__ import annotations

import boa
import pytest
from eth.exceptions import Revert

from tests.contracts.actors import wallet
from tests.contracts.parts import ETHER
from tests.contracts.world import World

DEAD = "0x000000000000000000000000000000000000dEaD"


@pytest.fixture
def earned(world: World) -> World:
    """The keeper has one tip, and an ether waits to be burnt."""
    spec = world.spec()
    world.request(spec)
    world.form(spec)
    plugin = boa.env.generate_address("plugin")
    operator = world.operators[0].address
    world.subnets.opt_in(world.add_method("method", plugin), sender=operator)
    world.subnets.lock(bytes(32), operator, ETHER, sender=plugin)
    world.subnets.slash(bytes(32), 0, plugin, sender=plugin)
    return world


def test_credit_is_withdrawn_once_to_wherever(earned: World) -> None:
    keeper, heir = wallet("keeper").address, boa.env.generate_address("heir")
    earned.subnets.withdraw_credit(heir, sender=keeper)
    assert boa.env.get_balance(heir) == earned.config.formation_tip
    with boa.reverts("no credit"):
        earned.subnets.withdraw_credit(heir, sender=keeper)


def test_who_earned_nothing_withdraws_nothing(earned: World) -> None:
    with boa.reverts("no credit"):
        earned.subnets.withdraw_credit(DEAD, sender=wallet("challenger").address)


def test_a_recipient_that_refuses_coins_costs_nothing(earned: World) -> None:
    keeper = wallet("keeper").address
    with boa.reverts():
        earned.subnets.withdraw_credit(earned.models.address, sender=keeper)
    assert earned.subnets.credit(keeper) == earned.config.formation_tip


def test_anyone_burns_what_was_slashed(earned: World) -> None:
    before = boa.env.get_balance(DEAD)
    earned.subnets.burn(sender=wallet("challenger").address)
    assert boa.env.get_balance(DEAD) == before + ETHER
    assert earned.subnets.to_burn() == 0


def test_burning_again_touches_no_other_coin(earned: World) -> None:
    for _ in range(2):
        earned.subnets.burn(sender=wallet("challenger").address)
    assert boa.env.get_balance(earned.subnets.address) == 29 * ETHER + 10**15


def test_coins_sent_without_a_call_are_refused(earned: World) -> None:
    with pytest.raises(Revert):
        boa.env.raw_call(earned.subnets.address, sender=wallet("keeper").address, value=1)
