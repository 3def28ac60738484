# SPDX-License-Identifier: Apache-2.0
"""A market of processes in which inputs are sealed to whoever is asked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from offchain_workers.chain.contracts import JobStatus, JobTerms
from offchain_workers.localnet import Localnet
from offchain_workers.localnet.plan import GWEI, WORKERS
from offchain_workers.localnet.worker import WorkerProcess
from offchain_workers.requester.errors import AcceptanceRefusedError
from offchain_workers.requester.posting import Posting, Prepared
from offchain_workers.requester.workers import Member, talking

# Two workers, who ask the same.
PLANS = [replace(plan, price=5_000_000 * GWEI) for plan in WORKERS[:2]]
PATIENCE = 90.0


@dataclass
class PrivateMarket:
    """A chain, workers, and a posting of the model that they serve."""

    net: Localnet
    posting: Posting

    @property
    def requester(self) -> str:
        return self.net.wallet("requester").address

    def member(self, prepared: Prepared) -> Member:
        return self.posting.members[prepared.terms.primary]

    def primary(self, prepared: Prepared) -> WorkerProcess:
        operator = self.member(prepared).operator
        return next(worker for worker in self.net.workers if worker.address == operator)

    def await_paid(self, prepared: Prepared) -> None:
        deadline = time.monotonic() + PATIENCE
        market = self.net.network.marketplace
        while market.job(prepared.job_id).status is not JobStatus.PAID:
            assert time.monotonic() < deadline, "it was not paid in time"
            time.sleep(0.2)
            self.net.devnet.mine()

    def ask(self, prepared: Prepared, terms: JobTerms, data: bytes) -> str:
        """The code with which the primary refuses to promise."""
        domain = self.net.network.marketplace.domain
        with talking(self.member(prepared)) as worker, pytest.raises(AcceptanceRefusedError) as no:
            worker.ask(terms, data, domain)
        return str(no.value).split(": ")[2]


@contextmanager
def loud(scratch: Path) -> Iterator[None]:
    """Processes that are started meanwhile log all that they can, and have their files there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(scratch))
        patch.setenv("FUSION_LOG__LEVEL", "debug")
        yield


@contextmanager
def killed_in_the_end(net: Localnet) -> Iterator[None]:
    """Some workers hold promises that nobody posts: they would wait for them."""
    yield
    for worker in net.workers:
        worker.kill()
