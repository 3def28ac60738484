# SPDX-License-Identifier: Apache-2.0
"""Tokens that call back while they move, as ERC-777: what their holders do inside gains nothing."""

from __future__ import annotations

import boa
import pytest
from boa.contracts.vyper.vyper_contract import VyperContract

from tests.contracts.parts import ETHER, NONE, OPEN, PAID, by, deploy
from tests.contracts.terms import NATIVE, Terms
from tests.contracts.unit.market.conftest import add_token, trade
from tests.contracts.world import World


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


@pytest.fixture
def accomplice(world: World, hooked: tuple[VyperContract, VyperContract]) -> VyperContract:
    """An operator that the buyer can call from inside its own post."""
    made = deploy("tests/contracts/mocks/Puppet.vy")
    subnets, coin = world.subnets, str(hooked[0].address)
    with by("requester"):
        register = subnets.register.prepare_calldata(b"\1" * 32, "")
        made.make_call(subnets.address, register, value=10 * ETHER)
    made.make_call(subnets.address, subnets.opt_in.prepare_calldata(NONE))
    offer = subnets.offer.prepare_calldata(world.model_id, NONE, coin, 2, 0, 10**15, 0)
    made.make_call(subnets.address, offer)
    # The sums count what has an address and a stake: this operator is a contract.
    world.operators.append(made)
    world.accounts.add(str(made.address))
    return made


@pytest.fixture
def plot(
    world: World, hooked: tuple[VyperContract, VyperContract], accomplice: VyperContract
) -> Terms:
    """The buyer's terms with a subnet of its accomplice alone."""
    coin = str(hooked[0].address)
    world.next_epoch()
    spec = world.spec(1, token=coin, tiers=4)
    world.request(spec)
    subnet = world.form(spec)
    return world.terms(subnet, requester=str(hooked[1].address), token=coin)


def when_paying(buyer: VyperContract, accomplice: VyperContract, market: str, data: bytes) -> None:
    """Have the accomplice call the market while the buyer's token is on its way."""
    call = accomplice.make_call.prepare_calldata(market, data)
    buyer.add_call(accomplice.address, call)


def test_a_withdrawal_inside_a_post_pays_for_nothing(
    world: World,
    hooked: tuple[VyperContract, VyperContract],
    accomplice: VyperContract,
    plot: Terms,
) -> None:
    """The accomplice delivers inside the post and takes the price out before it was paid in."""
    token, buyer = hooked
    market, target = world.market, str(accomplice.address)
    take = market.withdraw.prepare_calldata(plot.token, 10**14, target)
    for data in (
        market.deliver.prepare_calldata(plot.abi, str(accomplice.address), b"", PAID, 0),
        take,
    ):
        when_paying(buyer, accomplice, str(market.address), data)
    with boa.reverts("token keeps a part"):
        buyer.make_call(market.address, market.post.prepare_calldata(plot.abi, b""))
    assert world.job(plot).status == 0
    assert token.balanceOf(target) == 0


def test_whatever_a_token_calls_finds_the_post_done(
    world: World,
    hooked: tuple[VyperContract, VyperContract],
    accomplice: VyperContract,
    plot: Terms,
) -> None:
    """Also in the log: nobody reads of a delivery before the post."""
    _, buyer = hooked
    market = world.market
    deliver = market.deliver.prepare_calldata(plot.abi, str(accomplice.address), b"", PAID, 0)
    when_paying(buyer, accomplice, str(market.address), deliver)
    buyer.make_call(market.address, market.post.prepare_calldata(plot.abi, b""))
    jobs = [type(log).__name__ for log in buyer.get_logs() if hasattr(log, "job_id")]
    assert jobs == ["JobPosted", "JobDelivered", "JobClosed"]
    world.posted[world.domain.job_id(plot)] = plot
    assert world.job(plot).status == PAID
