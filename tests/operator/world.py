# SPDX-License-Identifier: Apache-2.0
"""A small market on a development chain: contracts, the digits model, operators, a requester."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
from eth_account.signers.local import LocalAccount
from web3 import HTTPProvider, Web3

from offchain_workers.chain.contracts import (
    Acceptance,
    ChainParams,
    Job,
    JobStatus,
    JobTerms,
    ModelRecord,
    Network,
    Spec,
    SubnetInfo,
    Tier,
    deploy,
)
from offchain_workers.chain.contracts.terms import selector_of
from offchain_workers.chain.merkle import batch_commitment
from offchain_workers.chain.wallet import Wallet
from offchain_workers.config import Settings
from offchain_workers.devnet import Devnet
from offchain_workers.models.demo import digits
from offchain_workers.operator import Worker
from offchain_workers.storage import LocalStore
from offchain_workers.storage.reference import encode_inline
from tests.daemons import PATIENCE, Background

NONE = selector_of("none")
ETHER = 10**18
PRICE = 10**15
# A tip that pays for closing a job.
PARAMS = replace(ChainParams.development(), keeper_tip=3 * 10**14)
DIGITS = digits()
PIXELS = DIGITS.samples[0][1]


@dataclass
class Market:
    """Everything deployed, one subnet formed. ``operators`` are in the subnet's order.

    ``platform``: simulated hardware that all workers share; empty: each has its own."""

    chain: Devnet
    w3: Web3
    network: Network
    model_id: bytes
    subnet: SubnetInfo
    operators: list[LocalAccount]
    requester: LocalAccount
    publisher: LocalAccount
    folder: Path
    # What a worker finds in its store, as on its publisher's server.
    files: tuple[bytes, ...] = (DIGITS.card.canonical(), DIGITS.onnx_bytes)
    # The settings of a worker's engine.
    engine: dict[str, Any] = field(default_factory=lambda: {"provider": "cpu", "threads": 1})
    shelf: LocalStore = field(init=False)
    platform: str = ""
    gpu: str = "none"
    deliver: str = "signed"

    def __post_init__(self) -> None:
        self.shelf = LocalStore(self.folder / "shelf")
        self.shelf.put(DIGITS.card.canonical())
        self.shelf.put(DIGITS.onnx_bytes)

    def now(self) -> int:
        return int(self.w3.eth.get_block("latest")["timestamp"])

    def terms(self, items: list[bytes] | None = None, **changes: Any) -> JobTerms:
        """A job over digits, one by default, due in ten minutes."""
        items = items or [PIXELS]
        deliver_by = max(self.now(), int(time.time())) + 600
        fields: dict[str, Any] = {
            "requester": self.requester.address,
            "model_id": self.model_id,
            "selector": NONE,
            "subnet_id": self.subnet.subnet_id,
            "input_commitment": batch_commitment(items),
            "max_price": PRICE * len(items),
            "deliver_by": deliver_by,
            "resolve_by": changes.get("deliver_by", deliver_by),
            "turn_length": 60,
            "n": len(items),
            "item_size": DIGITS.card.item_bytes_out,
            "fee_cap": 1_000,
            "royalty_cap": 5_000,
            "salt": secrets.token_bytes(32),
        }
        return JobTerms(**(fields | changes))

    def job_id(self, terms: JobTerms) -> bytes:
        return terms.job_id(self.network.marketplace.domain)

    def post(self, terms: JobTerms, data: bytes, acceptance: Acceptance | None = None) -> bytes:
        market = self.network.marketplace
        call = market.post(terms, data, acceptance, market.value_due(terms))
        Wallet(self.w3, self.requester).send(call)
        return self.job_id(terms)

    def job(self, job_id: bytes) -> Job:
        return self.network.marketplace.job(job_id)

    def paid(self, job_id: bytes) -> bool:
        return self.job(job_id).status is JobStatus.PAID

    def delivered(self, job_id: bytes) -> list[dict[str, Any]]:
        """Every JobDelivered event of a job."""
        market = self.network.marketplace
        contract = self.w3.eth.contract(address=market.address, abi=market.abi)  # type: ignore[call-overload]
        event = contract.events.JobDelivered()
        logs = event.get_logs(from_block=0, argument_filters={"job_id": job_id})
        return [dict(entry["args"]) for entry in logs]

    def answers(self, running: Running, items: list[bytes]) -> list[bytes]:
        """To a job that the worker promised, item by item, once it is paid."""
        terms = self.terms(items)
        promise = running.promise(terms, inline(*items))
        job_id = self.post(terms, inline(*items), promise)
        until(lambda: self.paid(job_id))
        [event] = self.delivered(job_id)
        size = DIGITS.card.item_bytes_out
        return [event["output"][at : at + size] for at in range(0, len(items) * size, size)]

    def announced(self, operator: str) -> tuple[str, str]:
        """Manifest and URL that an operator announced last."""
        subnets = self.network.subnets
        contract = self.w3.eth.contract(address=subnets.address, abi=subnets.abi)  # type: ignore[call-overload]
        logs = contract.events.ManifestSet().get_logs(
            from_block=0, argument_filters={"operator": operator}
        )
        args = logs[-1]["args"]
        return "0x" + args["manifest_hash"].hex(), str(args["endpoint"])

    @contextmanager
    def without_mining(self) -> Iterator[None]:
        """Transactions wait until the test mines."""
        self.chain.rpc("evm_setAutomine", False)
        try:
            yield
        finally:
            self.chain.rpc("evm_setAutomine", True)

    def settings(self, name: str, vouching: bool = True, **worker: Any) -> Settings:
        """For an operator's worker in a folder of its own."""
        home = self.folder / name
        home.mkdir(exist_ok=True)
        return Settings(
            chain={
                "rpc_urls": (self.chain.url,),
                "chain_id": self.chain.chain_id,
                "start_block": self.network.start_block,
                "poll_seconds": 0.1,
                "addresses": {
                    "marketplace": self.network.marketplace.address,
                    "models": self.network.models.address,
                    "subnets": self.network.subnets.address,
                },
            },
            account={"folder": home / "keys"},
            storage={"folder": home / "blobs", "allow_private": True},
            worker={
                "database": f"sqlite:///{home}/worker.db",
                "listen_port": 0,
                **({"accept_seconds": 5, "deliver_margin_seconds": 5} | worker),
            },
            engine=self.engine,
            vouching={"required": vouching},
            teeml={
                "provider": "simulated",
                "platform": self.platform or name,
                "gpu": self.gpu,
                "deliver": self.deliver,
            },
        )

    def stock(self, name: str) -> None:
        """Put the model's files into a worker's store."""
        store = LocalStore(self.folder / name / "blobs")
        for data in self.files:
            store.put(data)

    @contextmanager
    def worker(
        self, account: LocalAccount, methods: dict[str, str] | None = None, **worker: Any
    ) -> Iterator[Running]:
        """A worker in a thread, ready; in the end it is abandoned, as if it had crashed."""
        settings = self.settings(account.address, **worker)
        self.stock(account.address)
        running = Running(Worker(settings, account, methods))
        try:
            running.start()
            yield running
        finally:
            running.abandon()


