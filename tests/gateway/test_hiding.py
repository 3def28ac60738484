# SPDX-License-Identifier: Apache-2.0
"""A gateway that hides the best offer is exposed by `fusion verify-decision`, from chain data."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from offchain_workers.devnet import process
from offchain_workers.localnet import Localnet
from tests.gateway.world import PLANS, WISH, World

ALONE = {**WISH, "members": 1}
COMMAND_SECONDS = 120


def verified(net: Localnet, job_id: str) -> tuple[int, dict[str, Any]]:
    """What the requester's own `fusion` says of a job's decision."""
    command = ["--config", str(net.layout.config), "verify-decision", job_id, "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "offchain_workers.cli", *command],
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    document: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, document


def dishonest(net: Localnet) -> World:
    """A gateway's process whose router hides the best offer."""
    world = World(net, "hiding")
    world.daemon.stop()
    script = str(Path(__file__).with_name("hiding.py"))
    command = [sys.executable, script, "--config", str(world.daemon.config)]
    world.daemon.process = process.spawn([*command, "gateway"], world.daemon.log)
    return world


def test_a_hidden_offer_is_named_and_an_honest_gateways_decision_agrees(
    market: Localnet, shared: World
) -> None:
    honest = shared.post(wish=ALONE)
    shared.await_final(honest["id"])
    assert verified(market, honest["id"])[1]["differences"] == []

    with dishonest(market) as world:
        job = world.post(wish=ALONE)
        world.await_final(job["id"])
    cheapest = market.account(min(PLANS, key=lambda plan: plan.price).name).address
    code, found = verified(market, job["id"])
    assert (code, found["agrees"]) == (1, False)
    hidden = [one["where"] for one in found["differences"] if one["fault"] == "hidden_offer"]
    assert any(where.lower().startswith(cheapest.lower()) for where in hidden), found
