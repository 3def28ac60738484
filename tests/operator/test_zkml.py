# SPDX-License-Identifier: Apache-2.0
"""Workers that prove, among requesters and publishers who would rather that they fail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from offchain_workers.chain.contracts import JobTerms, Tier
from offchain_workers.chain.contracts.zkml import ZKML, ZkmlVerifier
from offchain_workers.chain.db import Database
from offchain_workers.chain.wallet import Wallet
from offchain_workers.daemon.endpoint import Endpoint
from offchain_workers.engines.embedded import EmbeddedEngine
from offchain_workers.models import ModelCard, ModelSpec
from offchain_workers.operator.tables import JobRow
from offchain_workers.requester.errors import UnprovableError
from offchain_workers.requester.posting import Posting
from offchain_workers.serving import ServedModel, oip_app
from offchain_workers.storage import content_id
from tests.operator.proving import (
    FLOWER,
    TOO_LARGE,
    files_of,
    formed,
    place,
    publish,
    terms_over,
    wire,
)
from tests.operator.proving import with_zkml as listed
from tests.operator.world import PRICE, Market, Running, inline, refusal, until
from tests.zkml.circuits import iris
from verifiers.zkml.bundle import CIRCUIT_FILE, MODEL_FILE, PROGRAM_FILE, SRS_FILE, Bundle
from verifiers.zkml.prover import KEY_FILE, SETTINGS_FILE

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


def posting(zk: Market, running: Running) -> Posting:
    """As a requester of ours asks; the other member can't be reached."""
    first = zk.operators[0].address
    blobs = {content_id(data): data for data in iris().files.values()}
    return Posting(
        zk.network, zk.subnet, zk.model_id, iris().card, ZKML, {first: running.worker.url},
        iris().artifact_id, lambda cid, most: blobs[cid],
    )  # fmt: skip


def metric(running: Running, name: str) -> float:
    lines = running.get("/metrics").text.splitlines()
    return float(next(line for line in lines if line.startswith(f"{name} ")).split()[1])


def test_what_can_not_be_proved_is_not_promised(zk: Market) -> None:
    """A promise would cost its pledge: the requester gets the price back and burns our stake."""
    with zk.worker(zk.operators[0], vouching=False, accept_seconds=60) as running:
        lure = terms(zk, TOO_LARGE)
        assert refusal(running.accept(lure, inline(wire(TOO_LARGE)))) == UNPROVABLE
        assert row(zk, zk.job_id(lure)) is None
        with pytest.raises(UnprovableError, match=UNPROVABLE):
            posting(zk, running).prepare(zk.requester.address, [wire(TOO_LARGE)])
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


@contextmanager
def snooping(found: Bundle) -> Iterator[tuple[str, list[bytes]]]:
    """A server that runs the circuit's model and keeps all that it is asked."""
    data, kept = found.files[MODEL_FILE], []
    session = EmbeddedEngine("cpu").load(ModelSpec(found.card, content_id(data)), data)
    app = oip_app([ServedModel(found.card, session)])

    async def keeping(scope: Any, receive: Any, send: Any) -> None:
        async def read() -> Any:
            message = await receive()
            kept.append(message.get("body", b""))
            return message

        await app(scope, read, send)

    endpoint = Endpoint(keeping, "127.0.0.1", 0)
    endpoint.start()
    try:
        yield endpoint.url, kept
    finally:
        endpoint.stop()
        session.close()


def test_a_remote_engine_gets_no_input_of_a_job(zk: Market) -> None:
    """A private input is for the worker's own machine; the answer is the proof's anyway."""
    with snooping(iris()) as (url, kept):
        market = replace(zk, engine={"kind": "oip", "oip": {"urls": (url,)}})
        with market.worker(zk.operators[0], vouching=False, accept_seconds=60) as running:
            fair, data = terms(zk, FLOWER), inline(wire(FLOWER))
            job_id = zk.post(fair, data, running.promise(fair, data))
            until(lambda: zk.paid(job_id))
            stored = row(zk, job_id)
    assert kept, "the model was never loaded there"
    assert not any(wire(FLOWER) in body or b"41779" in body for body in kept)
    assert stored is not None
    delivered = zk.delivered(job_id)[0]["output"]
    assert stored.output_cid == content_id(delivered)


