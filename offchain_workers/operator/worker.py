# SPDX-License-Identifier: Apache-2.0
"""The daemon: one loop that follows the chain, decides, delivers and settles."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import structlog
from eth_account.signers.local import LocalAccount
from sqlalchemy import func, select

from offchain_workers.balancing.breaker import State
from offchain_workers.chain.contracts import Acceptance, JobTerms
from offchain_workers.chain.tables import CursorRow
from offchain_workers.config import Settings
from offchain_workers.daemon.life import Daemon
from offchain_workers.operator.assembly import Parts, assemble
from offchain_workers.operator.http import build_app
from offchain_workers.operator.reasons import Reason, refuse
from offchain_workers.operator.tables import JobRow, Stage, Status
from offchain_workers.operator.way_in import reached_through_relay, way_in
from verifiers.base import Method

log = structlog.get_logger(__name__)

# Bytes that a box, with what a method puts beside the input, may have more than the input.
BOX_ROOM = 128


class Worker(Daemon):
    """One operator's worker: finishes what is owed before ``run`` returns.

    A pending claim is not waited for, it may take days: the next start goes on with it.
    ``methods``: name -> ``module:Class`` of verification methods beside the built-in ones.
    ``instead``: methods that take the places of installed ones, for demonstrations.
    """

    def __init__(
        self,
        settings: Settings,
        account: LocalAccount,
        methods: dict[str, str] | None = None,
        instead: Sequence[Method] = (),
    ) -> None:
        settings = reached_through_relay(settings, account.address)
        super().__init__(settings)
        self._account = account
        self._parts: Parts = assemble(settings, account, methods or {}, instead)
        self._follower = self._parts.follower
        self._swept = time.monotonic()
        self._stocked = False
        parts = self._parts
        app = build_app(
            self.health,
            parts.notice.document,
            self._accept,
            parts.local,
            parts.metrics,
            settings.storage.max_bytes,
            self._largest_input,
            settings.worker.max_in_flight + 8,
        )
        self._endpoint = way_in(app, settings, account)

    def health(self) -> dict[str, Any]:
        """What GET /health answers."""
        return {
            "live": True,
            "ready": self._is_ready() and bool(self._parts.shop.models),
            "operator": self._account.address,
            "models": ["0x" + model.hex() for model in self._parts.shop.models],
            "in_flight": self._parts.crew.in_flight,
            "queue": self._waiting(),
        }

    # --- the loop -----------------------------------------------------------------------------

    def _begin(self) -> None:
        log.info("worker started", operator=self._account.address, url=self.url)
        self._parts.desk.recover()

    def _tick(self) -> None:
        parts = self._parts
        catalogue = self._follow()
        if catalogue or not self._stocked:
            parts.shop.refresh(parts.db)
            parts.notice.publish(parts.shop.models, parts.shop.method_names)
            self._stocked = True
        if parts.shop.load_late(parts.db):
            parts.notice.publish(parts.shop.models, parts.shop.method_names)
        parts.shop.price_gas()
        parts.desk.collect()
        parts.reconcile.survey()
        parts.desk.begin(parts.shop.facts(), only_owed=self._stopping.is_set())
        parts.dispatch.send()
        parts.follow_up.run()
        if parts.audits is not None:
            parts.audits.run()
        parts.upkeep.run()
        parts.tx.step(patient=not self._stopping.is_set())
        parts.dispatch.review()
        parts.dispatch.settled(max(1, self._settings.chain.confirmations))
        self._now_and_then()

    def _follow(self) -> bool:
        """Until nothing is new. Tells whether offers, models or methods changed."""
        parts, changed = self._parts, False
        while not self._abandoned.is_set():
            with parts.db.session() as session:
                steps = parts.follower.poll(session)
                seen = parts.watch.apply(session, steps)
            changed |= seen.catalogue
            if not steps:
                return changed
        return changed

    def _resync(self) -> None:
        with self._parts.db.session() as session:
            rollback = self._parts.follower.resync(session)
            self._parts.watch.apply(session, [rollback])

    def _now_and_then(self) -> None:
        parts = self._parts
        self._gauge()
        if time.monotonic() - self._swept < self._settings.worker.sweep_seconds:
            return
        self._swept = time.monotonic()
        parts.shop.refresh(parts.db)
        parts.reconcile.sweep()
        parts.settle.run(parts.shop.facts().gas_price)

    def _gauge(self) -> None:
        metrics = self._parts.metrics
        metrics.in_flight.set(self._parts.crew.in_flight)
        metrics.queue.set(self._waiting())
        metrics.breaker.set(self._parts.breaker.state is not State.CLOSED)
        with self._parts.db.read() as session:
            cursor = session.get(CursorRow, 1)
        metrics.block.set(cursor.number if cursor else 0)

    # --- the endpoint's side ------------------------------------------------------------------

    def _accept(self, terms: JobTerms, data: bytes) -> Acceptance:
        if not self._is_ready():
            raise refuse(Reason.NOT_READY)
        return self._parts.accept.answer(terms, data)

    def _largest_input(self) -> int:
        cards = [model.card for model in self._parts.shop.models.values()]
        largest = max((card.item_bytes_in * card.limits.max_items for card in cards), default=0)
        return largest + BOX_ROOM

    def _waiting(self) -> int:
        query = select(func.count()).where(
            JobRow.status == Status.OPEN, JobRow.stage.in_((Stage.NEW, Stage.READY))
        )
        with self._parts.db.read() as session:
            return session.scalar(query) or 0

    # --- the end ------------------------------------------------------------------------------

    def _finished(self) -> bool:
        return self._stopping.is_set() and not self._parts.duties.left(self._parts.crew)

    def _close(self) -> None:
        self._parts.close()
        log.info("worker stopped", operator=self._account.address)

    def _count(self, code: str) -> None:
        self._parts.metrics.errors.labels(code=code).inc()
