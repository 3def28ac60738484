# SPDX-License-Identifier: Apache-2.0
"""Run a watcher until a signal says stop; a second one ends it at once."""

from __future__ import annotations

from eth_account.signers.local import LocalAccount

from offchain_workers.challenger.tell import Tell, logged
from offchain_workers.challenger.watcher import Watcher
from offchain_workers.config import Settings
from offchain_workers.daemon.signals import stopped_by_signals


def serve(
    settings: Settings,
    address: str,
    account: LocalAccount | None,
    tell: Tell = logged,
    once: bool = False,
) -> None:
    """Blocks. SIGTERM or SIGINT: see what was sent mined and return. Raises FusionError."""
    watcher = Watcher(settings, address, account, tell)
    with stopped_by_signals(watcher, "seeing what was sent mined"):
        watcher.run(once)