def listing(name: str, data: bytes) -> Bundle:
    """Iris, whose card lists another file of that name; its record names the honest artifact."""
    tree = json.loads(iris().card.canonical())
    tree["methods"]["zkml"]["manifest"][name] = content_id(data)
    card = ModelCard.from_json(json.dumps(tree).encode())
    return replace(iris(), card=card, files={**iris().files, name: data})


def saying(name: str, value: object) -> Bundle:
    """Iris, with another note in its card."""
    tree = json.loads(iris().card.canonical())
    tree["methods"]["zkml"][name] = value
    return replace(iris(), card=ModelCard.from_json(json.dumps(tree).encode()))


def foreign() -> Bundle:
    """The honest artifact and program, and keys of another setup, which prove something else."""
    other = iris(variant=1)
    found = iris()
    for name in (KEY_FILE, SRS_FILE):
        found = replace(found, files=found.files | {name: other.files[name]})
    tree = json.loads(found.card.canonical())
    files = {name: found.files[name] for name in tree["methods"]["zkml"]["manifest"]}
    tree["methods"]["zkml"]["manifest"] = {n: content_id(data) for n, data in files.items()}
    return replace(found, card=ModelCard.from_json(json.dumps(tree).encode()))


HOSTILE = {
    "nested": (lambda: listing(CIRCUIT_FILE, b"[" * 10_000), "MN-ZK-052"),
    "overflowing": (lambda: listing(SETTINGS_FILE, b'{"run_args": {"a": 1e999}}'), "MN-ZK-005"),
    "no program": (lambda: listing(PROGRAM_FILE, b"\0" * 4_097), "MN-ZK-010"),
    "too large": (lambda: listing(CIRCUIT_FILE, bytes(1 << 20)), "MN-STORE"),
    "other scale": (lambda: saying("output", {"scale": 1.0, "zero": 0}), "MN-ZK-052"),
    "other setup": (foreign, "MN-ZK-032"),
}


@pytest.fixture
def offering(zk: Market) -> tuple[Market, dict[str, bytes]]:
    """The primary offers models of hostile publishers beside the honest one, all attested."""
    models = {}
    for kind, (make, _) in HOSTILE.items():
        found = make()
        models[kind] = publish(zk, found)
        zk = replace(zk, files=(*zk.files, *files_of(found)))
        subnets, wallet = zk.network.subnets, Wallet(zk.w3, zk.operators[0])
        wallet.send(subnets.offer(models[kind], ZKML, Tier.VIRTUAL_NODE, PRICE))
    return zk, models


def test_hostile_models_are_barred_each_with_its_code_and_the_worker_goes_on(
    offering: tuple[Market, dict[str, bytes]],
) -> None:
    zk, models = offering
    data = inline(wire(FLOWER))
    with zk.worker(zk.operators[0], vouching=False, accept_seconds=60) as running:
        for kind, (_, code) in HOSTILE.items():
            lure = terms_over(zk, FLOWER, iris().artifact_id, models[kind])
            assert code in barred(running.accept(lure, data)), kind
        fair = terms(zk, FLOWER)
        job_id = zk.post(fair, data, running.promise(fair, data))
        until(lambda: zk.paid(job_id))
        assert metric(running, FAILURES) == 0


def barred(response: httpx.Response) -> str:
    """Why a model is not answered about."""
    assert refusal(response) == "MN-WORKER-128"
    return str(response.json()["error"]["message"])


def _reason(zk: Market, job_id: bytes) -> str | None:
    found = row(zk, job_id)
    return found.reason if found else None
