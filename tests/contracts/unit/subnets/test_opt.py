# SPDX-License-Identifier: Apache-2.0
"""SubnetRegistry: opt_in, opt_out."""

from __future__ import annotations

import boa
import pytest
from eth_account.signers.local import LocalAccount

from tests.contracts.actors import wallet
from tests.contracts.parts import NONE
from tests.contracts.world import World


@pytest.fixture
def operator(empty_world: World) -> LocalAccount:
    return empty_world.add_operator("operator")


def test_opting_in_names_the_plugin_of_the_markets_table(
    empty_world: World, operator: LocalAccount
) -> None:
    plugin = boa.env.generate_address("plugin")
    selector = empty_world.add_method("method", plugin)
    empty_world.subnets.opt_in(selector, sender=operator.address)
    empty_world.subnets.opt_in(NONE, sender=operator.address)
    assert empty_world.subnets.opted_in(operator.address, plugin) == 1
    assert empty_world.subnets.opted_in(operator.address, empty_world.market.address) == 1


def test_a_contract_outside_the_table_gets_no_consent(
    empty_world: World, operator: LocalAccount
) -> None:
    with boa.reverts("unknown method"):
        empty_world.subnets.opt_in(b"\x01\x02\x03\x04", sender=operator.address)
    with boa.reverts("not opted in"):
        empty_world.subnets.lock(bytes(32), operator.address, 1, sender=operator.address)


def test_a_stranger_can_not_opt_in(empty_world: World) -> None:
    with boa.reverts("not registered"):
        empty_world.subnets.opt_in(NONE, sender=wallet("keeper").address)


def test_opting_out_bars_new_locks_and_keeps_old_ones(
    empty_world: World, operator: LocalAccount
) -> None:
    plugin = boa.env.generate_address("plugin")
    selector = empty_world.add_method("method", plugin)
    empty_world.subnets.opt_in(selector, sender=operator.address)
    empty_world.subnets.lock(b"\x01" * 32, operator.address, 10, sender=plugin)
    empty_world.subnets.opt_out(selector, sender=operator.address)
    with boa.reverts("not opted in"):
        empty_world.subnets.lock(b"\x02" * 32, operator.address, 1, sender=plugin)
    empty_world.subnets.slash(b"\x01" * 32, 5, wallet("challenger").address, sender=plugin)
    assert empty_world.subnets.credit(wallet("challenger").address) == 5


@pytest.mark.parametrize("selector", [NONE, b"\x01\x02\x03\x04"], ids=["known", "unknown"])
def test_who_is_not_in_can_not_opt_out(
    empty_world: World, operator: LocalAccount, selector: bytes
) -> None:
    with boa.reverts("not opted in"):
        empty_world.subnets.opt_out(selector, sender=operator.address)
