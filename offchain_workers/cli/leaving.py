# SPDX-License-Identifier: Apache-2.0
"""An operator's way out, and its earnings. What broke off can simply be run again."""

from __future__ import annotations

from typing import Any

from offchain_workers.chain.contracts import Operator
from offchain_workers.cli.network import Connection
from offchain_workers.cli.output import moment
from offchain_workers.cli.progress import warn
from offchain_workers.cli.sending import Sender
from offchain_workers.errors import FusionError
from offchain_workers.units import Wei
from verifiers.base import Earning
from verifiers.errors import UnknownMethodError
from verifiers.methods import get_method, method_table


def registered(connection: Connection, address: str) -> Operator:
    """Raises MN-CLI-015 for an address that never registered."""
    operator = connection.network.subnets.operator(address)
    if operator is None:
        raise FusionError(
            "MN-CLI-015", f"{address} is not an operator: fusion operator register --stake ..."
        )
    return operator


def unbond_all(connection: Connection, sender: Sender) -> dict[str, Any]:
    """End offers, opt out, unbond the free stake."""
    subnets = connection.network.subnets
    operator = registered(connection, sender.address)
    directory = connection.directory()
    ended = directory.offers_of(sender.address)
    for offer in ended:
        sender.send("end an offer", subnets.end_offer(offer.book_id))
    if operator.free:
        sender.send("unbond", subnets.unbond(operator.free))
    # Last: whoever opted out can't deliver what it may have promised.
    if not operator.reserved:
        for selector in sorted(directory.methods.get(sender.address, ())):
            sender.send("opt out", subnets.opt_out(selector))
    now = registered(connection, sender.address)
    if not sender.sent and not now.unbonding:
        raise FusionError("MN-CLI-018", f"{sender.address} has no offer and no free stake")
    return {
        "offers_ended": len(ended),
        "unbonding": Wei(now.unbonding),
        "ready_at": moment(now.unbonded_at) if now.unbonding else None,
        "reserved": Wei(now.reserved),
    }


def take_stake(connection: Connection, sender: Sender, to: str) -> int:
    """Wei. Raises MN-CLI-018 with nothing unbonding, MN-CLI-019 before its time."""
    operator = registered(connection, sender.address)
    if not operator.unbonding:
        raise FusionError("MN-CLI-018", f"{sender.address} has nothing unbonding")
    now = connection.w3.eth.get_block("latest")["timestamp"]
    if now < operator.unbonded_at:
        raise FusionError(
            "MN-CLI-019",
            f"still unbonding until {moment(operator.unbonded_at)}, the chain is at {moment(now)}",
        )
    sender.send("withdraw the stake", connection.network.subnets.withdraw_stake(to))
    return operator.unbonding


def take_earnings(connection: Connection, sender: Sender, to: str) -> dict[str, Any]:
    """What was withdrawn, of methods' contracts too. Raises MN-CLI-018 when there is nothing."""
    network = connection.network
    credit = network.subnets.credit(sender.address)
    market = network.marketplace.balance(sender.address)
    earned = [one for one in method_earnings(connection, sender.address, to) if one.wei]
    if not (credit or market or earned):
        raise FusionError("MN-CLI-018", f"there is nothing to withdraw for {sender.address}")
    if credit:
        sender.send("withdraw tips and rewards", network.subnets.withdraw_credit(to))
    if market:
        sender.send("withdraw from the market", network.marketplace.withdraw(market, to))
    for one in earned:
        sender.send(f"withdraw from {one.at}", one.call)
    methods = {one.at: Wei(one.wei) for one in earned}
    return {"credit": Wei(credit), "market": Wei(market), "methods": methods}


def method_earnings(connection: Connection, address: str, to: str) -> list[Earning]:
    """What the contracts of installed methods owe the address."""
    table = method_table()
    found: list[Earning] = []
    for name in table:
        try:
            method = get_method(name, table)
        except UnknownMethodError as error:
            warn(f"earnings of method {name} are not known: {error}")
            continue
        found += method.earnings(connection.network, address, to)
    return found
