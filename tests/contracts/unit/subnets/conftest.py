# SPDX-License-Identifier: Apache-2.0
"""The shared worlds again, with the registry's events recorded and its coins counted to the wei."""

from __future__ import annotations

from collections.abc import Iterator

import boa
import pytest

from offchain_workers.chain.events import Event
from tests.contracts.unit.subnets import sums
from tests.contracts.unit.subnets.recorder import Recorder
from tests.contracts.world import World


@pytest.fixture
def events() -> list[Event]:
    """What the registry of `empty_world` or `world` has logged so far, in log order."""
    return []


@pytest.fixture
def empty_world(
    deployed: World, events: list[Event], request: pytest.FixtureRequest
) -> Iterator[World]:
    """The three contracts and a published model, no operator; no coin may be missing at the end."""
    # boa's plugin would roll the chain back before the sums are checked: the anchor here isolates.
    request.applymarker(pytest.mark.ignore_isolation)
    recorder = Recorder(deployed.subnets)
    recorder.events = events
    with boa.env.anchor(), recorder.running():
        world = deployed.copy()
        yield world
        sums.check(world, events)


@pytest.fixture
def world(empty_world: World) -> World:
    """Three operators with 10 ether each and offers just come into force in web3_share."""
    empty_world.staff(3)
    empty_world.next_epoch()
    return empty_world
