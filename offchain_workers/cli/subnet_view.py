# SPDX-License-Identifier: Apache-2.0
"""A subnet as people look at it."""

from __future__ import annotations

from typing import Any

from offchain_workers.chain.contracts import Spec, Tier
from offchain_workers.chain.contracts.base import NATIVE
from offchain_workers.chain.events import Event
from offchain_workers.chain.scan import scan
from offchain_workers.cli.arguments import coin
from offchain_workers.cli.model_view import method_name
from offchain_workers.cli.network import Connection
from offchain_workers.cli.output import fields, moment, table
from offchain_workers.cli.progress import counting
from offchain_workers.errors import FusionError

_LABELS = {
    "id": "Subnet",
    "state": "State",
    "expires": "Expires",
    "model": "Model",
    "method": "Method",
    "tiers": "Tiers",
    "region": "Region",
    "band": "Price per item up to 2**",
    "k": "Members",
    "royalty": "Royalty",
    "seed_block": "Seed block",
}
_MEMBERS = {"place": "", "operator": "Operator", "price": "Price per item"}


def latest(connection: Connection, spec: Spec) -> bytes:
    """The spec's latest subnet. Raises MN-CLI-025 when none was requested."""
    found = connection.network.subnets.latest_subnet(spec)
    if found is None:
        raise FusionError("MN-CLI-025", "no such subnet was requested: fusion subnet request")
    return found[0]


def state(connection: Connection, subnet_id: bytes) -> dict[str, Any]:
    """Raises MN-CLI-023 for an id that was never requested."""
    info = connection.network.subnets.subnet(subnet_id)
    if info is None:
        raise FusionError("MN-CLI-023", f"no subnet 0x{subnet_id.hex()} is known on this chain")
    asked = _request(connection, subnet_id)
    spec = asked.args["spec"]
    token = None if spec["token"] == NATIVE else spec["token"]
    now = connection.w3.eth.get_block("latest")["timestamp"]
    live = "live" if info.expires > now else "expired"
    return {
        "id": subnet_id,
        "state": live if info.expires else "requested",
        "expires": moment(info.expires) if info.expires else None,
        "model": spec["model_id"],
        "method": method_name(spec["selector"]),
        "token": token,
        "tiers": [tier.label for tier in Tier if spec["tiers"] >> tier & 1],
        "region": spec["region"] or None,
        "band": spec["band"],
        "k": info.k,
        "royalty": f"{info.royalty_bps / 100:g}%",
        "seed_block": asked.args["seed_block"],
        "members": [
            {"place": place, "operator": operator, "price": coin(price, token)}
            for place, (operator, price) in enumerate(info.members)
        ],
    }


def view(data: dict[str, Any]) -> Any:
    """The record, then the members."""
    from rich.console import Group

    parts: list[Any] = [fields(data, _LABELS)]
    if data["members"]:
        parts += ["", table(data["members"], _MEMBERS)]
    return Group(*parts)


def _request(connection: Connection, subnet_id: bytes) -> Event:
    subnets = connection.network.subnets
    with counting(connection.run, "reading requests") as progress:
        events = scan(
            connection.pool,
            {subnets.address: subnets.abi},
            connection.network.start_block,
            names={"SubnetRequested"},
            progress=progress,
        )
    found = [event for event in events if event.args["subnet_id"] == subnet_id]
    if not found:
        raise FusionError(
            "MN-CLI-023", f"no request of 0x{subnet_id.hex()} since the deployment's start block"
        )
    return found[0]
