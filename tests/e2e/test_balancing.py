# SPDX-License-Identifier: Apache-2.0
"""A gateway's balancer chooses primaries among real workers, of which one dies."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from offchain_workers.balancing import Balancer, Outcome
from offchain_workers.localnet import Localnet
from offchain_workers.models.demo import digits
from offchain_workers.requester.posting import Posting, Prepared, Wish
from offchain_workers.requester.primary import ByBalance
from tests.e2e.market import Requester

pytestmark = pytest.mark.anvil

SECONDS = 60.0


class Gateway:
    """Asks for acceptances; it posts only where the test says so."""

    def __init__(self, requester: Requester) -> None:
        self.requester = requester
        self.posting: Posting = requester.posting
        self.balancer = Balancer([member.operator for member in self.posting.members])

    def prepare(self) -> tuple[Prepared, ByBalance]:
        choice = ByBalance(self.balancer)
        prepared = self.posting.prepare(
            self.requester.wallet.address, [self.requester.item], Wish(), choice=choice
        )
        return prepared, choice

    def primary(self) -> str | None:
        """Who promised a job; None when nobody did."""
        prepared, choice = self.prepare()
        if choice.lease is None:
            return None
        assert prepared.acceptance is not None
        choice.lease.finish(Outcome.OK)
        return choice.lease.target

    def state(self, operator: str) -> str:
        return next(view.state for view in self.balancer.view() if view.target == operator)


def test_a_dead_worker_is_asked_no_more_and_comes_back(tmp_path: Path) -> None:
    with Localnet(tmp_path / "market", kind="anvil", models=lambda: (digits(),)) as net:
        gateway = Gateway(Requester(net))
        everybody = {member.operator for member in gateway.posting.members}
        assert {gateway.primary() for _ in range(12)} == everybody

        dead = next(worker for worker in net.workers if worker.address in everybody)
        dead.kill()
        for _ in range(12):
            assert gateway.primary() in everybody - {dead.address}, "each job finds a primary"
        assert gateway.state(dead.address) != "closed"

        dead.restart()
        deadline = time.monotonic() + SECONDS
        while gateway.primary() != dead.address:
            assert time.monotonic() < deadline, "it never came back"
            time.sleep(0.2)
        assert gateway.state(dead.address) == "closed"


def test_a_job_posted_so_is_paid_to_the_primary_that_was_picked(tmp_path: Path) -> None:
    with Localnet(tmp_path / "market", kind="anvil", models=lambda: (digits(),)) as net:
        requester = Requester(net)
        gateway = Gateway(requester)
        prepared, choice = gateway.prepare()
        assert choice.lease is not None
        requester.wallet.send(prepared.call)
        assert requester.await_paid(prepared).operator == choice.lease.target
        choice.lease.finish(Outcome.OK)
