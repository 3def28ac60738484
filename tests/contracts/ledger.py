# SPDX-License-Identifier: Apache-2.0
"""The money invariants: every coin is somebody's, and none is promised twice."""

from __future__ import annotations

import boa

from tests.contracts.parts import OPEN, PENDING
from tests.contracts.terms import NATIVE
from tests.contracts.world import World


def check(world: World) -> None:
    """Assert all invariants over the world's accounts, tokens, jobs and operators."""
    for token in [NATIVE, *(str(t.address) for t in world.tokens)]:
        assert held(world, token) == owed(world, token), f"market's coins of {token}"
    check_stake(world)


def held(world: World, token: str = NATIVE) -> int:
    """The market's coins of one kind."""
    if token == NATIVE:
        return int(boa.env.get_balance(world.market.address))
    contract = next(t for t in world.tokens if str(t.address) == token)
    return int(contract.balanceOf(world.market.address))


def owed(world: World, token: str = NATIVE) -> int:
    """Balances, fees and the escrow of open jobs."""
    balances = sum(world.market.balance_of(token, account) for account in world.accounts)
    return int(balances + world.market.fees(token) + escrow(world, token))


def escrow(world: World, token: str = NATIVE) -> int:
    """What jobs that are open or pending hold, tips included."""
    live = [terms for terms in world.posted.values() if world.job(terms).status in (OPEN, PENDING)]
    prices = sum(terms.max_price for terms in live if terms.token == token)
    return prices + (world.config.keeper_tip * len(live) if token == NATIVE else 0)


def check_stake(world: World) -> None:
    """Assert that stake, credit, slashed coins and tips are there, and nothing is pledged twice."""
    records = [world.subnets.operators(operator.address) for operator in world.operators]
    staked = sum(record.stake + record.unbonding for record in records)
    credit = sum(world.subnets.credit(account) for account in world.accounts)
    coins = int(boa.env.get_balance(world.subnets.address))
    tips = coins - staked - credit - world.subnets.to_burn()
    assert tips >= 0, "stake registry is short"
    assert tips % world.config.formation_tip == 0, "more than pending formation tips"
    assert all(record.reserved <= record.stake for record in records)
    assert sum(record.reserved for record in records) == pledged(world)


def pledged(world: World) -> int:
    """Stake held by open jobs' acceptances, by claims' bonds and by plug-ins' locks."""
    total = 0
    for terms in world.posted.values():
        job = world.job(terms)
        total += job.bond + (job.pledge if job.status in (OPEN, PENDING) else 0)
    return total + sum(locked(world, bond_id) for bond_id in world.bonds)


def locked(world: World, bond_id: bytes) -> int:
    """What plug-ins hold under an id."""
    return sum(int(world.subnets.locks(plugin, bond_id)) >> 160 for plugin in world.plugins)
