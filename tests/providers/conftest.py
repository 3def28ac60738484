# SPDX-License-Identifier: Apache-2.0
"""A console of one's own, and a ledger beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import fusion, home
from tests.operator.conftest import market, market_chain
from tests.providers.console import Console
from tests.providers.world import Desk

__all__ = ["console", "desk", "fusion", "home", "market", "market_chain"]


@pytest.fixture
def console() -> Iterator[Console]:
    console = Console()
    yield console
    console.stop()


@pytest.fixture
def desk(console: Console, tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(console, tmp_path)
    yield desk
    desk.close()
