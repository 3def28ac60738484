# SPDX-License-Identifier: Apache-2.0
"""`deposit` and `withdraw`: pull payments that only their owner can spoil."""

from __future__ import annotations

import boa
import pytest
from boa.contracts.vyper.vyper_contract import VyperContract
from eth.exceptions import Revert

from tests.contracts import ledger
from tests.contracts.actors import wallet
from tests.contracts.parts import ETHER, Subnet, by, deploy
from tests.contracts.terms import NATIVE
from tests.contracts.world import World


def test_coins_go_in_and_out(world: World) -> None:
    target = "0x" + "33" * 20
    with by("requester"):
        world.market.deposit(NATIVE, ETHER, value=ETHER)
        world.market.withdraw(NATIVE, ETHER // 4, target)
    assert boa.env.get_balance(target) == ETHER // 4
    assert world.balance("requester") == ETHER * 3 // 4
    assert ledger.held(world) == ETHER * 3 // 4


@pytest.mark.parametrize(("amount", "value"), [(2, 1), (0, 1), (1, 0), (2**128 - 1, 1)])
def test_a_deposit_is_what_was_sent(world: World, amount: int, value: int) -> None:
    with by("requester"), boa.reverts("value"):
        world.market.deposit(NATIVE, amount, value=value)


def test_no_deposit_is_so_large_that_a_sum_could_overflow(world: World) -> None:
    for amount in (2**128, 2**256 - 1):
        with by("requester"), boa.reverts("amount"):
            world.market.deposit(NATIVE, amount, value=1)


def test_no_coins_come_with_a_token(world: World, token: VyperContract) -> None:
    with by("requester"), boa.reverts("value"):
        world.market.deposit(token.address, 1, value=1)


def test_nobody_withdraws_more_than_it_has(world: World, token: VyperContract) -> None:
    with by("publisher"):
        world.market.deposit(NATIVE, ETHER, value=ETHER)
    with by("requester"):
        world.market.deposit(token.address, 5, value=0)
        for coin, amount in ((NATIVE, 1), (token.address, 6), (NATIVE, 2**256 - 1)):
            with boa.reverts("balance too low"):
                world.market.withdraw(coin, amount, wallet("requester").address)
        world.market.withdraw(token.address, 5, wallet("requester").address)


def test_coins_are_not_taken_outside_the_functions(world: World) -> None:
    with pytest.raises(Revert):
        boa.env.raw_call(world.market.address, sender=wallet("requester").address, value=1)


def test_a_refusing_payee_holds_up_only_itself(world: World, subnet: Subnet) -> None:
    refuser = deploy("tests/contracts/mocks/RevertingConsumer.vy", False)
    terms = world.terms(subnet, max_price=2 * 10**15)
    world.post(terms)
    world.deliver(terms, subnet.members[0])
    before = world.balance("requester")
    with by("requester"):
        with boa.reverts():
            world.market.withdraw(NATIVE, before, refuser.address)
        assert world.balance("requester") == before
        world.market.withdraw(NATIVE, before, terms.requester)
    with boa.env.prank(subnet.members[0].address):
        world.market.withdraw(NATIVE, 1, subnet.members[0].address)


def test_a_payee_cannot_withdraw_again_while_it_is_paid(world: World) -> None:
    thief = deploy("tests/contracts/mocks/Puppet.vy")
    world.accounts.add(str(thief.address))
    with by("publisher"):
        world.market.deposit(NATIVE, 10 * ETHER, value=10 * ETHER)
    deposit = world.market.deposit.prepare_calldata(NATIVE, ETHER)
    with by("requester"):
        thief.make_call(world.market.address, deposit, value=ETHER)
    withdraw = world.market.withdraw.prepare_calldata(NATIVE, ETHER, str(thief.address))
    collect = world.market.collect_fees.prepare_calldata(NATIVE, str(thief.address))
    for data in (withdraw, deposit, collect):
        thief.add_call(world.market.address, data)
    thief.make_call(world.market.address, withdraw)
    assert [thief.worked(i) for i in range(3)] == [False] * 3
    assert boa.env.get_balance(thief.address) == ETHER
    assert ledger.held(world) == 10 * ETHER


def test_a_payee_may_post_while_it_is_paid(world: World, subnet: Subnet) -> None:
    buyer = deploy("tests/contracts/mocks/Puppet.vy")
    world.accounts.add(str(buyer.address))
    terms = world.terms(subnet, requester=str(buyer.address))
    amount = 2 * world.due(terms)
    with by("requester"):
        data = world.market.deposit.prepare_calldata(NATIVE, amount)
        buyer.make_call(world.market.address, data, value=amount)
    buyer.add_call(world.market.address, world.market.post.prepare_calldata(terms.abi, b""))
    take = world.market.withdraw.prepare_calldata(NATIVE, amount // 2, str(buyer.address))
    buyer.make_call(world.market.address, take)
    world.posted[world.domain.job_id(terms)] = terms
    assert buyer.worked(0)
    assert world.market.balance_of(NATIVE, buyer.address) == 0
    assert ledger.held(world) == amount // 2
    # What it posted with is gone: the other half was withdrawn.
    buyer.add_call(
        world.market.address,
        world.market.post.prepare_calldata(terms.with_(salt=b"\1" * 32).abi, b""),
    )
    with boa.reverts():
        buyer.make_call(world.market.address, take)


def test_coins_forced_in_are_nobodys_and_break_nothing(world: World, subnet: Subnet) -> None:
    boa.env.set_balance(world.market.address, 7)
    terms = world.terms(subnet)
    world.post(terms)
    world.deliver(terms, subnet.members[0])
    assert ledger.held(world) == ledger.owed(world) + 7
    boa.env.set_balance(world.market.address, ledger.owed(world))
