# SPDX-License-Identifier: Apache-2.0
"""Arenas to play in: deployed once a session, each test on its own snapshot."""

from __future__ import annotations

from collections.abc import Iterator

import boa
import pytest

from tests.contracts.conftest import isolated
from tests.opml.game.arena import Arena
from tests.opml.game.models import alone, mixed
from tests.opml.game.sums import check


@pytest.fixture(scope="session")
def built() -> Arena:
    """Kept as it is: ask for `arena` instead."""
    return Arena.create(mixed())


@pytest.fixture(scope="session")
def built_alone() -> Arena:
    """Kept as it is: ask for `small_arena` instead."""
    return Arena.create(alone())


@pytest.fixture
def arena(built: Arena, request: pytest.FixtureRequest) -> Iterator[Arena]:
    """The program of twenty nodes; the sums must hold in the end."""
    with isolated(request):
        arena = built.copy()
        yield arena
        check(arena)


@pytest.fixture
def small_arena(built_alone: Arena, request: pytest.FixtureRequest) -> Iterator[Arena]:
    """The program of one node; the sums must hold in the end."""
    with isolated(request):
        arena = built_alone.copy()
        yield arena
        check(arena)


@pytest.fixture
def no_code() -> str:
    """An address without a contract."""
    return str(boa.env.generate_address())
