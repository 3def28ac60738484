# SPDX-License-Identifier: Apache-2.0
"""Build a local market step by step; each step is skipped when the folder shows it done."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from eth_account.signers.local import LocalAccount

from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts import ChainParams, ModelRecord, Network, Spec, deploy
from offchain_workers.chain.contracts.opml import OpmlParams, deploy_opml
from offchain_workers.chain.contracts.subnets import book_id
from offchain_workers.chain.contracts.terms import selector_of
from offchain_workers.chain.errors import ContractMissingError
from offchain_workers.chain.rpc import RpcPool
from offchain_workers.chain.wallet import Wallet
from offchain_workers.devnet import Devnet, process, start_devnet
from offchain_workers.devnet import Kind as ChainKind
from offchain_workers.localnet.blobs import BlobServer
from offchain_workers.localnet.layout import Layout, toml, write
from offchain_workers.localnet.plan import FUNDS, ROYALTY_BPS, WORKERS, WorkerPlan
from offchain_workers.localnet.worker import WorkerProcess, start_worker
from offchain_workers.models.demo import DemoModel, digits, magika
from offchain_workers.requester.formation import Formation
from offchain_workers.storage import LocalStore

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
        say: Callable[[str], None] = lambda step: None,
        rpc_urls: Callable[[str], list[str]] = lambda url: [url],
    ) -> None:
        self.layout = Layout(folder)
        self.workers: list[WorkerProcess] = []
        self.models: dict[str, tuple[bytes, DemoModel]] = {}
        self._plans = workers
        self._say = say
        self._rpc_urls = rpc_urls
        self._kind, self._port, self._block_time = kind, port, block_time
        self._blobs: BlobServer | None = None
        self.devnet: Devnet
        self.pool: RpcPool
        self.network: Network

    def __enter__(self) -> Localnet:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

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
        self._fund(["publisher", "requester", *(plan.name for plan in self._plans)])
        self._publish()
        for plan in self._plans:
            self._onboard(plan)
        self._write_config()
        # Offers count from the next epoch.
        self.devnet.mine(self.network.subnets.epoch_blocks)
        for worker in self.workers:
            self._say(f"waiting for worker {worker.plan.name}")
            worker.await_ready()

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
        self._fund(["owner"])
        owner = self.account("owner")
        network = deploy(self.pool.w3, owner, ChainParams.development())
        deploy_opml(self.pool.w3, owner, network, OpmlParams.development())
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

    def _fund(self, names: Sequence[str]) -> None:
        faucet = Wallet(self.pool.w3, self.devnet.accounts[0])
        for name in names:
            address = self.account(name).address
            if self.pool.w3.eth.get_balance(address) < FUNDS // 2:
                faucet.send(Call(address, b"", FUNDS))

    def _publish(self) -> None:
        store = LocalStore(self.layout.blobs)
        port = self.layout.port("blobs", lambda: process.free_port(None))
        self._blobs = BlobServer(store, MAX_BLOB, port)
        publisher = self.wallet("publisher")
        registry = self.network.models
        for model in (magika(), digits()):
            card, onnx = model.card.canonical(), model.onnx_bytes
            record = ModelRecord(_hash(store.put(onnx)), _hash(store.put(card)), ROYALTY_BPS)
            model_id = registry.model_id(publisher.address, record)
            if registry.publisher(model_id) is None:
                self._say(f"publishing {model.card.name}")
                publisher.send(registry.publish(record, self._blobs.url))
            self.models[model.card.name] = (model_id, model)

    def _onboard(self, plan: WorkerPlan) -> None:
        """Register and offer on chain, start the process."""
        wallet, subnets = self.wallet(plan.name), self.network.subnets
        port = self.layout.port(plan.name, lambda: process.free_port(None))
        ids = [model_id for model_id, _ in self.models.values()]
        if subnets.operator(wallet.address) is None:
            self._say(f"registering {plan.name} as {plan.tier.label}")
            wallet.send(subnets.register(bytes(32), f"http://127.0.0.1:{port}", plan.stake))
            wallet.send(subnets.opt_in(NONE))
        for model_id in ids:
            if not subnets.has_offer(wallet.address, book_id(model_id, NONE)):
                wallet.send(
                    subnets.offer(model_id, NONE, plan.tier, plan.price, region=plan.region)
                )
        urls = self._rpc_urls(self.devnet.url)
        self.workers.append(start_worker(self.layout, plan, wallet.address, urls, port, ids))

    def _write_config(self) -> None:
        """The file with which `fusion` talks to this market as the requester."""
        tables: dict[str, dict[str, Any]] = {
            "chain": {
                "rpc_urls": [self.devnet.url],
                "deployment": str(self.layout.deployment),
                "poll_seconds": 0.2,
            },
            "account": {
                "folder": str(self.layout.keys),
                "keystore": "requester",
                "password_file": str(self.layout.password_file),
            },
            "storage": {"folder": str(self.layout.blobs), "allow_private": True},
        }
        write(self.layout.config, toml(tables))


def _hash(cid: str) -> bytes:
    return bytes.fromhex(cid.removeprefix("0x"))
