# SPDX-License-Identifier: Apache-2.0
"""An audit with every role a process of its own, on a node in another language."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from offchain_workers.chain.contracts import JobStatus
from offchain_workers.chain.contracts.audits import OpmlAudits
from offchain_workers.chain.contracts.opml import OpmlParams
from tests.e2e.opml import OpmlNet, opml_net
from tests.operator.world import until
from tests.opml.compiled import GIVEN
from verifiers.opml.method import patience

PATIENCE = 60.0
# Every claim is drawn, and nobody is late by a slow machine.
EVERY = replace(OpmlParams.development(), audit_share=2**16, audit_seconds=(600, 600))


@pytest.fixture
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpmlNet]:
    with opml_net(tmp_path_factory.mktemp("audit"), "anvil", EVERY) as market:
        yield market


@pytest.mark.anvil
def test_the_other_member_is_paid_for_running_a_claim_again_though_it_lost_its_memory(
    net: OpmlNet,
) -> None:
    """Drawn, killed, its database gone; then it commits, the claimant posts, and it is paid."""
    board, market = net.board, net.net.network.marketplace
    audits = OpmlAudits.of(board.verifier)
    assert audits is not None
    requester, fund = net.net.wallet("requester"), audits.fund()
    prepared = net.posting.prepare(requester.address, [GIVEN])
    assert prepared.acceptance is not None, prepared.notes
    requester.send(prepared.call)
    until(lambda: board.look(prepared.job_id), PATIENCE)
    look = board.look(prepared.job_id)
    assert look is not None
    claimant = market.job(prepared.job_id).operator
    [auditor] = [worker for worker in net.workers if worker.address != claimant]
    net.net.devnet.mine(2)
    until(lambda: audits.audit(prepared.job_id, look.claim.word), PATIENCE)
    auditor.kill()
    for file in net.net.layout.worker(auditor.plan.name).glob("worker.db*"):
        file.unlink()
    auditor.restart()
    until(lambda: audits.credit(auditor.address), PATIENCE)
    found = audits.audit(prepared.job_id, look.claim.word)
    assert found is not None
    assert found.auditor == auditor.address
    assert audits.credit(auditor.address) == found.pay == fund - audits.fund()
    net.at(patience(board, look))
    until(lambda: market.job(prepared.job_id).status is JobStatus.PAID, PATIENCE)