class Running(Background):
    """A worker in a thread of this process."""

    def __init__(self, worker: Worker) -> None:
        super().__init__(worker)
        self.worker = worker

    def accept(self, terms: JobTerms, data: bytes) -> httpx.Response:
        body = {"terms": terms.to_json(), "data": "0x" + data.hex()}
        return httpx.post(f"{self.worker.url}/accept", json=body, trust_env=False, timeout=20)

    def promise(self, terms: JobTerms, data: bytes) -> Acceptance:
        response = self.accept(terms, data)
        assert response.status_code == 200, response.text
        return Acceptance.from_json(response.json())

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.worker.url + path, trust_env=False, timeout=20)


def until(holds: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait for a condition; fails after ``seconds``."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def build(chain: Devnet, folder: Path, k: int = 2) -> Market:
    """Deploy, publish digits, register ``k`` operators, form their subnet."""
    w3 = Web3(HTTPProvider(chain.url))
    owner, publisher, requester = chain.accounts[0], chain.accounts[1], chain.accounts[2]
    network = deploy(w3, owner, PARAMS)
    spec_of = DIGITS.spec
    record = ModelRecord(
        bytes.fromhex(spec_of.onnx_cid[2:]), bytes.fromhex(DIGITS.card.hash()[2:]), 500
    )
    Wallet(w3, publisher).send(network.models.publish(record, "http://127.0.0.1:9"))
    model_id = network.models.model_id(publisher.address, record)
    accounts = chain.accounts[3 : 3 + k]
    for account in accounts:
        register = network.subnets.register(bytes(32), "http://127.0.0.1:1", ETHER)
        Wallet(w3, account).send(register)
    subnet = form(chain, network, model_id, accounts, requester, NONE)
    by_address = {account.address: account for account in accounts}
    operators = [by_address[address] for address, _ in subnet.members]
    return Market(chain, w3, network, model_id, subnet, operators, requester, publisher, folder)


def form(
    chain: Devnet,
    network: Network,
    model_id: bytes,
    operators: list[LocalAccount],
    requester: LocalAccount,
    selector: bytes,
) -> SubnetInfo:
    """Opt the operators in to a method, and form the subnet of all of them."""
    subnets, w3 = network.subnets, network.subnets.w3
    for account in operators:
        wallet = Wallet(w3, account)
        wallet.send(subnets.opt_in(selector))
        wallet.send(subnets.offer(model_id, selector, Tier.VIRTUAL_NODE, PRICE))
    chain.mine(PARAMS.epoch_blocks)
    spec = Spec(model_id, selector, band=60, k=len(operators))
    wallet = Wallet(w3, requester)
    wallet.send(subnets.request(spec, subnets.request_cost(spec)))
    while w3.eth.block_number <= subnets.seed_block(spec):
        chain.mine()
    wallet.send(subnets.form(spec))
    latest = subnets.latest_subnet(spec)
    assert latest is not None
    formed = subnets.subnet(latest[0])
    assert formed is not None
    return formed


def inline(*items: bytes) -> bytes:
    return encode_inline(b"".join(items))


def refusal(response: httpx.Response) -> str:
    """The code of an answer that refuses."""
    assert response.status_code >= 400, response.text
    error: dict[str, str] = response.json()["error"]
    assert error["message"]
    return error["code"]
