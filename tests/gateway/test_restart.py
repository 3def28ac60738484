# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the gateway: nothing that it promised is lost, nothing is paid twice."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from offchain_workers.chain.contracts import JobStatus
from offchain_workers.localnet import Localnet
from tests.gateway.world import SECONDS, World, code

TRIES = 10


@contextmanager
def workers_stopped(net: Localnet) -> Iterator[None]:
    for worker in net.workers:
        os.kill(worker.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for worker in net.workers:
            os.kill(worker.process.pid, signal.SIGCONT)


def killed_before_the_answer(world: World, *allowed: JobStatus) -> tuple[str, str]:
    """A job whose gateway died when it had one of these states, and its idempotency key; the
    workers answer it once they run again."""
    for i in range(TRIES):
        job = world.post(headers={"Idempotency-Key": f"made-{i}"})
        with workers_stopped(world.net):
            if settled(world, job["id"], allowed) in allowed:
                world.daemon.kill()
                return job["id"], f"made-{i}"
    raise AssertionError("the workers are too quick for this test")


def settled(world: World, job_id: str, allowed: Sequence[JobStatus]) -> JobStatus:
    """The job's status, once it is one of these or past them: the post needs a moment."""
    deadline = time.monotonic() + SECONDS
    while True:
        status = world.net.network.marketplace.job(bytes.fromhex(job_id[2:])).status
        if status in allowed or status is not JobStatus.UNKNOWN:
            return status
        assert time.monotonic() < deadline, "it was never posted"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def phoenix(market: Localnet) -> Iterator[World]:
    with World(market, "phoenix") as world:
        yield world


def test_a_job_is_finished_whenever_its_gateway_dies(phoenix: World) -> None:
    world = phoenix
    # The first pays for the subnet.
    inferred = world.infer(headers={"Idempotency-Key": "asked"}).json()["parameters"]
    key = world.key("patient", spend_per_hour=2 * 10**15)
    with world.client(key) as patient:
        spent = world.post(patient)
    job_id, made = killed_before_the_answer(world, JobStatus.UNKNOWN, JobStatus.OPEN)

    world.daemon.restart()
    job = world.await_final(job_id)
    assert job["state"] == "paid"
    assert job["answers"][0]["label"] == world.label(0)
    assert job["receipt"]["items"]
    again = world.post(headers={"Idempotency-Key": made})
    assert again["id"] == job_id
    repeated = world.infer(headers={"Idempotency-Key": "asked"}).json()["parameters"]
    assert repeated == inferred
    with world.client(key) as patient:
        refused = world.ask(patient)
        assert (refused.status_code, code(refused)) == (429, "MN-GATE-007")
    assert world.await_final(spent["id"])["state"] == "paid"


def test_a_gateway_without_money_says_so_and_takes_no_job(market: Localnet, phoenix: World) -> None:
    wallet, marketplace = market.wallet("phoenix"), market.network.marketplace
    wallet.send(marketplace.withdraw(marketplace.balance(wallet.address), wallet.address))
    answer = phoenix.ask()
    assert (answer.status_code, code(answer)) == (503, "MN-GATE-009")
    wallet.send(marketplace.deposit(10**17))
    assert phoenix.await_final(phoenix.post()["id"])["state"] == "paid"


@pytest.mark.slow
def test_without_its_database_a_gateway_finds_its_jobs_on_the_chain(market: Localnet) -> None:
    with World(market, "amnesiac") as world:
        job_id, _ = killed_before_the_answer(world, JobStatus.OPEN)
        home = market.layout.worker("amnesiac")
        for path in home.glob("gateway.db*"):
            path.unlink()
        world.daemon.restart()
        job = world.await_final(job_id)
        assert (job["state"], job["origin"]) == ("paid", "found")
        assert job["answers"][0]["label"] == world.label(0)
        assert job["receipt"]["items"]
