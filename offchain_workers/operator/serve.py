# SPDX-License-Identifier: Apache-2.0
"""Run a worker until a signal says stop; a second one ends it at once."""

from __future__ import annotations

from collections.abc import Sequence

from eth_account.signers.local import LocalAccount

from offchain_workers.config import Settings
from offchain_workers.daemon.signals import stopped_by_signals
from offchain_workers.operator.worker import Worker
from verifiers.base import Method


def serve(settings: Settings, account: LocalAccount, instead: Sequence[Method] = ()) -> None:
    """Blocks. SIGTERM or SIGINT: finish what is owed and return. Raises FusionError.

    ``instead``: as for ``Worker``.
    """
    worker = Worker(settings, account, instead=instead)
    with stopped_by_signals(worker, "finishing what is owed"):
        worker.run()
