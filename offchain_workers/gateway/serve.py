# SPDX-License-Identifier: Apache-2.0
"""Run a gateway until a signal says stop; a second one ends it at once."""

from __future__ import annotations

from eth_account.signers.local import LocalAccount

from offchain_workers.config import Settings
from offchain_workers.daemon.signals import stopped_by_signals
from offchain_workers.gateway.gateway import Gateway


def serve(settings: Settings, account: LocalAccount) -> None:
    """Blocks. SIGTERM or SIGINT: see what was queued mined and return. Raises FusionError."""
    gateway = Gateway(settings, account)
    with stopped_by_signals(gateway, "seeing what was queued mined"):
        gateway.run()
