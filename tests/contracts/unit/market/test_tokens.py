# SPDX-License-Identifier: Apache-2.0
"""ERC-20s, good, odd and hostile: escrow is whole, and a bad token harms only its own users."""

from __future__ import annotations

import boa
import pytest
from boa.contracts.vyper.vyper_contract import VyperContract

from tests.contracts import ledger
from tests.contracts.actors import wallet
from tests.contracts.parts import ETHER, OPEN, PAID, REFUNDED, Subnet, by, deploy
from tests.contracts.terms import NATIVE, Terms
from tests.contracts.unit.market.conftest import add_token
from tests.contracts.world import World


def trade(world: World, token: VyperContract) -> tuple[Subnet, Terms]:
    """A subnet and terms of a job that is priced in the token."""
    world.staff(3, token=str(token.address))
    subnet = world.form_subnet(3, token=str(token.address))
    return subnet, world.terms(subnet, token=str(token.address), max_price=2 * 10**15)


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


# ---- tokens that call back ----


@pytest.fixture
def hooked(world: World) -> tuple[VyperContract, VyperContract]:
    """A token with hooks, and a contract that has some and is called before it sends."""
    token = add_token(world, "HookToken")
    buyer = deploy("tests/contracts/mocks/Puppet.vy")
    world.accounts.add(str(buyer.address))
    token.mint(buyer.address, ETHER)
    token.mark(buyer.address)
    approve = token.approve.prepare_calldata(world.market.address, 2**256 - 1)
    buyer.make_call(token.address, approve)
    coins = 10**17
    with by("requester"):
        data = world.market.deposit.prepare_calldata(NATIVE, coins)
        buyer.make_call(world.market.address, data, value=coins)
        world.market.deposit(token.address, ETHER)
    return token, buyer


def test_a_deposit_inside_a_deposit_is_not_counted_twice(
    world: World, hooked: tuple[VyperContract, VyperContract]
) -> None:
    token, buyer = hooked
    data = world.market.deposit.prepare_calldata(str(token.address), 1_000)
    buyer.add_call(world.market.address, data)
    buyer.make_call(world.market.address, data)
    assert not buyer.worked(0)
    assert world.market.balance_of(token.address, buyer.address) == 1_000


def test_a_post_inside_a_deposit_cannot_use_the_same_coins(
    world: World, hooked: tuple[VyperContract, VyperContract]
) -> None:
    token, buyer = hooked
    _, terms = trade(world, token)
    terms = terms.with_(requester=str(buyer.address))
    buyer.add_call(world.market.address, world.market.post.prepare_calldata(terms.abi, b""))
    data = world.market.deposit.prepare_calldata(str(token.address), terms.max_price)
    with boa.reverts("token keeps a part"):
        buyer.make_call(world.market.address, data)
    assert world.job(terms).status == 0
    assert world.market.balance_of(token.address, buyer.address) == 0


def test_a_deposit_or_withdrawal_inside_a_post_voids_the_post(
    world: World, hooked: tuple[VyperContract, VyperContract]
) -> None:
    token, buyer = hooked
    _, terms = trade(world, token)
    terms = terms.with_(requester=str(buyer.address))
    market = world.market
    make = market.post.prepare_calldata(terms.abi, b"")
    other = market.post.prepare_calldata(terms.with_(salt=b"\1" * 32).abi, b"")
    deposit = market.deposit.prepare_calldata(str(token.address), terms.max_price)
    for inner in (deposit, other):
        with boa.env.anchor():
            buyer.add_call(market.address, inner)
            with boa.reverts("token keeps a part"):
                buyer.make_call(market.address, make)
    assert world.job(terms).status == 0
    buyer.add_call(market.address, make)
    buyer.make_call(market.address, make)
    assert not buyer.worked(0)
    world.posted[world.domain.job_id(terms)] = terms
    assert world.job(terms).status == OPEN


def test_a_withdrawal_inside_a_post_pays_for_nothing(
    world: World, hooked: tuple[VyperContract, VyperContract]
) -> None:
    """The operator is the buyer's accomplice: it delivers inside the post and takes the price out
    before it was paid in."""
    token, buyer = hooked
    _, terms = trade(world, token)
    accomplice = deploy("tests/contracts/mocks/Puppet.vy")
    market = world.market
    register = world.subnets.register.prepare_calldata(b"\1" * 32, "")
    with by("requester"):
        accomplice.make_call(world.subnets.address, register, value=10 * ETHER)
    opt_in = world.subnets.opt_in.prepare_calldata(terms.selector)
    accomplice.make_call(world.subnets.address, opt_in)
    args = (world.model_id, terms.selector, str(token.address), 2, 0, 10**15, 0)
    offer = world.subnets.offer.prepare_calldata(*args)
    accomplice.make_call(world.subnets.address, offer)
    world.next_epoch()
    spec = world.spec(1, token=str(token.address), tiers=4)
    world.request(spec)
    world.roll(2)
    with by("keeper"):
        subnet_id = world.subnets.form(spec)
    terms = terms.with_(
        requester=str(buyer.address), subnet_id=subnet_id, deliver_by=world.now + 60
    )
    deliver = market.deliver.prepare_calldata(terms.abi, b"")
    take = market.withdraw.prepare_calldata(str(token.address), 10**14, str(accomplice.address))
    buyer.add_call(
        accomplice.address, accomplice.make_call.prepare_calldata(market.address, deliver)
    )
    buyer.add_call(accomplice.address, accomplice.make_call.prepare_calldata(market.address, take))
    with boa.reverts("token keeps a part"):
        buyer.make_call(market.address, market.post.prepare_calldata(terms.abi, b""))
    assert world.job(terms).status == 0
    assert token.balanceOf(accomplice.address) == 0
    _stake_of(world, accomplice)


def _stake_of(world: World, accomplice: VyperContract) -> None:
    """The sums at the end of the test count wallets: this operator is a contract."""
    record = world.subnets.operators(accomplice.address)
    assert record.stake == 10 * ETHER
    world.operators.append(accomplice)
