# SPDX-License-Identifier: Apache-2.0
"""Whoever sends a transaction chooses its gas. Whatever the amount, a call does all of its work or
none, and a job with a callback never settles unless the callback had the gas that its terms say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boa
import pytest
from boa.contracts.vyper.vyper_contract import VyperContract

from tests.contracts.actors import wallet
from tests.contracts.parts import ETHER, FINAL, PAID, PENDING, deploy
from tests.contracts.terms import NATIVE, Terms
from tests.contracts.unit.market.conftest import REWARDEE, Plugs, add_token
from tests.contracts.world import World

LIMIT = 16_777_216
STEPS = 20


@dataclass
class Move:
    """A call that a test can try at many gas limits."""

    world: World
    sender: str
    data: bytes
    value: int = 0

    def attempt(self, gas: int) -> int | None:
        """Gas used, or None where it reverted."""
        done = boa.env.execute_code(
            self.world.market.address, self.sender, gas, self.value, self.data
        )
        return None if done.is_error else int(done.get_gas_used())

    def succeeds(self, gas: int) -> bool:
        with boa.env.anchor():
            return self.attempt(gas) is not None

    def least(self, most: int = LIMIT) -> int:
        """The least gas that it succeeds with, by bisection."""
        low, high = 0, most
        assert self.succeeds(high)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.succeeds(middle) else (middle, high)
        return high


def picture(world: World, terms: Terms) -> tuple[Any, ...]:
    """Everything that a half-done call could leave behind."""
    tokens = [NATIVE, *(str(t.address) for t in world.tokens)]
    coins = [int(t.balanceOf(world.market.address)) for t in world.tokens]
    return (
        world.job(terms),
        coins,
        boa.env.get_balance(world.market.address),
        [world.market.balance_of(t, a) for t in tokens for a in sorted(world.accounts)],
        [world.market.fees(t) for t in tokens],
        [tuple(world.subnets.operators(o.address)) for o in world.operators],
        [world.subnets.credit(o.address) for o in world.operators],
        world.subnets.to_burn(),
    )


def sweep(move: Move, terms: Terms) -> None:
    """At each limit: nothing changed, or all that changes with plenty of gas."""
    before = picture(move.world, terms)
    with boa.env.anchor():
        used = move.attempt(LIMIT)
        assert used is not None
        after = picture(move.world, terms)
    least = move.least()
    limits = [least * i // STEPS for i in range(STEPS + 1)] + [least - 1, least + 1, 2 * least]
    for gas in limits:
        with boa.env.anchor():
            done = move.attempt(gas) is not None
            assert done == (gas >= least), gas
            assert picture(move.world, terms) == (after if done else before), gas


# ---- each entry point, each with its external calls ----


def _post(plugs: Plugs) -> tuple[Move, Terms]:
    world, terms = plugs.world, plugs.plug_terms
    data = world.market.post.prepare_calldata(terms.abi, bytes(64))
    return Move(world, terms.requester, data, world.due(terms)), terms


def _post_accepted(plugs: Plugs) -> tuple[Move, Terms]:
    world, terms = plugs.world, plugs.plug_terms
    acceptance = world.accept(terms, plugs.subnet.members[0])
    data = world.market.post_accepted.prepare_calldata(terms.abi, b"", acceptance)
    return Move(world, terms.requester, data, world.due(terms)), terms


def _post_token(plugs: Plugs) -> tuple[Move, Terms]:
    world = plugs.world
    token = add_token(world, "PlainToken")
    selector = plugs.plug_terms.selector
    world.staff(3, selector=selector, token=str(token.address))
    subnet = world.form_subnet(3, selector=selector, token=str(token.address))
    terms = world.terms(subnet, selector=selector, token=str(token.address))
    data = world.market.post.prepare_calldata(terms.abi, b"")
    return Move(world, terms.requester, data, world.due(terms)), terms


def _delivery(
    world: World, terms: Terms, operator: str, output: bytes, verb: int, bond: int = 0
) -> bytes:
    data: bytes = world.market.deliver.prepare_calldata(terms.abi, operator, output, verb, bond)
    return data


def _verdict(world: World, terms: Terms, output: bytes, ok: bool) -> bytes:
    if ok:
        return _delivery(world, terms, NATIVE, output, FINAL)
    data: bytes = world.market.refuted.prepare_calldata(terms.abi, REWARDEE)
    return data


def _accepted(plugs: Plugs, terms: Terms) -> None:
    plugs.world.post_accepted(terms, plugs.world.accept(terms, plugs.subnet.members[0]))


def _paid_by_primary(plugs: Plugs) -> tuple[Move, Terms]:
    world, terms = plugs.world, plugs.plug_terms
    _accepted(plugs, terms)
    data = _delivery(world, terms, plugs.subnet.members[0].address, b"out", PAID)
    return Move(world, wallet("plugin").address, data), terms


def _paid_by_rescuer(plugs: Plugs) -> tuple[Move, Terms]:
    world, terms = plugs.world, plugs.plug_terms
    _accepted(plugs, terms)
    world.roll(6)
    data = _delivery(world, terms, plugs.subnet.members[1].address, b"out", PAID)
    return Move(world, wallet("plugin").address, data), terms


def _paid_batch(plugs: Plugs) -> tuple[Move, Terms]:
    world, terms = plugs.world, plugs.plug_terms.with_(n=8, item_size=4)
    world.post(terms)
    member = plugs.subnet.members[0].address
    data = _delivery(world, terms, member, bytes(32), PAID)
    return Move(world, wallet("plugin").address, data), terms


def _pending(plugs: Plugs) -> tuple[Move, Terms]:
    world, terms = plugs.world, plugs.plug_terms
    _accepted(plugs, terms)
    member = plugs.subnet.members[0].address
    data = _delivery(world, terms, member, b"out", PENDING, ETHER)
    return Move(world, wallet("plugin").address, data), terms


def _final(plugs: Plugs, ok: bool, late: int = 0) -> tuple[Move, Terms]:
    world, terms = plugs.world, plugs.plug_terms
    _accepted(plugs, terms)
    world.roll(6)
    plugs.pending(terms, plugs.subnet.members[1].address, bond=ETHER)
    world.warp(world.now + late)
    data = _verdict(world, terms, b"out", ok)
    return Move(world, wallet("plugin").address, data), terms


def _expire(plugs: Plugs) -> tuple[Move, Terms]:
    world, terms = plugs.world, plugs.plug_terms
    _accepted(plugs, terms)
    world.warp(terms.deliver_by + 1)
    return Move(
        world, wallet("keeper").address, world.market.refund.prepare_calldata(terms.abi)
    ), terms


def _dead(plugs: Plugs) -> tuple[Move, Terms]:
    _, terms = _final(plugs, ok=True)
    world = plugs.world
    world.warp(terms.resolve_by + 7 * 86_400 + 1)
    data = world.market.refund.prepare_calldata(terms.abi)
    return Move(world, wallet("keeper").address, data), terms


def _withdraw(plugs: Plugs) -> tuple[Move, Terms]:
    world, terms = plugs.world, plugs.plug_terms
    with boa.env.prank(terms.requester):
        world.market.deposit(NATIVE, ETHER, value=ETHER)
    data = world.market.withdraw.prepare_calldata(NATIVE, ETHER, terms.requester)
    return Move(world, terms.requester, data), terms


MOVES: dict[str, Callable[[Plugs], tuple[Move, Terms]]] = {
    "post": _post,
    "post_accepted": _post_accepted,
    "post in a token": _post_token,
    "paid, pledge released": _paid_by_primary,
    "paid, no-show slashed": _paid_by_rescuer,
    "paid, a batch": _paid_batch,
    "pending, pledge released": _pending,
    "final, good": lambda plugs: _final(plugs, ok=True),
    "final, bad, reopened": lambda plugs: _final(plugs, ok=False),
    "final, bad, closed": lambda plugs: _final(plugs, ok=False, late=3_601),
    "refund, expired": _expire,
    "refund, dead plug-in": _dead,
    "withdraw": _withdraw,
}


@pytest.mark.parametrize("name", MOVES)
def test_all_or_nothing_at_every_gas_limit(plugs: Plugs, name: str) -> None:
    move, terms = MOVES[name](plugs)
    sweep(move, terms)


# ---- callbacks ----


def _gas_heard(world: World, consumer: VyperContract, terms: Terms) -> int:
    return int(consumer.heard(world.domain.job_id(terms)).gas)


def _with_callback(
    plugs: Plugs, consumer: VyperContract, verb: str, cap: int, size: int
) -> tuple[Move, Terms]:
    world, member = plugs.world, plugs.subnet.members[0].address
    terms = plugs.plug_terms.with_(
        callback_target=str(consumer.address),
        callback_gas=cap,
        eager=int(verb in ("pending", "revoke")),
    )
    world.post(terms)
    output = b"x" * size
    if verb in ("final", "revoke"):
        plugs.pending(terms, member, output)
    data = {
        "paid": lambda: _delivery(world, terms, member, output, PAID),
        "pending": lambda: _delivery(world, terms, member, output, PENDING),
        "final": lambda: _verdict(world, terms, output, True),
        "revoke": lambda: _verdict(world, terms, b"", False),
    }[verb]()
    return Move(world, wallet("plugin").address, data), terms


@pytest.mark.parametrize("cap", [150_000, 1_000_000, 5_000_000])
@pytest.mark.parametrize("size", [0, 32, 16_384])
@pytest.mark.parametrize("verb", ["paid", "pending", "final", "revoke"])
def test_no_gas_limit_starves_a_callback(plugs: Plugs, verb: str, size: int, cap: int) -> None:
    consumer = deploy("tests/contracts/mocks/Consumer.vy")
    move, terms = _with_callback(plugs, consumer, verb, cap, size)
    with boa.env.anchor():
        assert move.attempt(LIMIT) is not None
        plenty = _gas_heard(move.world, consumer, terms)
    # What decoding the output takes is the consumer's own affair.
    assert plenty > cap - 20_000
    least = move.least()
    for gas in (least, least + 1, least + 64, least + 5_000, least + 60_000):
        with boa.env.anchor():
            assert move.attempt(gas) is not None
            assert _gas_heard(move.world, consumer, terms) == plenty
    assert not move.succeeds(least - 1)


def test_a_consumer_that_burns_all_its_gas_is_paid_for_by_its_cap_alone(plugs: Plugs) -> None:
    consumer = deploy("tests/contracts/mocks/RevertingConsumer.vy", True)
    move, terms = _with_callback(plugs, consumer, "paid", 2_000_000, 16_384)
    least = move.least()
    assert least < 2_600_000
    used = move.attempt(least)
    assert used is not None
    assert used > 2_000_000
    assert move.world.job(terms).status == PAID
