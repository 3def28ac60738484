# SPDX-License-Identifier: Apache-2.0
"""Workers that prove, among requesters and publishers who would rather that they fail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from offchain_workers.chain.contracts import JobTerms
from offchain_workers.chain.contracts.zkml import ZkmlVerifier
from offchain_workers.chain.db import Database
from offchain_workers.chain.wallet import Wallet
from offchain_workers.operator.tables import JobRow
from tests.operator.proving import FLOWER, TOO_LARGE, formed, place, publish, terms_over, wire
from tests.operator.proving import with_zkml as listed
from tests.operator.world import Market, Running, inline, refusal, until
from tests.zkml.circuits import iris

UNPROVABLE = "MN-WORKER-142"
BREAKER, FAILURES = "fusion_worker_breaker_open", "fusion_worker_job_failures_total"


@pytest.fixture(scope="module")
def zk_chain(market_chain: Market) -> Iterator[Market]:
    """The market with the method listed, iris published, a subnet of two."""
    chain = market_chain.chain
    snapshot = chain.rpc("evm_snapshot")
    listed(market_chain)
    place(market_chain, iris())
    yield formed(market_chain, publish(market_chain, iris()), iris())
    assert chain.rpc("evm_revert", snapshot)


@pytest.fixture
def zk(zk_chain: Market, tmp_path: Path) -> Iterator[Market]:
    snapshot = zk_chain.chain.rpc("evm_snapshot")
    yield replace(zk_chain, folder=tmp_path)
    assert zk_chain.chain.rpc("evm_revert", snapshot)


def terms(zk: Market, values: tuple[int, ...]) -> JobTerms:
    return terms_over(zk, values, iris().artifact_id)


def row(zk: Market, job_id: bytes) -> JobRow | None:
    path = f"{zk.folder}/{zk.operators[0].address}/worker.db"
    db = Database(f"sqlite:///{path}", exclusive=False)
    with db.read() as session:
        found = session.get(JobRow, job_id)
    db.close()
    return found


def metric(running: Running, name: str) -> float:
    lines = running.get("/metrics").text.splitlines()
    return float(next(line for line in lines if line.startswith(f"{name} ")).split()[1])


def test_what_can_not_be_proved_is_not_promised(zk: Market) -> None:
    """A promise would cost its pledge: the requester gets the price back and burns our stake."""
    with zk.worker(zk.operators[0], vouching=False, accept_seconds=60) as running:
        lure = terms(zk, TOO_LARGE)
        assert refusal(running.accept(lure, inline(wire(TOO_LARGE)))) == UNPROVABLE
        assert row(zk, zk.job_id(lure)) is None
        fair = terms(zk, FLOWER)
        data = inline(wire(FLOWER))
        job_id = zk.post(fair, data, running.promise(fair, data))
        until(lambda: zk.paid(job_id))


def test_unprovable_jobs_that_nobody_owes_trip_no_breaker(zk: Market) -> None:
    """As many as would have stopped the worker; none is tried again."""
    with zk.worker(zk.operators[0], vouching=False, accept_seconds=60) as running:
        lures = [zk.post(terms(zk, TOO_LARGE), inline(wire(TOO_LARGE))) for _ in range(6)]
        until(lambda: all(_reason(zk, job_id) == UNPROVABLE for job_id in lures))
        assert metric(running, BREAKER) == 0
        job_id = zk.post(terms(zk, FLOWER), inline(wire(FLOWER)))
        until(lambda: zk.paid(job_id))
        assert metric(running, FAILURES) == 0


def test_a_model_that_the_chain_takes_no_proofs_of_is_not_served(zk: Market) -> None:
    """Its publisher left the program, or the setup, out: every delivery would be refused."""
    bare = iris(variant=1)
    model_id = publish(zk, bare)
    market = formed(zk, model_id, bare)
    offered = terms_over(market, FLOWER, bare.artifact_id)
    verifier = ZkmlVerifier.of(zk.network)
    assert verifier is not None
    with market.worker(market.operators[0], vouching=False, accept_seconds=60) as running:
        data = inline(wire(FLOWER))
        assert "MN-ZK-056" in barred(running.accept(offered, data))
        add_setup = verifier.add_setup(bare.description.neg_tau_g2)
        Wallet(zk.w3, zk.publisher).send(add_setup)
    with market.worker(market.operators[1], vouching=False, accept_seconds=60) as running:
        placed_now = replace(offered, primary=1)
        assert "the program" in barred(running.accept(placed_now, data))


def barred(response: httpx.Response) -> str:
    """Why a model is not answered about."""
    assert refusal(response) == "MN-WORKER-128"
    return str(response.json()["error"]["message"])


def _reason(zk: Market, job_id: bytes) -> str | None:
    found = row(zk, job_id)
    return found.reason if found else None
