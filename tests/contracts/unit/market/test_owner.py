# SPDX-License-Identifier: Apache-2.0
"""The owner's powers, and what it has no power over: jobs, escrow, balances."""

from __future__ import annotations

import boa
import pytest
from eth_utils.crypto import keccak

from tests.contracts.actors import wallet
from tests.contracts.parts import FINAL, NONE, OPEN, PAID, PENDING, REFUNDED, Subnet, by
from tests.contracts.terms import NATIVE
from tests.contracts.unit.market.conftest import Plugs
from tests.contracts.world import World

NEW = keccak(b"new method")[:4]
CALLS = [
    ("add_method", (NEW, "0x" + "11" * 20, 1, 0, 0, False)),
    ("retire_method", (NONE,)),
    ("set_fee", (NONE, 0)),
    ("pause_posts", (NONE, True)),
    ("collect_fees", (NATIVE, "0x" + "11" * 20)),
    ("transfer_ownership", ("0x" + "11" * 20,)),
]


@pytest.mark.parametrize(("name", "args"), CALLS)
def test_only_the_owner(world: World, name: str, args: tuple[object, ...]) -> None:
    for role in ("requester", "publisher", "keeper", "operator 0"):
        with by(role), boa.reverts():
            getattr(world.market, name)(*args)
    assert world.market.owner() == wallet("owner").address
    assert not world.market.method(NONE).paused


def test_nothing_but_these_powers_is_there(world: World) -> None:
    """A new function of the market has to be put where it belongs here."""
    owners = {name for name, _ in CALLS} | {"accept_ownership"}
    parties = {"post", "post_accepted", "deliver", "refuted", "excused", "refund"}
    parties |= {"deposit", "withdraw"}
    views = {"balance_of", "job", "job_id_of", "plugin_of", "method", "output_commitment"}
    views |= {"owner", "pending_owner", "eip712Domain", "fees"}
    views |= {"SUBNETS", "MODELS", "KEEPER_TIP"}
    names = {entry["name"] for entry in world.market.abi if entry["type"] == "function"}
    assert names == owners | parties | views
    changing = {
        entry["name"]
        for entry in world.market.abi
        if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure")
    }
    assert changing == owners | parties


def test_ownership_moves_in_two_steps(world: World) -> None:
    new = world.fund("new owner").address
    with by("owner"):
        world.market.transfer_ownership(new)
        world.market.set_fee(NONE, 1)
    assert world.market.owner() == wallet("owner").address
    with by("keeper"), boa.reverts():
        world.market.accept_ownership()
    with by("new owner"):
        with boa.reverts():
            world.market.set_fee(NONE, 2)
        world.market.accept_ownership()
        world.market.set_fee(NONE, 2)
    with by("owner"), boa.reverts():
        world.market.set_fee(NONE, 3)


def test_a_selector_is_used_once_and_for_all(plugs: Plugs) -> None:
    market = plugs.world.market
    for selector in (NONE, plugs.plug_terms.selector):
        with by("owner"), boa.reverts("selector is taken"):
            market.add_method(selector, wallet("owner").address, 1, 0, 0, False)
    with by("owner"):
        market.retire_method(plugs.plug_terms.selector)
        with boa.reverts("selector is taken"):
            market.add_method(plugs.plug_terms.selector, NATIVE, 1, 0, 0, False)
    assert market.plugin_of(plugs.plug_terms.selector) == wallet("plugin").address
    assert market.method(plugs.plug_terms.selector).retired


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"plugin": NATIVE}, "plug-in"),
        ({"max_n": 0}, "max_n"),
        ({"max_n": 513}, "max_n"),
        ({"max_delay": 2**32}, "max_delay"),
        ({"fee_bps": 1_001}, "fee too high"),
    ],
)
def test_methods_out_of_bounds_are_refused(
    world: World, change: dict[str, object], reason: str
) -> None:
    plain = {"plugin": "0x" + "11" * 20, "max_n": 1, "max_delay": 0, "fee_bps": 0, "hedge": False}
    with by("owner"), boa.reverts(reason):
        world.market.add_method(NEW, *(plain | change).values())


def test_a_method_reads_back_as_it_was_listed(world: World) -> None:
    plugin = "0x" + "11" * 20
    with by("owner"):
        world.market.add_method(NEW, plugin, 512, 2**32 - 1, 1_000, True)
    method = world.market.method(NEW)
    assert tuple(method) == (plugin, 512, 2**32 - 1, 1_000, True, False, False)
    with by("owner"):
        world.market.pause_posts(NEW, True)
        world.market.set_fee(NEW, 1)
        world.market.retire_method(NEW)
    assert tuple(world.market.method(NEW)) == (plugin, 512, 2**32 - 1, 1, True, True, True)
    with by("owner"):
        world.market.pause_posts(NEW, False)
    assert tuple(world.market.method(NEW)) == (plugin, 512, 2**32 - 1, 1, True, False, True)


@pytest.mark.parametrize("name", ["retire_method", "set_fee", "pause_posts"])
def test_unknown_methods_have_no_switches(world: World, name: str) -> None:
    args = {"retire_method": (), "set_fee": (1,), "pause_posts": (True,)}[name]
    with by("owner"), boa.reverts("unknown method"):
        getattr(world.market, name)(NEW, *args)


