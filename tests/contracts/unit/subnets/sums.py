# SPDX-License-Identifier: Apache-2.0
"""The registry's coins to the wei: stake, unbonding stake, credit, slashed coins, pending tips."""

from __future__ import annotations

from collections.abc import Sequence

import boa
from eth_utils.crypto import keccak

from offchain_workers.chain.events import Event
from tests.contracts.world import World


def check(world: World, events: Sequence[Event]) -> None:
    """Assert that the registry holds exactly what it owes. ``events``: all it ever logged."""
    subnets = world.subnets
    operators = {e.args["operator"] for e in events if e.name == "OperatorRegistered"}
    rewarded = {e.args["rewardee"] for e in events if e.name == "Slashed"}
    records = [subnets.operators(operator) for operator in operators]
    owed = sum(record.stake + record.unbonding for record in records)
    owed += sum(subnets.credit(account) for account in world.accounts | operators | rewarded)
    owed += subnets.to_burn() + pending_tips(world, events)
    assert boa.env.get_balance(subnets.address) == owed
    assert all(record.reserved <= record.stake for record in records)


def pending_tips(world: World, events: Sequence[Event]) -> int:
    """Tips of requests that nobody has formed yet, stale ones included."""
    specs = {e.args["spec_id"] for e in events if e.name == "SubnetRequested"}
    return world.config.formation_tip * sum(_is_pending(world, spec_id) for spec_id in specs)


def _is_pending(world: World, spec_id: bytes) -> bool:
    seed_block = world.subnets.seed_block(spec_id)
    head = world.subnets.header(keccak(spec_id + seed_block.to_bytes(32, "big")))
    return seed_block != 0 and (head >> 24) & (2**48 - 1) == 0
