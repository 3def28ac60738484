# SPDX-License-Identifier: Apache-2.0
"""One local market with two workers and a gateway, every role a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from offchain_workers.localnet import Localnet
from offchain_workers.models.demo import digits
from tests.gateway.world import PAGE, PLANS, World


@pytest.fixture(scope="package")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Localnet]:
    folder: Path = tmp_path_factory.mktemp("gateway")
    with Localnet(folder, kind="embedded", workers=PLANS, models=lambda: (digits(),)) as net:
        yield net


@pytest.fixture(scope="package")
def shared(market: Localnet) -> Iterator[World]:
    """A gateway with generous quotas, for tests that harm nobody else."""
    with World(market, "gateway", origins=[PAGE]) as world:
        yield world


@pytest.fixture(scope="package")
def strict(market: Localnet) -> Iterator[World]:
    """A gateway of little patience, closed to callers without a key."""
    own = {
        "requests_per_minute": 30,
        "max_in_flight": 4,
        "blob_bytes_per_hour": 4096,
        "max_body_bytes": 65_536,
        "max_streams": 2,
        "spend_per_hour_wei": 10**16,
    }
    with World(market, "strict", open=False, **own) as world:
        yield world
