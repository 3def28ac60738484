# SPDX-License-Identifier: Apache-2.0
"""The daemon: an endpoint, and one loop that follows the chain and sends what was queued."""

from __future__ import annotations

import structlog
from eth_account.signers.local import LocalAccount
from sqlalchemy import select

from offchain_workers.chain.follower import Rollback
from offchain_workers.chain.tables import CursorRow
from offchain_workers.config import Settings
from offchain_workers.daemon.endpoint import Endpoint
from offchain_workers.daemon.life import Daemon
from offchain_workers.gateway.assembly import Parts, assemble
from offchain_workers.gateway.tables import JobRow, State
from offchain_workers.gateway.views import Health
from offchain_workers.relay.serve import connections

log = structlog.get_logger(__name__)

# Of callers, beside those of a relay.
_CONNECTIONS = 256


class Gateway(Daemon):
    """Sees what was queued mined before ``run`` returns."""

    def __init__(self, settings: Settings, account: LocalAccount) -> None:
        super().__init__(settings)
        self._account = account
        self._parts: Parts = assemble(
            settings, account, self.health, self._is_ready, self._stopping.is_set
        )
        self._follower = self._parts.follower
        at = settings.gateway
        most = _CONNECTIONS + (connections(settings.relay) if at.relay else 0)
        self._endpoint = Endpoint(self._parts.app, at.listen_host, at.listen_port, most)

    def health(self) -> Health:
        """What GET /health answers."""
        market = self._parts.network.marketplace
        with self._parts.db.read() as session:
            cursor = session.get(CursorRow, 1)
        return Health(
            live=True,
            ready=self._is_ready(),
            account=self._account.address,
            chain_id=market.domain.chain_id,
            market=market.address,
            block=cursor.number if cursor else 0,
            balance=str(market.balance(self._account.address)),
        )

    # --- the loop -----------------------------------------------------------------------------

    def _begin(self) -> None:
        log.info("gateway started", account=self._account.address, url=self.url)

    def _tick(self) -> None:
        parts = self._parts
        self._follow()
        parts.tx.step()
        self._tell(parts.poster.review())
        parts.payer.turned()
        parts.observing.turned()
        if parts.spot_checks is not None:
            parts.spot_checks.turned()
        if not self._ready.is_set():
            self._see_money()

    def _see_money(self) -> None:
        """Callers would be the first to notice that there is none."""
        if not self._parts.network.marketplace.balance(self._account.address):
            log.warning(
                "no coins in the market to pay jobs from: `fusion deposit`",
                account=self._account.address,
            )

    def _follow(self) -> None:
        """Until nothing is new."""
        parts = self._parts
        while not self._abandoned.is_set():
            with parts.db.session() as session:
                steps = parts.follower.poll(session)
                touched = parts.ledger.apply(session, steps)
            parts.shelf.see(steps)
            if any(isinstance(step, Rollback) for step in steps):
                parts.snapshots.forget()
            self._tell(touched)
            if not steps:
                return

    def _resync(self) -> None:
        with self._parts.db.session() as session:
            rollback = self._parts.follower.resync(session)
            touched = self._parts.ledger.apply(session, [rollback])
        self._parts.shelf.see([rollback])
        self._parts.snapshots.forget()
        self._tell(touched)

    def _tell(self, job_ids: set[bytes]) -> None:
        """Whoever waits for one of these, and the balancers."""
        if not job_ids:
            return
        parts = self._parts
        with parts.db.read() as session:
            rows = session.scalars(select(JobRow).where(JobRow.job_id.in_(job_ids))).all()
        for row in rows:
            parts.leases.hear(row.job_id, row.state, row.operator)
            if parts.spot_checks is not None:
                parts.spot_checks.hear(row)
        parts.front.hear({row.job_id: row.state for row in rows})
        parts.bell.ring(job_ids)

    # --- the end ------------------------------------------------------------------------------

    def _finished(self) -> bool:
        return self._stopping.is_set() and not self._queued()

    def _queued(self) -> bool:
        query = select(JobRow.job_id).where(JobRow.state == State.QUEUED).limit(1)
        with self._parts.db.read() as session:
            return session.scalar(query) is not None

    def _close(self) -> None:
        self._parts.close()
        log.info("gateway stopped", account=self._account.address)

    def _count(self, code: str) -> None:
        """The gateway has no metrics yet: the log alone tells."""
