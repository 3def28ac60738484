# SPDX-License-Identifier: Apache-2.0
"""Jobs for one worker: posted back to back, or one by one on a chain with a rhythm."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.bare import Sender, await_nonce
from offchain_workers.chain.contracts import JobStatus, Network
from offchain_workers.localnet import Localnet
from offchain_workers.localnet.net import NONE
from offchain_workers.models.catalog import endpoints
from offchain_workers.requester.posting import Posting, Prepared, Wish
from offchain_workers.requester.results import await_close, history

MODEL = "digits"
# Blocks mined on demand are a second apart at the least: the chain's time runs ahead of ours.
WISH = Wish(accepted=False, deliver_within=50_000)
POST_GAS = 400_000
JOB_SECONDS = 60.0


@dataclass(frozen=True)
class Delay:
    """From a job's post to its payout."""

    blocks: int
    seconds: float


class Load:
    """One requester and the one worker of a local market."""

    def __init__(self, net: Localnet) -> None:
        self._net = net
        self._network: Network = net.network
        self._wallet = net.wallet("requester")
        self.sender = Sender(net.devnet.url, net.account("requester"))
        self._operator = net.workers[0].address
        self._posting = self._formed()
        samples = net.models[MODEL][1].samples
        self._inputs = [raw for _, raw, _ in samples]

    def _formed(self) -> Posting:
        net = self._net
        spec = net.spec(MODEL)
        net.form(spec, self._wallet)
        latest = self._network.subnets.latest_subnet(spec)
        subnet = self._network.subnets.subnet(latest[0]) if latest else None
        assert subnet is not None
        model_id, model = net.models[MODEL]
        announced = endpoints(net.pool, self._network)
        return Posting(self._network, subnet, model_id, model.card, NONE, announced)

    def rate(self, jobs: int, batch: int = 1) -> float:
        """Jobs of ``batch`` inputs a second, from the first post sent to the last job paid.

        Posts are signed beforehand and go out one after another while the worker works.
        """
        prepared = [self._prepared(i, batch) for i in range(jobs)]
        first = self.sender.nonce()
        market = self._network.marketplace.address
        ready = [
            self.sender.signed(
                first + i, POST_GAS, to=market, value=job.call.value, data=job.call.data
            )
            for i, job in enumerate(prepared)
        ]
        w3 = self.sender.w3
        goal = w3.eth.get_transaction_count(self._operator) + jobs  # type: ignore[arg-type]
        begin = time.perf_counter()
        for raw in ready:
            w3.eth.send_raw_transaction(raw)
        await_nonce(w3, self._operator, goal)
        elapsed = time.perf_counter() - begin
        self._assert_paid(prepared)
        return jobs / elapsed

    def delays(self, jobs: int) -> list[Delay]:
        """One job at a time, each posted at another moment between two blocks."""
        return [self._delay(i, i / jobs) for i in range(jobs)]

    def _delay(self, index: int, phase: float) -> Delay:
        time.sleep(phase)
        prepared = self._prepared(index, 1)
        self._wallet.send(prepared.call)
        begin = time.perf_counter()
        await_close(self._network, prepared.job_id, JOB_SECONDS, lambda: time.sleep(0.02))
        elapsed = time.perf_counter() - begin
        blocks = {
            e.name: e.block_number
            for e in history(self._net.pool, self._network, prepared.job_id).events
        }
        return Delay(blocks["JobClosed"] - blocks["JobPosted"], elapsed)

    def _prepared(self, index: int, batch: int) -> Prepared:
        items = [self._inputs[(index + i) % len(self._inputs)] for i in range(batch)]
        return self._posting.prepare(self._wallet.address, items, WISH)

    def _assert_paid(self, jobs: Sequence[Prepared]) -> None:
        for job in jobs:
            status = self._network.marketplace.job(job.job_id).status
            assert status is JobStatus.PAID, f"0x{job.job_id.hex()} is {status.name}"
