# SPDX-License-Identifier: Apache-2.0
"""Run a worker until a signal says stop; a second one ends it at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from types import FrameType

import structlog
from eth_account.signers.local import LocalAccount

from offchain_workers.config import Settings
from offchain_workers.operator.worker import Worker
from verifiers.base import Method

log = structlog.get_logger(__name__)


def serve(settings: Settings, account: LocalAccount, instead: Sequence[Method] = ()) -> None:
    """Blocks. SIGTERM or SIGINT: finish what is owed and return. Raises FusionError.

    ``instead``: as for ``Worker``.
    """
    worker = Worker(settings, account, instead=instead)

    def stop(number: int, _: FrameType | None) -> None:
        if worker.stopping:
            log.warning("second signal: exiting at once")
            os._exit(128 + number)
        log.info("stopping: finishing what is owed; a second signal exits at once")
        worker.stop()

    before = {s: signal.signal(s, stop) for s in (signal.SIGTERM, signal.SIGINT)}
    try:
        worker.run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
