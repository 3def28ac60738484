# SPDX-License-Identifier: Apache-2.0
"""An operator as people look at it."""

from __future__ import annotations

from typing import Any

from offchain_workers.chain.directory import Offer
from offchain_workers.cli.leaving import method_earnings, registered
from offchain_workers.cli.model_view import method_name, offer_row
from offchain_workers.cli.network import Connection
from offchain_workers.cli.output import fields, moment, table
from offchain_workers.models.catalog import endpoints
from offchain_workers.units import Wei
from verifiers.opml.drawn import DrawnAudit, drawn_audits

_LABELS = {
    "operator": "Operator",
    "index": "Number",
    "endpoint": "Endpoint",
    "stake": "Stake",
    "reserved": "Reserved",
    "free": "Free",
    "penalty": "Lost reputation",
    "methods": "Methods",
    "market": "In the market",
    "credit": "Tips and rewards",
    "unbonding": "Unbonding",
    "ready_at": "Ready at",
}
_AUDITS = {"job": "Audit of job", "state": "State", "until": "Until", "pay": "Pay"}
# Of audits, the newest.
_SHOWN = 20
_OFFERS = {
    "model": "Model",
    "method": "Method",
    "tier": "Tier",
    "seat": "Seat",
    "region": "Region",
    "price": "Price per item",
    "from_block": "From block",
}


def state(connection: Connection, address: str) -> dict[str, Any]:
    """Raises MN-CLI-015 for an address that never registered."""
    network = connection.network
    operator = registered(connection, address)
    directory = connection.directory()
    penalty = network.subnets.penalty_bps(address)
    return {
        "operator": address,
        "index": operator.index,
        "endpoint": endpoints(connection.pool, network).get(address),
        "stake": Wei(operator.stake),
        "reserved": Wei(operator.reserved),
        "free": Wei(operator.free),
        "penalty": f"{penalty / 100:g}%",
        "penalty_bps": penalty,
        "methods": sorted(method_name(s) for s in directory.methods.get(address, ())),
        "credit": Wei(network.subnets.credit(address)),
        "market": Wei(network.marketplace.balance(address)),
        "methods_owe": {
            one.at: Wei(one.wei) for one in method_earnings(connection, address, address)
        },
        "unbonding": Wei(operator.unbonding),
        "ready_at": moment(operator.unbonded_at) if operator.unbonding else None,
        "offers": [_offer(connection, offer) for offer in directory.offers_of(address)],
        "audits": [_audit(one) for one in drawn_audits(network, address, _SHOWN)],
    }


def view(data: dict[str, Any]) -> Any:
    """The record, then the offers and audits."""
    from rich.console import Group

    owed = data["methods_owe"]
    labels = _LABELS | {at: f"Owed by {at}" for at, wei in owed.items() if wei}
    parts: list[Any] = [fields(data | owed, labels)]
    if data["offers"]:
        parts += ["", table(data["offers"], _OFFERS)]
    if data["audits"]:
        parts += ["", table(data["audits"], _AUDITS)]
    return Group(*parts)


def _audit(one: DrawnAudit) -> dict[str, Any]:
    return {
        "job": one.job_id,
        "claim": hex(one.claim),
        "state": one.state,
        "pay": Wei(one.pay),
        "until": moment(one.until) if one.until else None,
    }


def _offer(connection: Connection, offer: Offer) -> dict[str, Any]:
    subnets = connection.network.subnets
    place = int(subnets.read("offer_seat", offer.operator, offer.book_id))
    since = offer.block_number // subnets.epoch_blocks + 1
    return offer_row(offer) | {
        "seat": place & 255,
        "from_epoch": since,
        "from_block": since * subnets.epoch_blocks,
    }
