# SPDX-License-Identifier: Apache-2.0
"""The daemon: one loop that follows claims, judges them, and plays against those that are wrong."""

from __future__ import annotations

import time
from typing import Any

import structlog
from eth_account.signers.local import LocalAccount

from offchain_workers.chain.follower import Forward
from offchain_workers.challenger.assembly import Parts, assemble
from offchain_workers.challenger.http import build_app
from offchain_workers.challenger.reasons import LeftError, Reason
from offchain_workers.challenger.tell import Tell, logged
from offchain_workers.config import Settings
from offchain_workers.daemon.endpoint import Endpoint
from offchain_workers.daemon.life import Daemon

log = structlog.get_logger(__name__)

# With `once`, so many turns in a row may fail: whoever runs it by a timer wants to hear of it.
MOST_FAILURES = 5


class Watcher(Daemon):
    """One challenger's watcher: open games wait for the next start.

    ``account`` signs; a dry run needs none. ``tell`` hears of all that happens.
    """

    # It was there at the start, so a node lost its state.
    _missing_is_final = False

    def __init__(
        self,
        settings: Settings,
        address: str,
        account: LocalAccount | None,
        tell: Tell = logged,
    ) -> None:
        super().__init__(settings)
        self._address = address
        self._parts: Parts = assemble(settings, address, account, tell)
        self._follower = self._parts.follower
        self._once = False
        self._swept = -float("inf")
        self._idle = self._failures = 0
        self._is_torn = False
        watch = settings.watch
        app = build_app(self.health, self._parts.metrics)
        self._endpoint = Endpoint(app, watch.listen_host, watch.listen_port)

    def run(self, once: bool = False) -> None:
        """With ``once`` until nothing is left to do for now, or the chain stays away."""
        self._once = once
        super().run()

    def health(self) -> dict[str, Any]:
        """What GET /health answers; amounts in wei."""
        parts, watch = self._parts, self._settings.watch
        return {
            "live": True,
            "ready": self._is_ready(),
            "challenger": self._address,
            "dry_run": watch.dry_run,
            "share": watch.share,
            "claims": len(parts.docket.standing),
            "checking": parts.checks.busy,
            "games": len(parts.docket.games),
            "at_risk": str(parts.docket.at_risk),
            "budget": str(watch.budget_wei),
        }

    # --- the loop -----------------------------------------------------------------------------

    def _begin(self) -> None:
        log.info("watcher started", challenger=self._address, url=self.url)
        with self._parts.db.read() as session:
            self._parts.docket.rebuild(session)

    def _tick(self) -> None:
        parts = self._parts
        self._follow()
        if not self._stopping.is_set():
            parts.checks.run()
        if parts.games is None or parts.tx is None:
            self._only_say()
        else:
            parts.games.run()
            parts.tx.step()
            parts.games.review()
            self._now_and_then()
        self._gauge()
        self._idle = 0 if self._is_busy else self._idle + 1
        self._failures = 0

    def _gives_up(self) -> bool:
        self._failures += 1
        return self._once and self._failures >= MOST_FAILURES

    def _follow(self) -> None:
        """Until nothing is new."""
        parts = self._parts
        while not self._abandoned.is_set():
            with parts.db.session() as session:
                if self._is_torn:
                    parts.docket.rebuild(session)
                steps = parts.follower.poll(session)
                # What is not committed comes again: the docket must not count it twice.
                self._is_torn = bool(steps)
                parts.docket.apply(session, steps)
            self._is_torn = False
            for step in steps:
                if isinstance(step, Forward):
                    parts.clock.see(step.blocks[-1].timestamp)
            if not steps:
                return

    def _resync(self) -> None:
        with self._parts.db.session() as session:
            self._parts.docket.apply(session, [self._parts.follower.resync(session)])

    def _only_say(self) -> None:
        for claim in self._parts.checks.wrong:
            self._parts.checks.leave(claim, LeftError(Reason.DRY_RUN))

    def _now_and_then(self) -> None:
        watch, games = self._settings.watch, self._parts.games
        if games is None or time.monotonic() - self._swept < watch.sweep_seconds:
            return
        self._swept = time.monotonic()
        if watch.withdraw_above_wei is not None:
            games.withdraw(watch.withdraw_above_wei)

    def _gauge(self) -> None:
        metrics, parts = self._parts.metrics, self._parts
        metrics.standing.set(len(parts.docket.standing))
        metrics.checking.set(parts.checks.busy)
        metrics.games.set(len(parts.docket.games))
        metrics.at_risk.set(parts.docket.at_risk)
        metrics.budget.set(self._settings.watch.budget_wei)
        metrics.block.set(parts.pool.height)

    # --- the end ------------------------------------------------------------------------------

    def _finished(self) -> bool:
        games = self._parts.games
        if self._stopping.is_set():
            return games is None or not games.busy
        # What was mined in one turn is followed in the next.
        return self._once and self._idle > 1

    @property
    def _is_busy(self) -> bool:
        games, checks = self._parts.games, self._parts.checks
        return checks.waits or checks.busy > 0 or (games is not None and games.busy)

    def _close(self) -> None:
        left = len(self._parts.docket.games)
        self._parts.close()
        if left:
            log.warning("games are open: start again before their clocks run out", games=left)
        log.info("watcher stopped", challenger=self._address)

    def _count(self, code: str) -> None:
        self._parts.metrics.errors.labels(code=code).inc()
