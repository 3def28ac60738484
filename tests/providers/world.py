# SPDX-License-Identifier: Apache-2.0
"""Leases against the stand-in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from offchain_workers.chain.db import Database
from offchain_workers.providers.akash import AkashSource
from offchain_workers.providers.base import Wish
from offchain_workers.providers.console_api import ConsoleApi
from offchain_workers.providers.leases import Leases
from offchain_workers.providers.ledger import Ledger
from offchain_workers.providers.tables import PROVIDER_SCHEMA, LeaseRow, State
from tests.providers.console import KEY, Console

WISH = Wish(image="ghcr.io/example/oip:1", gpu="rtx4090", gpus=1, hours=2, max_price=500_000)


class Desk:
    """One process's view: a source and a ledger, until ``close``."""

    def __init__(self, console: Console, folder: Path, key: str = KEY) -> None:
        self.console = console
        self.api = ConsoleApi(console.url, key)
        self.source = AkashSource(self.api)
        versions = {"provider": PROVIDER_SCHEMA}
        self._db = Database(f"sqlite:///{folder}/leases.db", versions)
        self.ledger = Ledger(self._db)
        self.said: list[str] = []
        self.leases = Leases(self.ledger, {"akash": self.source}, pause=0.02, tell=self.said.append)

    def close(self) -> None:
        self.api.close()
        self._db.close()

    def lease(self, bid_seconds: float = 5, up_seconds: float = 5, **changes: Any) -> LeaseRow:
        wish = replace(WISH, **changes)
        return self.ledger.row(self.leases.lease(self.source, wish, bid_seconds, up_seconds))

    def only(self) -> LeaseRow:
        (row,) = self.ledger.all()
        return row

    def running(self) -> list[str]:
        """Names in the ledger that may cost money."""
        return [
            row.name
            for row in self.ledger.all()
            if row.state in (State.LEASED, State.UP, State.RELEASING)
        ]
