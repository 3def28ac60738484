# SPDX-License-Identifier: Apache-2.0
"""Run a watcher until a signal says stop; a second one ends it at once."""

from __future__ import annotations

import os
import signal
from types import FrameType

import structlog
from eth_account.signers.local import LocalAccount

from offchain_workers.challenger.tell import Tell, logged
from offchain_workers.challenger.watcher import Watcher
from offchain_workers.config import Settings

log = structlog.get_logger(__name__)


def serve(
    settings: Settings,
    address: str,
    account: LocalAccount | None,
    tell: Tell = logged,
    once: bool = False,
) -> None:
    """Blocks. SIGTERM or SIGINT: see what was sent mined and return. Raises FusionError."""
    watcher = Watcher(settings, address, account, tell)

    def stop(number: int, _: FrameType | None) -> None:
        if watcher.stopping:
            log.warning("second signal: exiting at once")
            os._exit(128 + number)
        log.info("stopping: seeing what was sent mined; a second signal exits at once")
        watcher.stop()

    before = {s: signal.signal(s, stop) for s in (signal.SIGTERM, signal.SIGINT)}
    try:
        watcher.run(once)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
