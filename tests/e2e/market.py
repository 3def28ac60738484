# SPDX-License-Identifier: Apache-2.0
"""A requester on a local market, as the fault tests need one."""

from __future__ import annotations

import time
from collections.abc import Callable

from offchain_workers.chain.contracts.marketplace import Job, JobStatus
from offchain_workers.localnet import Localnet
from offchain_workers.localnet.net import NONE
from offchain_workers.localnet.worker import WorkerProcess
from offchain_workers.models.catalog import endpoints
from offchain_workers.requester.posting import Posting, Prepared, Wish
from offchain_workers.requester.results import History, history

JOB_SECONDS = 90.0
# Blocks come no faster than on a real chain of a quick kind.
BLOCK_SECONDS = 0.5


class Requester:
    """Posts digits jobs on a subnet of all workers."""

    def __init__(self, net: Localnet, model: str = "digits") -> None:
        self.net = net
        self.wallet = net.wallet("requester")
        spec = net.spec(model)
        net.form(spec, self.wallet)
        latest = net.network.subnets.latest_subnet(spec)
        assert latest is not None
        subnet = net.network.subnets.subnet(latest[0])
        assert subnet is not None
        model_id, demo = net.models[model]
        announced = endpoints(net.pool, net.network)
        self.posting = Posting(net.network, subnet, model_id, demo.card, NONE, announced)
        self.item = demo.samples[0][1]

    def prepare(self, wish: Wish) -> Prepared:
        prepared = self.posting.prepare(self.wallet.address, [self.item], wish)
        assert prepared.acceptance is not None, prepared.notes
        return prepared

    def primary(self, prepared: Prepared) -> WorkerProcess:
        operator = self.posting.members[prepared.terms.primary].operator
        return next(worker for worker in self.net.workers if worker.address == operator)

    def job(self, prepared: Prepared) -> Job:
        return self.net.network.marketplace.job(prepared.job_id)

    def await_paid(self, prepared: Prepared) -> Job:
        """Mines now and then, so that the chain's clock goes on."""
        self.wait_until(lambda: self.job(prepared).status is JobStatus.PAID)
        return self.job(prepared)

    def wait_until(self, done: Callable[[], bool], mine: bool = True) -> None:
        deadline = time.monotonic() + JOB_SECONDS
        while not done():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(BLOCK_SECONDS if mine else 0.1)
            if mine:
                self.net.devnet.mine()

    def history(self, prepared: Prepared) -> History:
        return history(self.net.pool, self.net.network, prepared.job_id)

    def deliveries(self, prepared: Prepared) -> int:
        events = self.history(prepared).events
        return sum(event.name == "JobDelivered" for event in events)
