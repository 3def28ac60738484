# SPDX-License-Identifier: Apache-2.0
"""A gateway's balancer chooses primaries among real workers, of which one dies."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from offchain_workers.balancing import Balancer, Outcome
from offchain_workers.localnet import Localnet
from offchain_workers.models.demo import digits
from offchain_workers.requester.posting import Wish
from offchain_workers.requester.primary import ByBalance
from tests.e2e.market import Requester
from tests.gateway.world import PLANS

pytestmark = pytest.mark.anvil

SECONDS = 60.0


class Gateway:
    """Posts jobs one after another and tells its balancer how each ended."""

    def __init__(self, requester: Requester) -> None:
        self.requester = requester
        self.members = {member.operator for member in requester.posting.members}
        self.balancer = Balancer(self.members)

    def job(self) -> str:
        """Who was picked, accepted, and was paid."""
        choice = ByBalance(self.balancer)
        prepared = self.requester.posting.prepare(
            self.requester.wallet.address, [self.requester.item], Wish(), choice=choice
        )
        assert prepared.acceptance is not None, prepared.notes
        assert choice.lease is not None
        self.requester.wallet.send(prepared.call)
        assert self.requester.await_paid(prepared).operator == choice.lease.target
        choice.lease.finish(Outcome.OK)
        return choice.lease.target


def test_a_dead_worker_is_asked_no_more_and_comes_back(tmp_path: Path) -> None:
    with Localnet(
        tmp_path / "market", kind="anvil", workers=PLANS, models=lambda: (digits(),)
    ) as net:
        gateway = Gateway(Requester(net))
        assert {gateway.job() for _ in gateway.members} == gateway.members, "each is tried"

        dead = next(worker for worker in net.workers if worker.address in gateway.members)
        dead.kill()
        for _ in range(3):
            assert gateway.job() != dead.address

        dead.restart()
        deadline = time.monotonic() + SECONDS
        while gateway.job() != dead.address:
            assert time.monotonic() < deadline, "it never came back"
