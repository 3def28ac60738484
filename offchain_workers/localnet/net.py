# SPDX-License-Identifier: Apache-2.0
"""Build a local market step by step; each step is skipped when the folder shows it done."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from eth_account.signers.local import LocalAccount

from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts import ChainParams, ModelRecord, Network, Spec, deploy
from offchain_workers.chain.contracts.opml import OpmlParams, deploy_opml
from offchain_workers.chain.contracts.subnets import book_id
from offchain_workers.chain.contracts.teeml_verifier import TeemlParams, deploy_teeml
from offchain_workers.chain.contracts.terms import selector_of
from offchain_workers.chain.contracts.zkml import deploy_zkml
from offchain_workers.chain.errors import ContractMissingError
from offchain_workers.chain.rpc import RpcPool
from offchain_workers.chain.wallet import Wallet
from offchain_workers.devnet import Devnet, process, start_devnet
from offchain_workers.devnet import Kind as ChainKind
from offchain_workers.localnet.blobs import BlobServer
from offchain_workers.localnet.layout import Layout, write
from offchain_workers.localnet.plan import FUNDS, ROYALTY_BPS, WORKERS, WorkerPlan
from offchain_workers.localnet.worker import WorkerProcess, start_worker
from offchain_workers.models import ModelCard
from offchain_workers.models.demo import DemoModel, digits, magika
from offchain_workers.requester.formation import Formation
from offchain_workers.storage import LocalStore
from verifiers.teeml.onchain import root_words
from verifiers.teeml.simulated import Authority

NONE = selector_of("none")
MAX_BLOB = 64 * 1024 * 1024


class Localnet:
    """A chain, the contracts, models, workers; leaving the `with` block stops it all.

    ``folder`` keeps everything: a second start goes on where the first ended. ``rpc_urls`` maps
    the chain's URL to what workers are told (a test puts a lying proxy in between).
    """

    def __init__(
        self,
        folder: Path,
        *,
        kind: ChainKind = "auto",
        port: int | None = None,
        block_time: int | None = None,
        workers: Sequence[WorkerPlan] = WORKERS,
        models: Callable[[], Sequence[DemoModel]] = lambda: (magika(), digits()),
        say: Callable[[str], None] = lambda step: None,
        rpc_urls: Callable[[str], list[str]] = lambda url: [url],
        opml: OpmlParams | None = None,
    ) -> None:
        self.layout = Layout(folder)
        self.workers: list[WorkerProcess] = []
        self.models: dict[str, tuple[bytes, DemoModel]] = {}
        self._plans = workers
        self._load_models = models
        self._say = say
        self._rpc_urls = rpc_urls
        self._opml = opml or OpmlParams.development()
        self._kind, self._port, self._block_time = kind, port, block_time
        self._blobs: BlobServer | None = None
        self._undo: ExitStack
        self.devnet: Devnet
        self.pool: RpcPool
        self.network: Network

    def __enter__(self) -> Localnet:
        with ExitStack() as undo:
            undo.enter_context(self.layout.held())
            undo.callback(self.stop)
            self._start()
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._undo.close()

    def stop(self) -> None:
        """Workers first, so that they finish what they owe while there is a chain."""
        for worker in self.workers:
            worker.stop()
        if self._blobs:
            self._blobs.stop()
        if hasattr(self, "devnet"):
            self.devnet.stop()

    def account(self, name: str) -> LocalAccount:
        return self.layout.account(name)

    def wallet(self, name: str) -> Wallet:
        return Wallet(self.pool.w3, self.account(name))

    def form(self, spec: Spec, wallet: Wallet, say: Callable[[str], None] | None = None) -> None:
        """A live subnet of the spec; blocks are mined rather than waited for."""
        Formation(self.network, wallet, self.devnet.mine, say or self._say).ensure(spec)

    def spec(self, model: str, k: int = 3) -> Spec:
        return Spec(self.models[model][0], NONE, band=60, k=min(k, len(self._plans)))

    def _start(self) -> None:
        self._say("starting the chain")
        self.devnet = start_devnet(
            self._kind,
            port=self._port,
            state=self.layout.chain,
            block_time=self._block_time,
        )
        self.pool = RpcPool([self.devnet.url], self.devnet.chain_id)
        self.network = self._deployed() or self._deploy()
        self.fund(["publisher", "requester"])
        self._publish()
        for plan in self._plans:
            self.onboard(plan, [model_id for model_id, _ in self.models.values()])
        self.layout.write_config(self.devnet.url)
        self.await_workers()

    def _deployed(self) -> Network | None:
        if not self.layout.deployment.exists():
            return None
        known = json.loads(self.layout.deployment.read_text())
        network = Network.at(self.pool.w3, **known["addresses"], start_block=known["start_block"])
        try:
            network.marketplace.read("KEEPER_TIP")
        except ContractMissingError:
            return None  # the chain was thrown away
        return network

    def _deploy(self) -> Network:
        self._say("deploying the contracts")
        self.fund(["owner"])
        owner = self.account("owner")
        network = deploy(self.pool.w3, owner, ChainParams.development())
        deploy_opml(self.pool.w3, owner, network, self._opml)
        deploy_zkml(self.pool.w3, owner, network)
        trust = Authority().trust
        root = root_words(trust, trust.until)
        deploy_teeml(self.pool.w3, owner, network, root, TeemlParams.development())
        addresses = {
            "marketplace": network.marketplace.address,
            "models": network.models.address,
            "subnets": network.subnets.address,
        }
        record = {
            "chain_id": self.devnet.chain_id,
            "start_block": network.start_block,
            "addresses": addresses,
        }
        write(self.layout.deployment, json.dumps(record, indent=2))
        return network

    def fund(self, names: Sequence[str]) -> None:
        """Coins from the chain's first account for whoever has few."""
        faucet = Wallet(self.pool.w3, self.devnet.accounts[0])
        for name in names:
            address = self.account(name).address
            if self.pool.w3.eth.get_balance(address) < FUNDS // 2:
                faucet.send(Call(address, b"", FUNDS))

    @property
    def blob_url(self) -> str:
        """Where the publisher serves files."""
        assert self._blobs is not None  # it serves from the start
        return self._blobs.url

    def port(self, name: str) -> int:
        """Where a role listens, the same over restarts."""
        return self.layout.port(name, lambda: process.free_port(None))

    def _publish(self) -> None:
        self._blobs = BlobServer(LocalStore(self.layout.blobs), MAX_BLOB, self.port("blobs"))
        for model in self._load_models():
            card = model.card
            published = self.publish(card, model.onnx_bytes)
            self.models[card.name] = (published, model)

    def publish(
        self,
        card: ModelCard,
        onnx: bytes,
        others: Iterable[bytes] = (),
        parent: bytes = bytes(32),
        artifacts: Mapping[bytes, bytes] | None = None,
    ) -> bytes:
        """The id of the model, published if it was not; ``others`` are its artifact's files."""
        assert self._blobs is not None  # it serves from the start
        store = LocalStore(self.layout.blobs)
        for other in others:
            store.put(other)
        hashes = _hash(store.put(onnx)), _hash(store.put(card.canonical()))
        record = ModelRecord(*hashes, ROYALTY_BPS, parent=parent, artifacts=artifacts or {})
        publisher, registry = self.wallet("publisher"), self.network.models
        model_id = registry.model_id(publisher.address, record)
        if registry.publisher(model_id) is None:
            self._say(f"publishing {card.name}")
            publisher.send(registry.publish(record, self._blobs.url))
        return model_id

    def onboard(
        self,
        plan: WorkerPlan,
        models: Sequence[bytes],
        method: bytes = NONE,
        command: Sequence[str] = ("worker",),
        more: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> WorkerProcess:
        """Register and offer on chain, start the process: `fusion` with ``command``, and ``more``
        sections in its configuration. It serves whatever is offered under its account."""
        self.join(plan, models, method)
        address, port = self.account(plan.name).address, self.port(plan.name)
        urls = self._rpc_urls(self.devnet.url)
        worker = start_worker(self.layout, plan, address, urls, port, command, more or {})
        self.workers.append(worker)
        return worker

    def join(self, plan: WorkerPlan, models: Sequence[bytes], method: bytes = NONE) -> None:
        """Register and offer on chain."""
        self.fund([plan.name])
        wallet, subnets = self.wallet(plan.name), self.network.subnets
        port = self.port(plan.name)
        if subnets.operator(wallet.address) is None:
            self._say(f"registering {plan.name} as {plan.tier.label}")
            wallet.send(subnets.register(bytes(32), f"http://127.0.0.1:{port}", plan.stake))
        listed = self.network.marketplace.method(method)
        assert listed is not None  # of a market that we deployed
        if not subnets.opted_in(wallet.address, listed.plugin):
            wallet.send(subnets.opt_in(method))
        for model_id in models:
            if not subnets.has_offer(wallet.address, book_id(model_id, method)):
                offer = subnets.offer(model_id, method, plan.tier, plan.price, region=plan.region)
                wallet.send(offer)

    def await_workers(self) -> None:
        """Until all take jobs."""
        # Offers count from the next epoch.
        self.devnet.mine(self.network.subnets.epoch_blocks)
        for worker in self.workers:
            self._say(f"waiting for worker {worker.name}")
            worker.await_ready()


def _hash(cid: str) -> bytes:
    return bytes.fromhex(cid.removeprefix("0x"))
