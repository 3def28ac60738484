# SPDX-License-Identifier: Apache-2.0
"""What the market has to offer, kept from one request to the next and read again when it changes:
models with their cards, offers, endpoints, live subnets."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from functools import partial

import structlog

from offchain_workers.chain.contracts import Network, Spec, SubnetInfo
from offchain_workers.chain.contracts.terms import selector_of
from offchain_workers.chain.directory import Directory, read_directory
from offchain_workers.chain.follower import Forward, Step
from offchain_workers.chain.rpc import RpcPool
from offchain_workers.daemon.clock import ChainClock
from offchain_workers.errors import FusionError
from offchain_workers.gateway.errors import MisfitError, NoLiveSubnetError
from offchain_workers.gateway.outbox import OutboxPayer
from offchain_workers.models.absent import Absent
from offchain_workers.models.card import ModelCard
from offchain_workers.models.catalog import Catalog, PublishedModel, endpoints, published_models
from offchain_workers.requester.formation import SPARE_SECONDS, Formation
from offchain_workers.requester.patience import Patience
from offchain_workers.requester.posting import Posting
from offchain_workers.storage import BlobStore

log = structlog.get_logger(__name__)

_FORMING_SECONDS = 300.0
_MODELS = {"ModelPublished"}
_ENDPOINTS = {"ManifestSet"}
_OFFERS = {"ModelAttested", "AttestationRetracted", "Offered", "OfferEnded", "OptedIn", "OptedOut"}
_MOST_POSTINGS = 256


class Shelf:
    """Thread-safe. ``see`` is told of each step of the chain and forgets what it made stale.

    ``payer`` None: no subnets are formed.
    """

    def __init__(
        self,
        pool: RpcPool,
        network: Network,
        store: BlobStore,
        allow_private: bool,
        payer: OutboxPayer | None,
    ) -> None:
        self._pool = pool
        self._network = network
        self._store = store
        self._allow_private = allow_private
        self._payer = payer
        self._lock = threading.RLock()
        self._catalog: Catalog | None = None
        self._absent = Absent()
        self._endpoints: dict[str, str] | None = None
        self._directory: Directory | None = None
        self._cards: dict[bytes, ModelCard] = {}
        self._postings: dict[tuple[bytes, bytes], Posting] = {}
        self._forming: dict[bytes, threading.Lock] = {}
        self._subnets: dict[bytes, SubnetInfo] = {}
        self._clock = ChainClock()
        self.version = 0

    def see(self, steps: Iterable[Step]) -> None:
        """Forget what changed; a rollback may have changed anything."""
        for step in steps:
            if not isinstance(step, Forward):
                self._forget(models=True, announced=True, offers=True)
                with self._lock:
                    self._subnets.clear()
                continue
            self._clock.see(step.blocks[-1].timestamp)
            names = {event.name for event in step.events}
            self._forget(bool(names & _MODELS), bool(names & _ENDPOINTS), bool(names & _OFFERS))

    def _forget(self, models: bool, announced: bool, offers: bool) -> None:
        with self._lock:
            if models:
                self._catalog = None
            if announced:
                self._endpoints = None
                self._postings.clear()
            if offers:
                self._directory = None
            self.version += models or announced or offers

    @property
    def catalog(self) -> Catalog:
        with self._lock:
            if self._catalog is None:
                models = published_models(self._pool, self._network)
                self._catalog = Catalog(models, self._store, self._allow_private, self._absent)
            return self._catalog

    @property
    def directory(self) -> Directory:
        with self._lock:
            if self._directory is None:
                self._directory = read_directory(self._pool, self._network)
            return self._directory

    @property
    def endpoints(self) -> dict[str, str]:
        with self._lock:
            if self._endpoints is None:
                self._endpoints = endpoints(self._pool, self._network)
            return self._endpoints

    def model(self, reference: str) -> PublishedModel:
        """By id, first digits or name. Raises ModelUnknownError, ModelAmbiguousError."""
        return self.catalog.find(reference)

    def card(self, model: PublishedModel) -> ModelCard:
        """Raises StoreError when nobody has it, InvalidCardError."""
        with self._lock:
            known = self._cards.get(model.model_id)
        if known is None:
            known = self.catalog.card(model)
            with self._lock:
                self._cards[model.model_id] = known
        return known

    def readable(self) -> list[tuple[PublishedModel, ModelCard]]:
        """The models whose cards can be had."""
        found = []
        for model in self.catalog.models:
            try:
                found.append((model, self.card(model)))
            except FusionError as error:
                log.info("a model without a card", model=model.model_id.hex(), reason=str(error))
        return found

    def selector(self, method: str) -> bytes:
        """Raises MisfitError for a method that the market does not have."""
        selector = selector_of(method)
        if self._network.marketplace.method(selector) is None:
            raise MisfitError(f"this market has no verification method {method[:32]!r}")
        return selector

    # --- subnets ------------------------------------------------------------------------------

    def live(self, spec: Spec) -> SubnetInfo | None:
        """The spec's subnet while it takes posts."""
        with self._lock:
            known = self._subnets.get(spec.spec_id)
        if known is not None and known.expires > self._clock.now() + SPARE_SECONDS:
            return known
        found = self._formation().live(spec)
        if found is not None:
            with self._lock:
                while len(self._subnets) >= _MOST_POSTINGS:
                    self._subnets.pop(next(iter(self._subnets)))
                self._subnets[spec.spec_id] = found
        return found

    def subnet(self, spec: Spec, may_form: bool) -> SubnetInfo:
        """A live one, formed if need be: one at a time of a spec. Raises NoLiveSubnetError,
        NoSubnetError, and what the chain says."""
        found = self.live(spec)
        if found is not None:
            return found
        if not may_form or self._payer is None:
            raise NoLiveSubnetError("no live subnet fits; whoever forms one pays its tip")
        with self._lock:
            forming = self._forming.setdefault(spec.spec_id, threading.Lock())
        with forming:
            return self._formation().ensure(spec)

    def posting(self, subnet: SubnetInfo, model: PublishedModel, selector: bytes) -> Posting:
        """Prepares jobs of the model and method on the subnet. Raises as ``card``."""
        key = subnet.subnet_id, selector
        with self._lock:
            known = self._postings.get(key)
        if known is not None:
            return known
        made = Posting(
            self._network,
            subnet,
            model.model_id,
            self.card(model),
            selector,
            self.endpoints,
            self._network.models.artifact(model.model_id, selector),
            partial(self.catalog.blob, model),
            self._allow_private,
        )
        with self._lock:
            while len(self._postings) >= _MOST_POSTINGS:
                self._postings.pop(next(iter(self._postings)))
            self._postings[key] = made
        return made

    def _formation(self) -> Formation:
        patience = Patience(self._pool, _FORMING_SECONDS)
        return Formation(self._network, self._payer or _Nobody(), patience)


class _Nobody:
    """Pays for nothing."""

    def send(self, call: object) -> object:
        raise NoLiveSubnetError("this gateway forms no subnets")