def test_the_fee_is_bounded(world: World) -> None:
    with by("owner"):
        world.market.set_fee(NONE, 1_000)
        with boa.reverts("fee too high"):
            world.market.set_fee(NONE, 1_001)


def test_a_new_fee_is_for_later_posts_only(world: World, subnet: Subnet) -> None:
    early, late = world.terms(subnet), world.terms(subnet, salt=keccak(b"2"))
    world.post(early)
    with by("owner"):
        world.market.set_fee(NONE, 1_000)
    world.post(late)
    world.deliver(early, subnet.members[0])
    assert world.market.fees(NATIVE) == 10**15 * 250 // 10_000
    world.deliver(late, subnet.members[0])
    assert world.market.fees(NATIVE) == 10**15 * 1_250 // 10_000


def test_a_raised_fee_cannot_pass_the_requesters_cap(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet, fee_cap=250)
    with by("owner"):
        world.market.set_fee(NONE, 251)
    with boa.reverts("fee cap too low"):
        world.post(terms)


def test_the_fee_of_a_reopened_job_is_that_of_its_post(plugs: Plugs) -> None:
    world, terms = plugs.world, plugs.plug_terms
    world.post(terms)
    plugs.pending(terms, plugs.subnet.members[0].address)
    with by("owner"):
        world.market.set_fee(terms.selector, 1_000)
    plugs.final(terms, ok=False)
    plugs.paid(terms, plugs.subnet.members[1].address)
    assert world.market.fees(NATIVE) == 10**15 * 250 // 10_000


@pytest.mark.parametrize("switch", ["retire_method", "pause_posts"])
def test_retired_and_paused_methods_bar_posts_and_nothing_else(plugs: Plugs, switch: str) -> None:
    world, first = plugs.world, plugs.plug_terms
    members = [m.address for m in plugs.subnet.members]
    jobs = [first.with_(salt=bytes([i]) * 32) for i in range(4)]
    for terms in jobs:
        world.post(terms)
    plugs.pending(jobs[2], members[0])
    with by("owner"):
        args = (True,) if switch == "pause_posts" else ()
        getattr(world.market, switch)(first.selector, *args)
    with boa.reverts("method is paused or retired"):
        world.post(first.with_(salt=b"\x09" * 32))
    plugs.paid(jobs[0], members[0])
    plugs.pending(jobs[1], members[0])
    plugs.final(jobs[1], ok=False)
    plugs.final(jobs[2], ok=True)
    statuses = [world.job(terms).status for terms in jobs]
    assert statuses == [PAID, OPEN, PAID, OPEN]
    world.warp(first.deliver_by + 1)
    world.refund(jobs[3])
    assert world.job(jobs[3]).status == REFUNDED


def test_a_pause_ends_and_a_retirement_does_not(world: World, subnet: Subnet) -> None:
    with by("owner"):
        world.market.pause_posts(NONE, True)
        world.market.pause_posts(NONE, False)
    world.post(world.terms(subnet))
    with by("owner"):
        world.market.retire_method(NONE)
        world.market.pause_posts(NONE, True)
        world.market.pause_posts(NONE, False)
    with boa.reverts("method is paused or retired"):
        world.post(world.terms(subnet, salt=keccak(b"2")))


def test_fees_go_where_the_owner_says_and_nothing_else_does(world: World, subnet: Subnet) -> None:
    done, open_ = world.terms(subnet), world.terms(subnet, salt=keccak(b"2"))
    for terms in (done, open_):
        world.post(terms)
    world.deliver(done, subnet.members[0])
    fee = world.market.fees(NATIVE)
    target = "0x" + "22" * 20
    with by("owner"):
        world.market.collect_fees(NATIVE, target)
        world.market.collect_fees(NATIVE, target)
    assert boa.env.get_balance(target) == fee > 0
    assert world.market.fees(NATIVE) == 0


def test_the_owner_cannot_speak_for_a_plugin_or_move_a_balance(plugs: Plugs) -> None:
    world, terms = plugs.world, plugs.plug_terms
    world.post(terms)
    plugs.pending(terms, plugs.subnet.members[0].address)
    with by("requester"):
        world.market.deposit(NATIVE, 5, value=5)
    with by("owner"):
        with boa.reverts("not the plug-in"):
            world.market.deliver(terms.abi, NATIVE, b"", FINAL, 0)
        with boa.reverts("not the plug-in"):
            world.market.refuted(terms.abi, wallet("owner").address)
        with boa.reverts("claim is pending"):
            world.market.refund(terms.abi)
        with boa.reverts("balance too low"):
            world.market.withdraw(NATIVE, 1, wallet("owner").address)
    assert world.job(terms).status == PENDING
    assert world.balance("requester") == 5


def test_the_registries_take_no_orders_from_the_owner(plugs: Plugs) -> None:
    world, operator = plugs.world, plugs.subnet.members[0].address
    with by("owner"):
        for call, args in (
            ("reserve", (operator, 1)),
            ("release", (operator, 1)),
            ("slash_reserved", (b"\0" * 32, operator, 1, 0, NATIVE)),
        ):
            with boa.reverts("only market"):
                getattr(world.subnets, call)(*args)
        with boa.reverts("not opted in"):
            world.subnets.lock(b"\0" * 32, operator, 1)
