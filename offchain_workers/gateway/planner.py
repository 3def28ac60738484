# SPDX-License-Identifier: Apache-2.0
"""From a wish to a decision, and from a decision to an order."""

from __future__ import annotations

import threading
from collections.abc import Callable

from offchain_workers.chain.contracts import Network
from offchain_workers.chain.rpc import RpcPool
from offchain_workers.config.gateway import Gateway
from offchain_workers.gateway.asks import JobAsk, WishAsk
from offchain_workers.gateway.orders import Order
from offchain_workers.gateway.shelf import Shelf
from offchain_workers.requester.posting import Wish
from offchain_workers.routing.market import Market
from offchain_workers.routing.names import check_names
from offchain_workers.routing.planning import plan
from offchain_workers.routing.record import DecisionRecord
from offchain_workers.routing.request import RouteRequest
from offchain_workers.routing.snapshot import MarketReader
from offchain_workers.storage import BlobStore

_MOST_DECIDED = 1024


class Snapshots:
    """The market as of the head, read once a block. Thread-safe."""

    def __init__(self, pool: RpcPool, network: Network, store: BlobStore, private: bool) -> None:
        self._pool = pool
        self._parts = network, store, private
        self._lock = threading.Lock()
        self._reader: MarketReader | None = None
        self._market: Market | None = None

    def now(self) -> Market:
        """Raises the chain's errors."""
        with self._lock:
            height = self._pool.common_height
            if self._market is None or self._market.place.block < height:
                if self._reader is None:
                    self._reader = MarketReader(self._pool, *self._parts)
                self._market = self._reader.at()
            return self._market

    def forget(self) -> None:
        """The past changed."""
        with self._lock:
            self._market = self._reader = None


class Planner:
    """Thread-safe. ``market`` gives a snapshot of now."""

    def __init__(self, settings: Gateway, shelf: Shelf, market: Callable[[], Market]) -> None:
        self._settings = settings
        self._shelf = shelf
        self._market = market
        self._lock = threading.Lock()
        self._decided: tuple[Market | None, dict[bytes, DecisionRecord]] = None, {}

    def decide(self, wish: WishAsk, items: int = 1) -> DecisionRecord:
        """The decision, which may be that nothing fits: made once for a wish and a snapshot, jobs
        get copies with nonces of their own. Raises ModelUnknownError, ModelAmbiguousError, and
        NothingFitsError for a task or a method that nobody has, with what is near."""
        request, market = self._request(wish, items), self._market()
        key = request.hash()
        with self._lock:
            snapshot, decided = self._decided
            if snapshot is not market or len(decided) >= _MOST_DECIDED:
                decided = {}
                self._decided = market, decided
        if key not in decided:
            check_names(request, market)
            decided[key] = plan(request, market)
        return decided[key]

    def order(
        self, record: DecisionRecord, within: int | None = None, turn: int | None = None
    ) -> Order:
        """What the decision chose. Raises NothingFitsError where it is that nothing fits."""
        model = self._shelf.model(record.chosen.model)
        assert record.choice is not None  # chosen would have raised
        return Order(
            model=model,
            card=self._shelf.card(model),
            spec=record.spec,
            wish=Wish(
                deliver_within=within or self._settings.deliver_seconds,
                turn_length=turn or self._settings.turn_seconds,
            ),
            price=record.choice.price_cap,
            record=record,
        )

    def order_of(self, ask: JobAsk) -> Order:
        """What a job asks for. Raises as `WishAsk.check_public`, `decide` and `order`."""
        ask.wish.check_public()
        record = self.decide(ask.wish, len(ask.inputs))
        return self.order(record, ask.deliver_within, ask.turn_length)

    def _request(self, wish: WishAsk, items: int) -> RouteRequest:
        """Names become ids."""
        given = wish.model_dump(exclude_unset=True)
        if wish.model is not None:
            given["model"] = "0x" + self._shelf.model(wish.model).model_id.hex()
        return RouteRequest.model_validate({**given, "items": items})
