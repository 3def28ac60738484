# SPDX-License-Identifier: Apache-2.0
"""Read the market of one block from the chain's events and the models' cards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from offchain_workers.chain.contracts import Network
from offchain_workers.chain.contracts.base import NATIVE
from offchain_workers.chain.contracts.subnets import book_id
from offchain_workers.chain.contracts.terms import selector_of
from offchain_workers.chain.development import DEVELOPMENT_CHAINS
from offchain_workers.chain.errors import RpcUnavailableError
from offchain_workers.chain.events import Abi, Event
from offchain_workers.chain.past import Past
from offchain_workers.chain.rpc import RpcPool
from offchain_workers.chain.scan import scan
from offchain_workers.models import InvalidCardError, ModelCard
from offchain_workers.models.catalog import Catalog, PublishedModel
from offchain_workers.routing.books import books_at, operators_at
from offchain_workers.routing.carrying import carrier
from offchain_workers.routing.fold import FOLDED, OF_MARKET, Folded, Listed
from offchain_workers.routing.holds import SETTLED_BLOCKS, Holds, held
from offchain_workers.routing.market import Market, MarketMethod, MarketModel, MarketOffer, Place
from offchain_workers.routing.quality import QualityTable, infer_ms_of, quality_of
from offchain_workers.storage import BlobStore, StoreError
from verifiers.methods import method_table

# A subnet about to expire is as good as none: the post would come too late.
SPARE_SECONDS = 30
_NAMES = FOLDED | {"SeatChanged", "OperatorRegistered"}


class MarketReader:
    """Snapshots of one market; what was read once is kept. Used by one thread at a time.

    ``store`` is asked for cards first, then the models' own servers.
    """

    def __init__(
        self,
        pool: RpcPool,
        network: Network,
        store: BlobStore,
        allow_private: bool = False,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        self._pool, self._network = pool, network
        self._catalog = Catalog((), store, allow_private)
        self._progress = progress
        self._events: list[Event] = []
        self._settled = network.start_block - 1
        self._models: dict[tuple[bytes, ...], MarketModel] = {}
        self._holds = Holds(network)
        self._lead = int(network.subnets.read("LEAD_BLOCKS"))

    def at(self, block: int | None = None, quality: QualityTable | None = None) -> Market:
        """The market after a block (None: the head).

        Raises RpcUnavailableError for a block that no endpoint has, and the chain's errors.
        """
        if block is None:
            self._pool.refresh()
            block = self._pool.common_height
        place, events = self._place(block), self._until(block)
        folded = Folded.of(events)
        methods = [_method(selector, listed) for selector, listed in folded.methods.items()]
        holds = {method.name: self._holds.at(method.name, block) for method in methods}
        return Market(
            place,
            methods,
            [self._model(model, folded, methods, holds) for model in folded.models.values()],
            _offers(events, place.epoch, folded, methods),
            {
                spec: subnet
                for spec, (subnet, expires) in folded.formed.items()
                if expires > place.timestamp + SPARE_SECONDS
            },
            quality,
        )

    def _place(self, block: int) -> Place:
        header = self._pool.header(block)
        if header is None:
            raise RpcUnavailableError(f"the endpoints do not have block {block}")
        network, chain_id = self._network, self._pool.chain_id
        return Place(
            chain_id=chain_id,
            market=network.marketplace.address,
            block=block,
            block_hash=header.hash,
            timestamp=header.timestamp,
            epoch=(block + 1 + self._lead) // network.subnets.epoch_blocks,
            development=chain_id in DEVELOPMENT_CHAINS,
        )

    def _until(self, block: int) -> Sequence[Event]:
        """All events up to a block, in chain order of each contract."""
        settled = block - SETTLED_BLOCKS
        if settled > self._settled:
            self._events += self._read(self._settled + 1, settled)
            self._settled = settled
        known = [event for event in self._events if event.block_number <= block]
        return known + self._read(self._settled + 1, block)

    def _read(self, first: int, last: int) -> list[Event]:
        if first > last:
            return []
        network = self._network
        abis: dict[str, Abi] = {one.address: one.abi for one in (network.models, network.subnets)}
        events = scan(self._pool, abis, first, last, names=_NAMES, progress=self._progress)
        # The market's other events, of every job, are many.
        past = Past(network.marketplace, first)
        return events + [*past.newest_first(OF_MARKET, None, last)][::-1]

    def _model(
        self,
        model: PublishedModel,
        folded: Folded,
        methods: Sequence[MarketMethod],
        holds: Mapping[str, Mapping[bytes, int] | None],
    ) -> MarketModel:
        known = (model.model_id, *(method.selector for method in methods))
        found = self._models.get(known)
        if found is None:
            found = self._read_model(model, folded, methods)
            if found.problem is None:
                self._models[known] = found
        stake = self._network.models.attest_stake
        carriage = {name: held(one, holds[name]) for name, one in found.carriage.items()}
        return replace(
            found,
            attesters=folded.attesters_of(model.model_id, stake),
            carriage={name: one for name, one in carriage.items() if one is not None},
        )

    def _read_model(
        self, model: PublishedModel, folded: Folded, methods: Sequence[MarketMethod]
    ) -> MarketModel:
        try:
            card = self._catalog.card(model)
            parent = self._parent(model, folded)
        except (StoreError, InvalidCardError) as error:
            return MarketModel(model.model_id, model.publisher, problem=error.message)
        carried = {
            method.name: carrier(method.name).carry(
                model.artifacts.get(method.selector), card, self._reading(model)
            )
            for method in methods
        }
        return MarketModel(
            model_id=model.model_id,
            publisher=model.publisher,
            name=card.name,
            task=card.task,
            codec=card.codec,
            item_bytes=card.item_bytes_in,
            max_items=card.limits.max_items,
            quality_bp=quality_of(card, parent),
            infer_ms=infer_ms_of(card, parent),
            carriage={name: one for name, one in carried.items() if one is not None},
        )

    def _parent(self, model: PublishedModel, folded: Folded) -> ModelCard | None:
        parent = folded.models.get(model.parent)
        return None if parent is None else self._catalog.card(parent)

    def _reading(self, model: PublishedModel) -> Callable[[str, int], bytes]:
        return lambda cid, limit: self._catalog.blob(model, cid, limit)


def _method(selector: bytes, listed: Listed) -> MarketMethod:
    names = {selector_of(name): name for name in method_table()} | {
        selector_of(name): name for name in ("none", "zkml", "opml", "teeml")
    }
    name = names.get(selector, "0x" + selector.hex())
    facts = carrier(name)
    is_open = not (listed.paused or listed.retired)
    return MarketMethod(name, selector, listed.max_n, is_open, facts.security_bp, facts.private)


def _offers(
    events: Sequence[Event], epoch: int, folded: Folded, methods: Sequence[MarketMethod]
) -> list[MarketOffer]:
    """The seats in force in an epoch, of native coin."""
    books = books_at(events, epoch)
    operators = operators_at(events)
    return [
        MarketOffer(
            operator=operators[seat.operator],
            model_id=model_id,
            method=method.name,
            tier=seat.tier,
            seat=seat.number,
            price=seat.price,
            region=seat.region,
            weight=seat.weight,
        )
        for model_id in folded.models
        for method in methods
        for seat in books.get(book_id(model_id, method.selector, NATIVE), ())
        if seat.weight
    ]
