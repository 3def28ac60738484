# SPDX-License-Identifier: Apache-2.0
"""Draw a subnet again from events and one block hash, and compare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from offchain_workers.chain.contracts import Tier
from offchain_workers.chain.contracts.base import NATIVE
from offchain_workers.chain.errors import RpcUnavailableError
from offchain_workers.chain.events import Event
from offchain_workers.chain.scan import scan
from offchain_workers.cli.arguments import coin
from offchain_workers.cli.model_view import method_name
from offchain_workers.cli.network import Connection
from offchain_workers.cli.output import fields, table
from offchain_workers.cli.progress import counting
from offchain_workers.routing.books import Spec
from offchain_workers.routing.errors import NotFormedError, UnknownSubnetError
from offchain_workers.routing.replay import Candidate, Replay, replay
from offchain_workers.units import Wei

_EVENTS = {"SeatChanged", "OperatorRegistered", "SubnetRequested", "SubnetFormed"}
_LABELS = {
    "id": "Subnet",
    "model": "Model",
    "method": "Method",
    "epoch": "Books of epoch",
    "seed_block": "Seed block",
    "seed": "Seed",
    "verdict": "Verdict",
}
_CANDIDATES = {
    "rank": "Rank",
    "operator": "Operator",
    "tier": "Tier",
    "seat": "Seat",
    "weight": "Weight",
    "price": "Price per item",
    "key": "Key",
    "result": "Result",
}
_KEY_UNIT = 10**36


@dataclass(frozen=True)
class Checked:
    """A replay, and ``stored``: whether the contract's storage holds the members of the event."""

    replay: Replay
    seed_block: int
    stored: bool


def check(connection: Connection, subnet_id: bytes) -> Checked:
    """Raises MN-ROUTE-001 unknown, -002 not formed, -004 events are missing."""
    subnets, pool = connection.network.subnets, connection.pool
    with counting(connection.run, "reading the registry's events") as progress:
        events = scan(
            pool,
            {subnets.address: subnets.abi},
            connection.network.start_block,
            names=_EVENTS,
            progress=progress,
        )
    seed_block = _seed_block(events, subnet_id)
    _require_formed(events, subnet_id)
    header = pool.header(seed_block)
    if header is None:
        raise RpcUnavailableError(f"the endpoints do not have the seed block {seed_block}")
    done = replay(subnet_id, events, header.hash)
    info = subnets.subnet(subnet_id)
    members = [(_address(done, m.operator), m.price) for m in done.members]
    return Checked(done, seed_block, stored=info is not None and info.members == members)


def report(checked: Checked, subnet_id: bytes) -> dict[str, Any]:
    """All of it, as `fusion subnet replay` prints it."""
    done = checked.replay
    order = sorted((c.key, i) for i, c in enumerate(done.candidates) if c.key is not None)
    ranks = {i: rank for rank, (_, i) in enumerate(order, 1)}
    rows = [_row(done.spec, c, ranks.get(i)) for i, c in enumerate(done.candidates)]
    rows.sort(key=lambda row: (row["rank"] is None, row["rank"] or 0))
    matches = done.matches_chain and checked.stored
    return {
        "id": subnet_id,
        "model": done.spec.model_id,
        "method": method_name(done.spec.selector),
        "epoch": done.epoch,
        "seed_block": checked.seed_block,
        "seed": done.seed,
        "candidates": rows,
        "members": [_address(done, member.operator) for member in done.members],
        "differences": done.differences,
        "stored": checked.stored,
        "matches": matches,
        "verdict": "the chain drew the same members" if matches else "THE CHAIN DIFFERS",
    }


def view(data: dict[str, Any]) -> Any:
    """The draw, then every seat, then what differs."""
    from rich.console import Group

    parts: list[Any] = [table(data["candidates"], _CANDIDATES), "", fields(data, _LABELS)]
    parts += [
        f"{each.field}: the chain has {each.chain}, the replay gives {each.replayed}"
        for each in data["differences"]
    ]
    if not data["stored"]:
        parts.append("the contract's storage holds other members than the replay")
    return Group(*parts)


def _row(spec: Spec, candidate: Candidate, rank: int | None) -> dict[str, Any]:
    drawn = "member" if rank is not None and rank <= spec.k else "not drawn"
    return {
        "rank": rank,
        "operator": candidate.operator,
        "tier": Tier(candidate.tier).label,
        "seat": candidate.seat,
        "weight": Wei(candidate.weight * 10**9),
        "price": coin(candidate.price, None if spec.token == NATIVE else spec.token),
        "key": None if candidate.key is None else f"{candidate.key / _KEY_UNIT:.6e}",
        "key_exact": None if candidate.key is None else str(candidate.key),
        "result": candidate.reason.value if candidate.reason else drawn,
    }


def _seed_block(events: list[Event], subnet_id: bytes) -> int:
    for event in events:
        if event.name == "SubnetRequested" and event.args["subnet_id"] == subnet_id:
            return int(event.args["seed_block"])
    raise UnknownSubnetError(f"no request of subnet 0x{subnet_id.hex()} in the events")


def _require_formed(events: list[Event], subnet_id: bytes) -> None:
    """Before the seed block is asked for: it may not be there yet."""
    if not any(e.name == "SubnetFormed" and e.args["subnet_id"] == subnet_id for e in events):
        raise NotFormedError(f"subnet 0x{subnet_id.hex()} was requested, but not formed")


def _address(done: Replay, index: int) -> str | None:
    found = (c.operator for c in done.candidates if c.index == index and c.operator)
    return next(found, None)
