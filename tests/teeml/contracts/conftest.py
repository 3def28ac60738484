# SPDX-License-Identifier: Apache-2.0
"""Markets that list TeemlVerifier, made once; each test has its own snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import boa
import pytest

from tests.contracts import ledger
from tests.contracts.conftest import isolated
from tests.teeml.contracts.market import Market, policy
from tests.teeml.contracts.precompile import p256

DEVELOPMENT_CHAIN = 31_337
HOLD = 600


def _built(**changes: int) -> Iterator[Market]:
    with boa.env.anchor(), p256():
        before = boa.env.evm.patch.chain_id
        boa.env.evm.patch.chain_id = DEVELOPMENT_CHAIN
        yield Market.create(policy(**changes))
        boa.env.evm.patch.chain_id = before


@pytest.fixture(scope="module")
def built() -> Iterator[Market]:
    yield from _built()


@pytest.fixture(scope="module")
def built_with_hold() -> Iterator[Market]:
    yield from _built(hold=HOLD)


@pytest.fixture
def tee(built: Market, request: pytest.FixtureRequest) -> Iterator[Market]:
    """Answers are paid at once; the market's sums must hold at the end."""
    yield from _copied(built, request)


@pytest.fixture
def holding(built_with_hold: Market, request: pytest.FixtureRequest) -> Iterator[Market]:
    """Answers are held for HOLD seconds."""
    yield from _copied(built_with_hold, request)


def _copied(market: Market, request: pytest.FixtureRequest) -> Iterator[Market]:
    with isolated(request):
        world = market.world.copy()
        yield replace(market, world=world)
        ledger.check(world)
