# SPDX-License-Identifier: Apache-2.0
"""Who attested what and who offers what now, folded from the registries' past events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from offchain_workers.chain.contracts import Network, Tier
from offchain_workers.chain.events import Abi, Event
from offchain_workers.chain.rpc import RpcPool
from offchain_workers.chain.scan import scan


@dataclass(frozen=True)
class Offer:
    """A live offer. ``price`` per item in base units of ``token``; written in ``block_number``,
    in force from the epoch after that block's."""

    operator: str
    book_id: bytes
    model_id: bytes
    selector: bytes
    token: str
    tier: Tier
    region: int
    price: int
    limits: int
    block_number: int


@dataclass
class Directory:
    """``methods``: operator to the selectors that it opted in to."""

    attesters: dict[bytes, set[str]] = field(default_factory=dict)
    offers: dict[tuple[str, bytes], Offer] = field(default_factory=dict)
    methods: dict[str, set[bytes]] = field(default_factory=dict)

    @classmethod
    def of(cls, events: Iterable[Event]) -> Directory:
        """``events`` in chain order; others than the registries' are skipped."""
        directory = cls()
        for event in events:
            if event.name in _FOLD:
                _FOLD[event.name](directory, event.args, event.block_number)
        return directory

    def offers_of(self, operator: str) -> list[Offer]:
        return [offer for offer in self.offers.values() if offer.operator == operator]

    def offers_for(self, model_id: bytes) -> list[Offer]:
        return [offer for offer in self.offers.values() if offer.model_id == model_id]

    def holders(self, model_id: bytes) -> list[str]:
        """The distinct operators with a live offer of the model."""
        return sorted({offer.operator for offer in self.offers_for(model_id)})

    def attesters_of(self, model_id: bytes) -> list[str]:
        return sorted(self.attesters.get(model_id, ()))


def read_directory(
    pool: RpcPool,
    network: Network,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Directory:
    """The directory as of the head. Raises as ``scan``."""
    abis: dict[str, Abi] = {p.address: p.abi for p in (network.models, network.subnets)}
    events = scan(pool, abis, network.start_block, names=_FOLD.keys(), progress=progress)
    return Directory.of(events)


Args = Mapping[str, Any]


def _attested(directory: Directory, args: Args, _: int) -> None:
    directory.attesters.setdefault(args["model_id"], set()).add(args["attester"])


def _retracted(directory: Directory, args: Args, _: int) -> None:
    directory.attesters[args["model_id"]].discard(args["attester"])


def _offered(directory: Directory, args: Args, block_number: int) -> None:
    offer = Offer(**{**args, "tier": Tier(args["tier"])}, block_number=block_number)
    directory.offers[offer.operator, offer.book_id] = offer


def _offer_ended(directory: Directory, args: Args, _: int) -> None:
    directory.offers.pop((args["operator"], args["book_id"]), None)


def _opted_in(directory: Directory, args: Args, _: int) -> None:
    directory.methods.setdefault(args["operator"], set()).add(args["selector"])


def _opted_out(directory: Directory, args: Args, _: int) -> None:
    directory.methods[args["operator"]].discard(args["selector"])


_FOLD: dict[str, Callable[[Directory, Args, int], None]] = {
    "ModelAttested": _attested,
    "AttestationRetracted": _retracted,
    "Offered": _offered,
    "OfferEnded": _offer_ended,
    "OptedIn": _opted_in,
    "OptedOut": _opted_out,
}
