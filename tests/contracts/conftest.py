# SPDX-License-Identifier: Apache-2.0
"""Worlds to test in: deployed once a session, each test on its own snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager

import boa
import pytest

from tests.contracts import ledger
from tests.contracts.parts import Subnet
from tests.contracts.world import World


def isolated(request: pytest.FixtureRequest) -> AbstractContextManager[None]:
    """A snapshot for one test that lasts until its fixtures are torn down."""
    # boa's plugin would roll the chain back before the sums are checked.
    request.applymarker(pytest.mark.ignore_isolation)
    anchor: AbstractContextManager[None] = boa.env.anchor()
    return anchor


@pytest.fixture(scope="session")
def deployed() -> World:
    """Kept as it is: ask for `empty_world` instead."""
    return World.create()


@pytest.fixture(scope="session")
def staffed() -> tuple[World, Subnet]:
    """Kept as it is: ask for `world` and `subnet` instead."""
    world = World.create()
    world.staff(3)
    return world, world.form_subnet(3)


@pytest.fixture
def empty_world(deployed: World, request: pytest.FixtureRequest) -> Iterator[World]:
    """The three contracts and a published model, no operator; the sums must hold at the end."""
    with isolated(request):
        world = deployed.copy()
        yield world
        ledger.check(world)


@pytest.fixture
def world(staffed: tuple[World, Subnet], request: pytest.FixtureRequest) -> Iterator[World]:
    """Three operators that offer the model under `none`; the sums must hold at the end."""
    with isolated(request):
        world = staffed[0].copy()
        yield world
        ledger.check(world)


@pytest.fixture
def subnet(staffed: tuple[World, Subnet]) -> Subnet:
    """The subnet of all three operators of `world`."""
    return staffed[1]
