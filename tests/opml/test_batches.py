# SPDX-License-Identifier: Apache-2.0
"""A worker's claims share a transaction, and so do their ends; nobody can turn that against it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from offchain_workers.chain.contracts import JobTerms
from offchain_workers.chain.contracts.opml import MAX_CALL_BYTES
from offchain_workers.chain.tables import OutboxRow
from offchain_workers.chain.transactions import State
from tests.operator.world import ETHER, Running, inline, until
from tests.opml.compiled import GIVEN
from tests.opml.onchain import OpmlMarket
from tests.opml.served import pass_window, send_raw, sent, stake

JOBS = 4


def post(opml: OpmlMarket, running: Running, count: int) -> list[JobTerms]:
    """Jobs that the worker owes, with long turns."""
    jobs = [opml.terms(GIVEN, turn_length=400) for _ in range(count)]
    for terms in jobs:
        opml.market.post(terms, inline(GIVEN), running.promise(terms, inline(GIVEN)))
    return jobs


@contextmanager
def collected(opml: OpmlMarket, function: str, count: int) -> Iterator[None]:
    """So many calls are ready at the same moment: in the end, when the worker gets coins."""
    worker = opml.market.operators[0]
    opml.market.chain.rpc("anvil_setBalance", worker.address, "0x0")
    yield
    until(lambda: len(sent(opml, worker, function)) == count)
    opml.market.chain.rpc("anvil_setBalance", worker.address, hex(10 * ETHER))


def mined(opml: OpmlMarket, function: str, count: int) -> list[OutboxRow]:
    """The calls, once all of them are."""

    def found() -> list[OutboxRow]:
        rows = sent(opml, opml.market.operators[0], function)
        return [row for row in rows if row.state == State.MINED_OK]

    until(lambda: len(found()) == count)
    return found()


def claimed(opml: OpmlMarket, running: Running) -> list[JobTerms]:
    """Jobs whose claims stand."""
    with collected(opml, "claim", JOBS):
        jobs = post(opml, running, JOBS)
    mined(opml, "claim", JOBS)
    return jobs


def all_paid(opml: OpmlMarket, jobs: list[JobTerms]) -> bool:
    return all(opml.market.paid(opml.market.job_id(terms)) for terms in jobs)


def test_jobs_are_claimed_and_settled_in_one_transaction_each(compiled: OpmlMarket) -> None:
    primary = compiled.market.operators[0]
    with compiled.market.worker(primary) as running:
        jobs = claimed(compiled, running)
        with collected(compiled, "finalise_due", JOBS):
            pass_window(compiled, jobs[-1])
        until(lambda: all_paid(compiled, jobs))
        claims, ends = mined(compiled, "claim", JOBS), mined(compiled, "finalise_due", JOBS)
        until(lambda: f"calls_shared_total {2 * JOBS}.0" in running.get("/metrics").text)
        running.stop()
    assert len({row.tx_hash for row in claims}) == len({row.tx_hash for row in ends}) == 1
    assert stake(compiled, primary) == (ETHER, ETHER)
    used = [
        (one.gas_used or 0) + (end.gas_used or 0) for one, end in zip(claims, ends, strict=True)
    ]
    assert max(used) < 150_000  # 199,000 when each goes alone


def test_a_front_run_end_sinks_no_other(compiled: OpmlMarket) -> None:
    """Somebody ends one of the claims, in the block and before the worker's transaction: there is
    nothing left to do in it for that one."""
    market = compiled.market
    with market.worker(market.operators[0]) as running:
        jobs = claimed(compiled, running)
        with market.without_mining():
            with collected(compiled, "finalise_due", JOBS):
                market.chain.mine()
                pass_window(compiled, jobs[-1])
                send_raw(compiled, compiled.verifier.finalise(jobs[1]))
            until(lambda: pending(compiled))
            market.chain.mine()
        assert all_paid(compiled, jobs)
        rows = mined(compiled, "finalise_due", JOBS)
        running.stop()
    assert len({row.tx_hash for row in rows}) == 1
    assert stake(compiled, market.operators[0]) == (ETHER, ETHER)


def pending(opml: OpmlMarket) -> bool:
    states = [row.state for row in sent(opml, opml.market.operators[0], "finalise_due")]
    return states == [State.PENDING] * JOBS


def test_claims_that_others_may_make_first_go_alone(compiled: OpmlMarket) -> None:
    """Half of the turn is over: one that came too late would make the other late as well."""
    market = compiled.market
    jobs = [compiled.terms(GIVEN) for _ in range(2)]
    with market.worker(market.operators[0]) as running:
        promises = [running.promise(terms, inline(GIVEN)) for terms in jobs]
    for terms, promise in zip(jobs, promises, strict=True):
        market.post(terms, inline(GIVEN), promise)
    market.chain.increase_time(jobs[0].turn_length // 2)
    with ExitStack() as until_the_end:
        with collected(compiled, "claim", 2):
            until_the_end.enter_context(market.worker(market.operators[0]))
        claims = mined(compiled, "claim", 2)
    assert len({row.tx_hash for row in claims}) == 2


def test_a_callback_rides_with_nobody(compiled: OpmlMarket) -> None:
    verifier = compiled.verifier
    terms = compiled.terms(GIVEN)
    header = compiled.header.abi()
    consumer = {"callback_target": "0x" + "11" * 20, "callback_gas": 100_000}
    with_callback = compiled.terms(GIVEN, **consumer)
    assert verifier.rides(verifier.claim(terms, header, bytes(10)).data)
    assert verifier.rides(verifier.finalise_due(terms).data)
    assert not verifier.rides(verifier.claim(with_callback, header, bytes(10), GIVEN).data)
    assert not verifier.rides(verifier.finalise(with_callback, bytes(10)).data)
    assert not verifier.rides(verifier.finalise(terms).data)
    assert not verifier.rides(verifier.claim(terms, header, bytes(MAX_CALL_BYTES)).data)
    assert not verifier.rides(verifier.call("withdraw", terms.requester).data)
