# SPDX-License-Identifier: Apache-2.0
"""SubnetRegistry: what a deployment may be configured to."""

from __future__ import annotations

from typing import Any

import boa
import pytest

from tests.contracts.parts import deploy
from tests.contracts.terms import NATIVE

ANY = "0x" + "11" * 20
BOUNDS: dict[str, Any] = {
    "market": ANY,
    "models": ANY,
    "min_stake": 10**9,
    "formation_tip": 0,
    "epoch_blocks": 250,
    "lead_blocks": 3,
    "subnet_ttl": 1,
    "unbond_seconds": 0,
    "block_history": NATIVE,
}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"min_stake": 10**9 - 1}, "stake too small"),
        ({"lead_blocks": 2}, "lead"),
        ({"lead_blocks": 250}, "lead"),
        ({"subnet_ttl": 0}, "ttl"),
        ({"subnet_ttl": 2**40}, "ttl"),
        # Beside what unbonds, more bits would be stake that unbonds.
        ({"unbond_seconds": 2**39}, "unbonding"),
        ({"unbond_seconds": 2**255}, "unbonding"),
        ({"epoch_blocks": 251}, "epoch too long"),
        ({"epoch_blocks": 8_001, "block_history": ANY}, "epoch too long"),
    ],
)
def test_a_configuration_that_could_never_form_is_refused(
    changes: dict[str, Any], reason: str
) -> None:
    with boa.reverts(reason):
        deploy("contracts/SubnetRegistry.vy", *(BOUNDS | changes).values())


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"subnet_ttl": 2**40 - 1, "unbond_seconds": 2**39 - 1},
        {"epoch_blocks": 8_000, "block_history": ANY},
    ],
)
def test_the_bounds_themselves_are_allowed(changes: dict[str, Any]) -> None:
    arguments = BOUNDS | changes
    registry = deploy("contracts/SubnetRegistry.vy", *arguments.values())
    assert registry.EPOCH_BLOCKS() == arguments["epoch_blocks"]
    assert registry.MARKET() == ANY
