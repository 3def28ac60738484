# SPDX-License-Identifier: Apache-2.0
"""What this worker serves right now: loaded models, methods opted in to, prices of gas and fees."""

from __future__ import annotations

import time
from collections.abc import Mapping

import structlog
from sqlalchemy.orm import Session
from web3.exceptions import Web3Exception

from offchain_workers.balancing.breaker import Breaker
from offchain_workers.chain.contracts import Network
from offchain_workers.chain.db import Database
from offchain_workers.chain.errors import RpcUnavailableError
from offchain_workers.chain.fees import suggested_tip
from offchain_workers.chain.rpc import RpcPool
from offchain_workers.daemon.clock import ChainClock
from offchain_workers.errors import FusionError
from offchain_workers.models.catalog import PublishedModel
from offchain_workers.models.vouching import HINT, Vouching
from offchain_workers.operator.catalogue import Catalogue, LoadedModel
from offchain_workers.operator.decide import Facts, Rules, Served
from offchain_workers.operator.reasons import Reason, Skip
from verifiers.base import Method, ModelView

log = structlog.get_logger(__name__)

_GAS_SECONDS = 10.0
_RELOAD_SECONDS = 60.0
# What files that strangers made can lead to in code that reads them, where it has no word for it:
# their model is barred, and the worker goes on.
HOSTILE = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError),
    *(NotImplementedError, RecursionError, TypeError, ValueError),
)


