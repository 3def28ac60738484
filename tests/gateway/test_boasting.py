# SPDX-License-Identifier: Apache-2.0
"""A manifest that claims a speed which its worker hasn't brings it no traffic for long."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from offchain_workers.devnet import process
from offchain_workers.localnet import Localnet
from offchain_workers.localnet.worker import WorkerProcess
from offchain_workers.manifest import Place, verify_manifest
from tests.gateway.boasting import CLAIMS
from tests.gateway.world import World

SLOWER = 2.0
JOBS = 6


@contextmanager
def boasting(worker: WorkerProcess) -> Iterator[WorkerProcess]:
    """The worker as one that is slow and announces that it is fast, for a while. Not ready yet."""
    script = str(Path(__file__).with_name("boasting.py"))
    worker.stop()
    command = [sys.executable, script, str(SLOWER), "--config", str(worker.config)]
    worker.process = process.spawn([*command, "worker"], worker.log)
    try:
        yield worker
    finally:
        worker.stop()
        worker.restart()


def claimed(net: Localnet, worker: WorkerProcess) -> dict[str, Any]:
    """What the worker's manifest says, as its operator signed it for this market."""
    document = httpx.get(f"{worker.endpoint}/manifest", trust_env=False).content
    network = net.network
    place = Place(network.marketplace.domain.chain_id, network.subnets.address)
    return verify_manifest(document, place, worker.address)


def test_a_speed_that_is_only_claimed_gets_one_job_and_no_more(market: Localnet) -> None:
    boaster = market.workers[0]
    with boasting(boaster), World(market, "unimpressed") as gateway:
        boaster.await_ready()
        said = claimed(market, boaster)
        assert said["limits"]["items_per_second"] == CLAIMS["items_per_second"]
        answered = [gateway.await_final(gateway.post()["id"])["operator"] for _ in range(JOBS)]
    by_boaster = [i for i, who in enumerate(answered) if who == boaster.address]
    # Each is tried once; after that what was measured counts, and nothing that anybody says.
    assert len(by_boaster) == 1, answered
    assert by_boaster[0] < 2, answered
