# SPDX-License-Identifier: Apache-2.0
"""ERC-20s, good, odd and hostile: escrow is whole, and a bad token harms only its own users."""

from __future__ import annotations

import boa
import pytest
from boa.contracts.vyper.vyper_contract import VyperContract

from tests.contracts import ledger
from tests.contracts.actors import wallet
from tests.contracts.parts import ETHER, PAID, REFUNDED, by, deploy
from tests.contracts.terms import NATIVE
from tests.contracts.unit.market.conftest import add_token, trade
from tests.contracts.world import World


@pytest.mark.parametrize("name", ["PlainToken", "SilentToken", "BlacklistToken", "HookToken"])
def test_a_job_in_a_token_from_post_to_withdrawal(world: World, name: str) -> None:
    token = add_token(world, name)
    subnet, terms = trade(world, token)
    world.post(terms)
    assert token.balanceOf(world.market.address) == terms.max_price
    assert ledger.held(world) == world.config.keeper_tip
    world.deliver(terms, subnet.members[0])
    price = 10**15
    fee, royalty = price * 250 // 10_000, price * 500 // 10_000
    operator = subnet.members[0].address
    coin = str(token.address)
    assert world.market.balance_of(coin, operator) == price - fee - royalty
    assert world.market.balance_of(NATIVE, operator) == world.config.keeper_tip
    assert world.balance("publisher", coin) == royalty
    assert world.balance("requester", coin) == price
    with boa.env.prank(operator):
        world.market.withdraw(coin, price - fee - royalty, operator)
    with by("owner"):
        world.market.collect_fees(coin, wallet("owner").address)
    assert token.balanceOf(operator) == price - fee - royalty
    assert token.balanceOf(wallet("owner").address) == fee


def test_an_expired_job_gives_token_and_tip_back(world: World, token: VyperContract) -> None:
    _, terms = trade(world, token)
    world.post(terms)
    world.warp(terms.deliver_by + 1)
    world.refund(terms, by="requester")
    assert world.balance("requester", str(token.address)) == terms.max_price
    assert world.balance("requester") == world.config.keeper_tip


def test_a_post_takes_the_balance_first_and_the_wallet_for_the_rest(
    world: World, token: VyperContract
) -> None:
    _, terms = trade(world, token)
    with by("requester"):
        world.market.deposit(token.address, terms.max_price + 10)
    wallet_before = token.balanceOf(terms.requester)
    world.post(terms)
    assert token.balanceOf(terms.requester) == wallet_before
    assert world.balance("requester", str(token.address)) == 10
    world.post(terms.with_(salt=b"\2" * 32))
    assert token.balanceOf(terms.requester) == wallet_before - terms.max_price + 10
    assert world.balance("requester", str(token.address)) == 0


def test_a_post_in_a_token_needs_the_tip_in_coins(world: World, token: VyperContract) -> None:
    _, terms = trade(world, token)
    for value, reason in ((0, "balance too low"), (10**14 + 1, "value above what is due")):
        with boa.reverts(reason):
            world.post(terms, value=value)


def test_without_approval_or_funds_there_is_no_post(world: World, token: VyperContract) -> None:
    _, terms = trade(world, token)
    with by("requester"):
        token.approve(world.market.address, terms.max_price - 1)
    with boa.reverts():
        world.post(terms)
    assert world.job(terms).status == 0


def test_a_token_that_keeps_a_part_is_refused(world: World) -> None:
    token = add_token(world, "FeeToken")
    _, terms = trade(world, token)
    with boa.reverts("token keeps a part"):
        world.post(terms)
    with by("requester"), boa.reverts("token keeps a part"):
        world.market.deposit(token.address, 1_000)
    assert world.job(terms).status == 0


def test_a_token_that_returns_false_is_not_believed(world: World) -> None:
    token = add_token(world, "FalseToken")
    _, terms = trade(world, token)
    with boa.reverts("transfer"):
        world.post(terms)
    token.set_works(True)
    world.post(terms)
    token.set_works(False)
    world.warp(terms.deliver_by + 1)
    world.refund(terms)
    with by("requester"):
        with boa.reverts("transfer"):
            world.market.withdraw(token.address, 1, terms.requester)
        token.set_works(True)
        world.market.withdraw(token.address, terms.max_price, terms.requester)


@pytest.mark.parametrize("step", [0, 1, 2 * 10**15 - 1, 2 * 10**15 + 1, 2**255])
def test_a_lying_token_gets_no_credit_it_does_not_claim(world: World, step: int) -> None:
    token = deploy("tests/contracts/mocks/LyingToken.vy")
    token.set_step(step)
    _, terms = trade(world, token)
    with boa.reverts("token keeps a part"):
        world.post(terms)


def test_a_lying_token_buys_nothing_but_itself(world: World, token: VyperContract) -> None:
    liar = deploy("tests/contracts/mocks/LyingToken.vy")
    liar.set_step(2 * 10**15)
    subnet, terms = trade(world, liar)
    with by("requester"):
        world.market.deposit(token.address, ETHER)
        world.market.deposit(NATIVE, ETHER, value=ETHER)
    world.post(terms)
    world.deliver(terms, subnet.members[0])
    with boa.env.prank(subnet.members[0].address):
        for coin in (str(token.address), NATIVE):
            with boa.reverts("balance too low"):
                world.market.withdraw(coin, 10**15 - 1, subnet.members[0].address)
    ledger.check(world)


def test_an_address_without_code_is_no_token(world: World) -> None:
    ghost = "0x" + "44" * 20
    with by("requester"), boa.reverts():
        world.market.deposit(ghost, 1)
    with by("requester"), boa.reverts():
        world.market.withdraw(ghost, 0, ghost)


def test_a_barred_payee_holds_up_only_itself(world: World) -> None:
    token = add_token(world, "BlacklistToken")
    subnet, terms = trade(world, token)
    world.post(terms)
    operator, publisher = subnet.members[0].address, wallet("publisher").address
    token.mark(operator)
    token.mark(terms.requester)
    world.deliver(terms, subnet.members[0])
    assert world.job(terms).status == PAID
    coin = str(token.address)
    owed = world.market.balance_of(coin, operator)
    with boa.env.prank(operator):
        with boa.reverts():
            world.market.withdraw(coin, owed, operator)
        assert world.market.balance_of(coin, operator) == owed
        world.market.withdraw(coin, owed, wallet("keeper").address)
    with by("publisher"):
        world.market.withdraw(coin, world.balance("publisher", coin), publisher)


def test_a_barred_requester_is_refunded_into_its_balance(world: World) -> None:
    token = add_token(world, "BlacklistToken")
    _, terms = trade(world, token)
    world.post(terms)
    token.mark(terms.requester)
    world.warp(terms.deliver_by + 1)
    world.refund(terms)
    assert world.job(terms).status == REFUNDED
    assert world.balance("requester", str(token.address)) == terms.max_price
