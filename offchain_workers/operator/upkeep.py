# SPDX-License-Identifier: Apache-2.0
"""What methods need on the chain before they can answer: registrations, and what these rest on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future

import structlog

from offchain_workers.chain.db import Database
from offchain_workers.chain.outbox import Outbox
from offchain_workers.chain.trail import followed
from offchain_workers.daemon.tasks import Tasks, why_failed
from offchain_workers.operator.metrics import Metrics
from offchain_workers.operator.once import Once
from verifiers.base import Enclosed, Method, Step

log = structlog.get_logger(__name__)

_STUCK = "MN-WORKER-141"
_PAUSE_SECONDS = 2.0
_AGAIN_SECONDS = 10.0


class Upkeep:
    """Asks each method once a block, in a thread beside the loop; again, without one, after what
    failed. ``served``: the methods that are opted in to, by selector."""

    def __init__(
        self,
        db: Database,
        outbox: Outbox,
        served: Callable[[], Mapping[bytes, Method]],
        metrics: Metrics,
        on_done: Callable[[], None],
    ) -> None:
        self._db = db
        self._once = Once(outbox, "upkeep")
        self._served = served
        self._metrics = metrics
        self._tasks: Tasks[Sequence[Step]] = Tasks("upkeep", 1, on_done)
        self._blocks: dict[bytes, bytes] = {}
        self._next: dict[bytes, float] = {}
        self._told: dict[bytes, str] = {}

    def run(self) -> None:
        """Queue what came back, and ask again. Called by the loop only."""
        for selector, future in self._tasks.finished():
            self._take(selector, future)
        for selector, method in self._served().items():
            if isinstance(method, Enclosed) and self._is_due(selector):
                self._tasks.start(selector, method.upkeep)

    def close(self) -> None:
        """Ask nothing more, and wait for what runs."""
        self._tasks.close()

    def _is_due(self, selector: bytes) -> bool:
        if self._tasks.has(selector) or time.monotonic() < self._next.get(selector, 0):
            return False
        with self._db.read() as session:
            block = followed(session)
        if block == self._blocks.get(selector):
            return False
        self._blocks[selector] = block
        self._next[selector] = time.monotonic() + _PAUSE_SECONDS
        return True

    def _take(self, selector: bytes, future: Future[Sequence[Step]]) -> None:
        # Whatever it is: one method must not keep the others from being looked after.
        if (error := future.exception()) is not None:
            failed = why_failed(error, _STUCK)
            self._later(selector, failed.code, failed.message)
            return
        steps = future.result()
        self._told.pop(selector, None)
        with self._db.session() as session:
            queued = [self._once.queue(session, selector, step.call) for step in steps]
        for step, result in zip(steps, queued, strict=True):
            if result.refused is not None:
                self._later(selector, _STUCK, f"{step.what}: {result.refused}")

    def _later(self, selector: bytes, code: str, why: str) -> None:
        """Ask again without a new block; say so when it is a new reason."""
        self._blocks.pop(selector, None)
        self._next[selector] = time.monotonic() + _AGAIN_SECONDS
        if self._told.get(selector) == why:
            return
        self._told[selector] = why
        self._metrics.errors.labels(code=code).inc()
        log.warning("upkeep left", method=f"0x{selector.hex()}", code=code, reason=why)