class Shop:
    """Changed by the daemon's loop only; read from any thread."""

    def __init__(
        self,
        operator: str,
        pool: RpcPool,
        network: Network,
        catalogue: Catalogue,
        known: Mapping[bytes, Method],
        rules: Rules,
        breaker: Breaker,
        clock: ChainClock,
        vouching: Vouching,
    ) -> None:
        self.models: dict[bytes, LoadedModel] = {}
        self.methods: dict[bytes, Method] = {}
        self._operator = operator
        self._pool = pool
        self._network = network
        self._catalogue = catalogue
        self._known = known
        self._rules = rules
        self._breaker = breaker
        self._clock = clock
        self._vouching = vouching
        self._fee_bps: dict[bytes, int] = {}
        self._gas_price = 0
        self._priced: float | None = None
        self._retry: dict[bytes, float] = {}
        self._told: dict[bytes, str] = {}
        self._admitted: set[tuple[bytes, bytes]] = set()
        self._barred: dict[bytes, dict[bytes, Skip]] = {}

    def facts(self, slots: int = 1) -> Facts:
        """The world as decide() wants it."""
        models = {
            model_id: Served(
                model.card,
                model.published.royalty_bps,
                model.published.artifacts,
                self._barred.get(model_id, {}),
            )
            for model_id, model in self.models.items()
        }
        return Facts(
            now=self._clock.now(),
            gas_price=self._gas_price,
            keeper_tip=self._network.marketplace.keeper_tip,
            models=models,
            methods=self.methods,
            fee_bps=self._fee_bps,
            slots=slots,
            breaker_open=not self._breaker.allows(),
            rules=self._rules,
        )

    def view(self, model_id: bytes) -> ModelView:
        """A loaded model as methods see it."""
        return self._catalogue.view(self.models[model_id])

    def price_gas(self) -> None:
        """Look at the fee market, at most every few seconds."""
        if self._priced is not None and time.monotonic() - self._priced < _GAS_SECONDS:
            return
        header = self._pool.header("latest")
        if header is None:
            raise RpcUnavailableError("no endpoint shows its latest block")
        self._gas_price = header.base_fee + suggested_tip(self._pool)
        self._priced = time.monotonic()

    def refresh(self, db: Database) -> None:
        """Methods that we opted in to, and models that we offer, as of now."""
        self._retry.clear()
        self._refresh_methods()
        self._load_missing(db)
        for model in self.models.values():
            self._admit(model)

    def _load_missing(self, db: Database) -> None:
        with db.read() as session:
            missing = self._missing(session)
        for model in missing:
            self._load(model)

    @property
    def method_names(self) -> list[str]:
        return [method.name for method in self.methods.values()]

    def load_late(self, db: Database) -> bool:
        """Try again, now and then, to load what failed before. Tells whether something did load."""
        before = len(self.models)
        if any(time.monotonic() >= at for at in self._retry.values()):
            self._load_missing(db)
        return len(self.models) > before

    def close(self) -> None:
        for model in self.models.values():
            model.close()

    def _refresh_methods(self) -> None:
        served: dict[bytes, Method] = {}
        for selector, method in self._known.items():
            listed = self._network.marketplace.method(selector)
            if listed and self._network.subnets.opted_in(self._operator, listed.plugin):
                served[selector] = method
                self._fee_bps[selector] = listed.fee_bps
        self.methods = served

    def _missing(self, session: Session) -> list[PublishedModel]:
        found = []
        for model_id in self._catalogue.wanted(session, self._operator):
            if model_id in self.models or time.monotonic() < self._retry.get(model_id, 0):
                continue
            try:
                found.append(self._catalogue.published(session, model_id))
            except FusionError as error:
                self._give_up(model_id, error)
        return found

    def _load(self, model: PublishedModel) -> None:
        """One model that does not load must not keep the others from being served."""
        try:
            loaded = self._catalogue.load(model)
        except (FusionError, Web3Exception, *HOSTILE) as error:
            self._give_up(model.model_id, error)
            return
        self._retry.pop(model.model_id, None)
        self._told.pop(model.model_id, None)
        self._admit(loaded)
        self.models = {**self.models, model.model_id: loaded}

    def _admit(self, model: LoadedModel) -> None:
        """Ask every method that we serve whether this machine may run the model under it.

        A refusal stands until the next look: a method remembers its own verdicts. Whoever vouched
        for a model may take that back.
        """
        model_id = model.published.model_id
        for selector, method in self.methods.items():
            key = model_id, selector
            if key in self._admitted and self._still_vouched(model.published, selector):
                continue
            self._admitted.discard(key)
            skip = self._refusal(model, selector, method)
            if skip is None:
                self._admitted.add(key)
            elif skip != self._barred.get(model_id, {}).get(selector):
                name, code = f"0x{model_id.hex()}", skip.reason.code
                log.error("model barred", model=name, code=code, reason=skip.line)
            self._set_barred(model_id, selector, skip)

    def _refusal(self, model: LoadedModel, selector: bytes, method: Method) -> Skip | None:
        """Why jobs about the model are not answered under a method, None when they are."""
        try:
            if not self._is_vouched(model.published, selector):
                return Skip(Reason.MODEL_UNVOUCHED, HINT)
            method.admit(self._catalogue.candidate(model, selector))
        except FusionError as error:
            return Skip(Reason.SELF_TEST_FAILED, str(error))
        except Web3Exception:
            raise
        except HOSTILE as error:
            return Skip(Reason.SELF_TEST_FAILED, f"its files lead to {type(error).__name__}")
        return None

    def _is_vouched(self, model: PublishedModel, selector: bytes) -> bool:
        """Or need not be: only artifacts are."""
        return selector not in model.artifacts or self._vouching.admits(model)

    def _still_vouched(self, model: PublishedModel, selector: bytes) -> bool:
        """As far as can be told: an endpoint that fails bars no model that was admitted."""
        try:
            return self._is_vouched(model, selector)
        except (FusionError, Web3Exception) as error:
            log.warning(
                "who vouches is not known", model=f"0x{model.model_id.hex()}", why=str(error)
            )
            return True

    def _set_barred(self, model_id: bytes, selector: bytes, why: Skip | None) -> None:
        """In a new dictionary: other threads read the old one."""
        barred = dict(self._barred.get(model_id, {}))
        barred.pop(selector, None)
        self._barred = {**self._barred, model_id: barred | ({selector: why} if why else {})}

    def _give_up(self, model_id: bytes, error: Exception) -> None:
        self._retry[model_id] = time.monotonic() + _RELOAD_SECONDS
        why = str(error) if isinstance(error, FusionError) else repr(error)
        if self._told.get(model_id) != why:
            self._told[model_id] = why
            log.error("model not loaded", model=f"0x{model_id.hex()}", reason=why)
