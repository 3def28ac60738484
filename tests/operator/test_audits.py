# SPDX-License-Identifier: Apache-2.0
"""When auditors are asked about other members' claims, and what becomes of their answers."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import update

from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts import JobTerms, Network
from offchain_workers.chain.outbox import State
from offchain_workers.chain.rpc import RpcPool
from offchain_workers.chain.tables import OutboxRow
from offchain_workers.errors import FusionError
from offchain_workers.operator import audits
from offchain_workers.operator.audits import Audits
from offchain_workers.operator.metrics import Metrics
from offchain_workers.operator.once import call_key
from offchain_workers.operator.tables import JobRow, Status
from tests.chain.world import proxied
from tests.operator.rows import Rows
from tests.operator.world import Market, until
from verifiers.base import Assignment, Duty, Step
from verifiers.none import NoneMethod

JOB, OTHER = b"\x01" * 32, b"\x02" * 32
STEPS = (Step("commit", Call("0x" + "11" * 20, b"first")),)


class Scripted(NoneMethod):
    """A method and its auditor: says each time the same, about jobs of its own besides."""

    def __init__(self, duty: Duty, open_jobs: Collection[bytes] = ()) -> None:
        self.duty, self.open_jobs = duty, open_jobs
        self.asked: list[JobTerms] = []
        self.recovered = 0
        self.fails: Exception | None = None
        self.thinks = threading.Lock()

    def auditor(self, network: Network, operator: str, budget: int) -> Scripted:
        return self

    def recover(self) -> None:
        self.recovered += 1
        if self.fails:
            raise self.fails

    def unfinished(self) -> Collection[bytes]:
        return self.open_jobs

    def due(self, job: Assignment) -> Duty:
        self.asked.append(job.terms)
        with self.thinks:
            pass
        if self.fails:
            raise self.fails
        return self.duty


class Bench(Rows):
    """With others' claims."""

    def __init__(self, market: Market, folder: Path) -> None:
        self.market = market
        self.me, self.other = (account.address for account in market.operators[:2])
        super().__init__(self.me, folder)
        self.metrics = Metrics()
        self.urls: list[str] = []
        self.running: list[Audits] = []

    def claim(self, job_id: bytes, operator: str, status: Status = Status.PENDING) -> None:
        self.add(job_id, operator, self.market.terms(), status)

    def salt(self, job_id: bytes) -> bytes:
        with self.db.read() as session:
            return session.get_one(JobRow, job_id).terms.salt

    def audits(self, method: Scripted) -> Audits:
        """As after a daemon's start."""
        unread: Any = SimpleNamespace(claimed=lambda job, method: SimpleNamespace(terms=job.terms))
        known = {method.selector: method}
        network = self.market.network
        pool = RpcPool(self.urls or [self.market.chain.url], self.market.chain.chain_id)
        parts = self.db, network, pool, unread, self.outbox, known, 0, self.metrics
        made = Audits(*parts, lambda: None)
        self.running.append(made)
        return made

    def look(self, running: Audits, times: int = 2) -> None:
        """Blocks come, and whatever is asked is heard; the first look may only recover."""
        for _ in range(times):
            self.block()
            running.run()
            until(lambda: running.run() or not running.busy)


