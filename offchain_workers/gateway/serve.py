# SPDX-License-Identifier: Apache-2.0
"""Run a gateway until a signal says stop; a second one ends it at once."""

from __future__ import annotations

import os
import signal
from types import FrameType

import structlog
from eth_account.signers.local import LocalAccount

from offchain_workers.config import Settings
from offchain_workers.gateway.gateway import Gateway

log = structlog.get_logger(__name__)


def serve(settings: Settings, account: LocalAccount) -> None:
    """Blocks. SIGTERM or SIGINT: see what was queued mined and return. Raises FusionError."""
    gateway = Gateway(settings, account)

    def stop(number: int, _: FrameType | None) -> None:
        if gateway.stopping:
            log.warning("second signal: exiting at once")
            os._exit(128 + number)
        log.info("stopping: seeing what was queued mined; a second signal exits at once")
        gateway.stop()

    before = {s: signal.signal(s, stop) for s in (signal.SIGTERM, signal.SIGINT)}
    try:
        gateway.run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
