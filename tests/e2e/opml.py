# SPDX-License-Identifier: Apache-2.0
"""A local market with the compiled digits under `opml`, served by worker processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from eth_account.signers.local import LocalAccount

from offchain_workers.chain.contracts import ModelRecord, Spec
from offchain_workers.chain.contracts.opml import OPML, OpmlParams
from offchain_workers.devnet import Kind, process
from offchain_workers.localnet import Localnet
from offchain_workers.localnet.blobs import BlobServer
from offchain_workers.localnet.net import MAX_BLOB
from offchain_workers.localnet.plan import WORKERS
from offchain_workers.localnet.worker import WorkerProcess, start_worker
from offchain_workers.models.catalog import endpoints
from offchain_workers.requester.posting import Posting
from offchain_workers.storage import LocalStore
from tests.opml.compiled import Bundle, digits_bundle
from verifiers.opml.board import Board

PLANS = WORKERS[:2]
# No lot falls on a claim by chance.
QUIET = replace(OpmlParams.development(), audit_share=0, audit_fund=0)


@dataclass
class OpmlNet:
    """Two workers offer the compiled digits; a subnet of both is formed."""

    net: Localnet
    bundle: Bundle
    model_id: bytes
    workers: list[WorkerProcess]
    posting: Posting

    @property
    def board(self) -> Board:
        found = Board.of(self.net.network)
        assert found is not None
        return found

    def now(self) -> int:
        return int(self.net.pool.w3.eth.get_block("latest")["timestamp"])

    def at(self, moment: int) -> None:
        """Let the chain's time come there."""
        if moment > self.now():
            self.net.devnet.increase_time(moment - self.now())

    def worker(self, operator: str) -> WorkerProcess:
        return next(worker for worker in self.workers if worker.address == operator)

    def funded(self, name: str) -> LocalAccount:
        self.net.fund([name])
        return self.net.account(name)


@contextmanager
def opml_net(folder: Path, kind: Kind, opml: OpmlParams = QUIET) -> Iterator[OpmlNet]:
    """Everything is stopped in the end."""
    with Localnet(folder / "market", kind=kind, workers=(), opml=opml) as net:
        blobs = BlobServer(LocalStore(net.layout.blobs), MAX_BLOB, process.free_port(None))
        workers: list[WorkerProcess] = []
        try:
            yield _market(net, blobs, workers)
        finally:
            for worker in workers:
                worker.stop()
            blobs.stop()


def _market(net: Localnet, blobs: BlobServer, workers: list[WorkerProcess]) -> OpmlNet:
    bundle = digits_bundle()
    store = LocalStore(net.layout.blobs)
    for data in bundle.blobs.values():
        store.put(data)
    artifacts = {OPML: bundle.header.artifact_id()}
    record, models = ModelRecord(*bundle.hashes, artifacts=artifacts), net.network.models
    publisher = net.wallet("publisher")
    publisher.send(models.publish(record, blobs.url))
    model_id = models.model_id(publisher.address, record)
    for plan in PLANS:
        port = process.free_port(None)
        net.fund([plan.name])
        wallet, subnets = net.wallet(plan.name), net.network.subnets
        wallet.send(subnets.register(bytes(32), f"http://127.0.0.1:{port}", plan.stake))
        wallet.send(subnets.opt_in(OPML))
        wallet.send(models.attest(model_id))
        wallet.send(subnets.offer(model_id, OPML, plan.tier, plan.price, region=plan.region))
        urls = [net.devnet.url]
        workers.append(start_worker(net.layout, plan, wallet.address, urls, port))
    net.devnet.mine(net.network.subnets.epoch_blocks)
    for worker in workers:
        worker.await_ready()
    return OpmlNet(net, bundle, model_id, workers, _posting(net, model_id, bundle))


def _posting(net: Localnet, model_id: bytes, bundle: Bundle) -> Posting:
    spec = Spec(model_id, OPML, band=60, k=len(PLANS))
    net.form(spec, net.wallet("requester"))
    latest = net.network.subnets.latest_subnet(spec)
    assert latest is not None
    subnet = net.network.subnets.subnet(latest[0])
    assert subnet is not None
    announced = endpoints(net.pool, net.network)
    artifact = bundle.header.artifact_id()
    return Posting(net.network, subnet, model_id, bundle.card, OPML, announced, artifact)