@pytest.fixture
def bench(market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(audits, "_PAUSE_SECONDS", 0.0)
    made = Bench(market, tmp_path)
    yield made
    for running in made.running:
        running.close()
    made.db.close()


def test_what_an_audit_asks_for_is_sent_once_over_restarts_too(bench: Bench) -> None:
    bench.claim(JOB, bench.other)
    for _ in range(2):
        bench.look(bench.audits(Scripted(Duty(STEPS))), 3)
    assert [row.key for row in bench.sent()] == [call_key("audit", JOB, b"first", 1)]
    assert b'audit_calls_total{call="commit"} 1.0' in bench.metrics.text()


BOND = Step("open", Call("0x" + "11" * 20, b"second", 10**9))


def test_no_bond_is_sent_on_the_word_of_one_endpoint_where_two_are_given(bench: Bench) -> None:
    """Nor while they differ; what costs no coins goes out meanwhile."""
    bench.claim(JOB, bench.other)
    with proxied(bench.market.chain.url) as second:
        bench.urls = [bench.market.chain.url, second.url]
        running = bench.audits(Scripted(Duty((*STEPS, BOND))))
        second.status = 503
        bench.look(running)
        assert [row.value for row in bench.sent()] == [0]
        assert b'audits_left_total{code="MN-CHAIN-009"} 1.0' in bench.metrics.text()
        second.status, second.rewrite = 200, refusing
        until(lambda: bench.look(running) or left(bench, "MN-CHAIN-002"))
        assert [row.value for row in bench.sent()] == [0]
        second.rewrite = lambda request, answer: answer
        bench.look(running)
        assert [row.value for row in bench.sent()] == [0, 10**9]


def left(bench: Bench, code: str) -> bool:
    return f'audits_left_total{{code="{code}"}}'.encode() in bench.metrics.text()


def refusing(request: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    """Says of each call that the contract would refuse it."""
    if request["method"] != "eth_call":
        return answer
    return {"jsonrpc": "2.0", "id": answer["id"], "error": {"code": 3, "message": "reverted"}}


def test_one_endpoint_is_believed_where_there_is_but_one(bench: Bench) -> None:
    bench.claim(JOB, bench.other)
    bench.look(bench.audits(Scripted(Duty((BOND,)))))
    assert [row.value for row in bench.sent()] == [10**9]


def test_only_others_claims_and_unfinished_jobs_are_asked_about(bench: Bench) -> None:
    bench.claim(JOB, bench.me)
    bench.claim(OTHER, bench.other, Status.PAID)
    bench.claim(b"\x03" * 32, bench.other, Status.OPEN)
    method = Scripted(Duty())
    bench.look(bench.audits(method), 3)
    assert method.asked == []
    method.open_jobs = {OTHER}
    running = bench.audits(method)
    bench.look(running)
    assert {terms.salt for terms in method.asked} == {bench.salt(OTHER)}


def test_each_job_is_asked_about_once_a_block_and_not_twice_at_a_time(bench: Bench) -> None:
    bench.claim(JOB, bench.other)
    method = Scripted(Duty())
    running = bench.audits(method)
    bench.look(running, 1)
    method.asked.clear()
    with method.thinks:
        for _ in range(3):
            bench.block()
            running.run()
        until(lambda: method.asked)
    until(lambda: running.run() or not running.busy)
    for _ in range(3):
        running.run()
    assert len(method.asked) == 1


def test_a_reason_is_told_once_and_counted(bench: Bench) -> None:
    bench.claim(JOB, bench.other)
    left = FusionError("MN-OPML-111", "the fund can't pay the audit")
    bench.look(bench.audits(Scripted(Duty(left=left))), 4)
    assert b'audits_left_total{code="MN-OPML-111"} 1.0' in bench.metrics.text()
    assert bench.sent() == []


@pytest.mark.parametrize("error", [FusionError("MN-CHAIN-006", "gone"), ValueError("a fault")])
def test_what_fails_is_tried_again_later(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    bench.claim(JOB, bench.other)
    method = Scripted(Duty(STEPS))
    method.fails = error
    running = bench.audits(method)
    bench.look(running, 3)
    assert (method.recovered, bench.sent()) == (1, [])
    method.fails = None
    monkeypatch.setattr(audits, "_AGAIN_SECONDS", -1.0)
    later = bench.audits(method)
    bench.look(later)
    assert len(bench.sent()) == 1


def test_a_call_that_is_refused_again_and_again_is_given_up(bench: Bench) -> None:
    bench.claim(JOB, bench.other)
    running = bench.audits(Scripted(Duty(STEPS)))
    for _ in range(8):
        bench.look(running)
        with bench.db.session() as session:
            session.execute(update(OutboxRow).values(state=State.MINED_REVERTED, reason="because"))
    assert len(bench.sent()) == 5
    assert b'audits_left_total{code="MN-WORKER-132"} 1.0' in bench.metrics.text()


def test_a_method_without_audits_is_asked_nothing(bench: Bench) -> None:
    bench.claim(JOB, bench.other)
    method = Scripted(Duty(STEPS))
    method.auditor = lambda network, operator, budget: None  # type: ignore[assignment,return-value]
    bench.look(bench.audits(method), 3)
    assert method.asked == []
