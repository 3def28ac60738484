# SPDX-License-Identifier: Apache-2.0
"""The whole daemon on a development chain: jobs in, answers and money out."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

from offchain_workers.chain.contracts import JobStatus
from offchain_workers.chain.db import Database
from offchain_workers.chain.tables import OutboxRow
from offchain_workers.chain.wallet import Wallet
from offchain_workers.codecs import get_codec
from offchain_workers.daemon.errors import EndpointInUseError
from offchain_workers.manifest import Place, verify_manifest
from offchain_workers.operator import Worker
from offchain_workers.operator.dispatch import delivery_key
from offchain_workers.operator.tables import JobRow, Stage, Status
from offchain_workers.storage import content_id
from tests.operator.world import DIGITS, PIXELS, PRICE, Market, Running, inline, until


def accepted_job(market: Market, running: Running, **changes: object) -> bytes:
    terms = market.terms(**changes)
    return market.post(terms, inline(PIXELS), running.promise(terms, inline(PIXELS)))


def database(market: Market, index: int) -> Database:
    """A stopped worker's database."""
    name = market.operators[index].address
    return Database(f"sqlite:///{market.folder}/{name}/worker.db", exclusive=False)


def row_of(market: Market, index: int, job_id: bytes) -> JobRow:
    db = database(market, index)
    with db.read() as session:
        row = session.get_one(JobRow, job_id)
    db.close()
    return row


def label(output: bytes) -> str:
    codec = get_codec(DIGITS.card.codec)
    return str(codec.decode(DIGITS.card, output)["label"])


def test_an_accepted_job_is_answered_and_paid(market: Market) -> None:
    primary = market.operators[0]
    with market.worker(primary) as running:
        job_id = accepted_job(market, running)
        until(lambda: market.paid(job_id))
    [event] = market.delivered(job_id)
    assert event["operator"] == primary.address
    assert label(event["output"]) == DIGITS.samples[0][2]
    earned = market.network.marketplace.balance(primary.address)
    assert earned == PRICE * 94 // 100 + market.network.marketplace.keeper_tip


def test_a_batch_is_answered_item_by_item(market: Market) -> None:
    items = [pixels for _, pixels, _ in DIGITS.samples[:5]]
    with market.worker(market.operators[0]) as running:
        answers = market.answers(running, items)
    assert [label(answer) for answer in answers] == [kind for _, _, kind in DIGITS.samples[:5]]


def test_a_job_that_nobody_owes_is_served_as_best_effort(market: Market) -> None:
    with market.worker(market.operators[0]):
        job_id = market.post(market.terms(), inline(PIXELS))
        until(lambda: market.paid(job_id))


def test_a_job_posted_while_the_worker_was_away_is_found(market: Market) -> None:
    job_id = market.post(market.terms(), inline(PIXELS))
    with market.worker(market.operators[0]):
        until(lambda: market.paid(job_id))


def test_the_backup_delivers_when_its_turn_has_come_and_the_primary_is_slashed(
    market: Market,
) -> None:
    primary, backup = market.operators
    subnets = market.network.subnets
    before = subnets.operator(primary.address)
    with market.worker(backup) as waiting:
        with market.worker(primary) as running:
            terms = market.terms()
            promise = running.promise(terms, inline(PIXELS))
        job_id = market.post(terms, inline(PIXELS), promise)
        until(lambda: waiting.get("/health").json()["queue"] == 1)
        market.chain.increase_time(30)
        assert market.job(job_id).status is JobStatus.OPEN
        market.chain.increase_time(30)
        until(lambda: market.paid(job_id))
    [event] = market.delivered(job_id)
    assert event["operator"] == backup.address
    after = subnets.operator(primary.address)
    assert before is not None
    assert after is not None
    assert before.stake - after.stake == promise.pledge
    assert subnets.credit(backup.address) == promise.pledge // 2


def test_a_restart_in_the_middle_of_a_job_delivers_once(market: Market) -> None:
    """The first run leaves its delivery unmined."""
    primary = market.operators[0]
    with market.worker(primary) as running:
        terms = market.terms()
        promise = running.promise(terms, inline(PIXELS))
    job_id = market.post(terms, inline(PIXELS), promise)
    with market.without_mining():
        with market.worker(primary):
            until(lambda: queued(market, 0, job_id))
        with market.worker(primary):
            market.chain.mine()
            until(lambda: market.paid(job_id))
    assert len(market.delivered(job_id)) == 1
    assert row_of(market, 0, job_id).deliveries == 1


def queued(market: Market, index: int, job_id: bytes) -> bool:
    """Whether the delivery is signed and sent."""
    db = database(market, index)
    with db.read() as session:
        key = OutboxRow.key == delivery_key(job_id, 1)
        row = session.scalars(select(OutboxRow).where(key)).one_or_none()
    db.close()
    return row is not None and row.state == "pending"


def test_a_stopping_worker_finishes_what_it_owes_and_promises_no_more(market: Market) -> None:
    with market.worker(market.operators[0], accept_seconds=600) as running:
        terms = market.terms()
        promise = running.promise(terms, inline(PIXELS))
        running.worker.stop()
        assert running.accept(market.terms(), inline(PIXELS)).status_code == 503
        assert running.get("/health").json()["ready"] is False
        job_id = market.post(terms, inline(PIXELS), promise)
        running.join()
    assert market.paid(job_id)


def test_an_idle_worker_stops_at_once(market: Market) -> None:
    with market.worker(market.operators[0]) as running:
        running.stop()


def test_the_sweep_repairs_a_row_that_differs_from_the_chain(market: Market) -> None:
    primary = market.operators[0]
    with market.worker(primary) as running:
        job_id = accepted_job(market, running)
        until(lambda: market.paid(job_id))
        running.stop()
    db = database(market, 0)
    with db.session() as session:
        wrong = {"status": Status.OPEN, "stage": Stage.SKIPPED, "pledge": 10**9}
        session.execute(update(JobRow).values(**wrong))
    db.close()
    with market.worker(primary, sweep_seconds=1) as running:
        until(lambda: b"repairs_total{" in running.get("/metrics").content)
    row = row_of(market, 0, job_id)
    assert (row.status, row.stage) == (Status.PAID, Stage.DONE)
    assert len(market.delivered(job_id)) == 1


def test_a_delivery_that_the_chain_forgot_is_delivered_again_once(market: Market) -> None:
    """The chain goes back to before the delivery, as in a reorganisation, then on."""
    job_id = market.post(market.terms(), inline(PIXELS))
    with market.without_mining(), market.worker(market.operators[0]):
        until(lambda: queued(market, 0, job_id))
        before = market.chain.rpc("evm_snapshot")
        market.chain.mine()
        until(lambda: row_of(market, 0, job_id).stage == Stage.DONE)
        market.chain.rpc("evm_revert", before)
        assert market.job(job_id).status is JobStatus.OPEN
        until(lambda: mined_again(market, job_id))
    assert len(market.delivered(job_id)) == 1
    assert row_of(market, 0, job_id).deliveries == 1


def mined_again(market: Market, job_id: bytes) -> bool:
    market.chain.mine()
    return market.paid(job_id) and row_of(market, 0, job_id).stage == Stage.DONE


def test_the_manifest_is_signed_served_and_announced(market: Market) -> None:
    primary = market.operators[0]
    with market.worker(primary, public_url="http://127.0.0.1:4321") as running:
        document = running.get("/manifest").content
        cid = content_id(document)
        assert running.get(f"/blobs/{cid}").content == document
        until(lambda: market.announced(primary.address) == (cid, "http://127.0.0.1:4321"))
    domain = market.network.marketplace.domain
    place = Place(domain.chain_id, market.network.subnets.address)
    body = verify_manifest(document, place, primary.address)
    assert body["models"] == ["0x" + market.model_id.hex()]
    assert body["methods"] == ["none"]
    assert body["hardware"]["providers"] == ["CPUExecutionProvider"]


def test_a_restart_issues_no_new_manifest(market: Market) -> None:
    documents = []
    for _ in range(2):
        with market.worker(market.operators[0]) as running:
            documents.append(running.get("/manifest").content)
    assert documents[0] == documents[1]


def test_a_worker_whose_account_another_one_uses_yields_instead_of_paying_for_ever(
    market: Market,
) -> None:
    primary, first, other = market.operators[0], "http://127.0.0.1:4321", "http://127.0.0.1:4322"
    with market.worker(primary, public_url=first) as running:
        until(lambda: market.announced(primary.address)[1] == first)
        job_id = accepted_job(market, running)
        until(lambda: market.paid(job_id))  # so the worker has seen its announcement, too
        with capture_logs() as logs:
            call = market.network.subnets.set_manifest(b"\1" * 32, other)
            Wallet(market.w3, primary).send(call)
            until(lambda: [row for row in logs if row.get("announced") == other])
            accepted_job(market, running)
            until(lambda: [row for row in logs if row["event"] == "delivery queued"])
        assert len([row for row in logs if row.get("announced") == other]) == 1
    assert market.announced(primary.address)[1] == other


def test_health_and_metrics(market: Market) -> None:
    with market.worker(market.operators[0]) as running:
        assert running.get("/health").json() == {
            "live": True,
            "ready": True,
            "operator": market.operators[0].address,
            "models": ["0x" + market.model_id.hex()],
            "in_flight": 0,
            "queue": 0,
        }
        assert b"fusion_worker_chain_block" in running.get("/metrics").content


def test_earnings_above_the_threshold_are_withdrawn(market: Market) -> None:
    primary = market.operators[0]
    with market.worker(primary, withdraw_above_wei=0, sweep_seconds=1) as running:
        job_id = accepted_job(market, running)
        until(lambda: market.paid(job_id))
        until(lambda: market.network.marketplace.balance(primary.address) == 0)


def test_a_keeper_closes_an_expired_job_for_the_tip(market: Market) -> None:
    """The job's turn is the other member's, who is not there."""
    backup = market.operators[1]
    job_id = market.post(market.terms(turn_length=3600), inline(PIXELS))
    with market.worker(backup, keeper=True, sweep_seconds=1, announce_manifest=False):
        market.chain.increase_time(601)
        until(lambda: market.job(job_id).status is JobStatus.REFUNDED)
    tip = market.network.marketplace.keeper_tip
    assert market.network.marketplace.balance(backup.address) == tip


def test_a_port_in_use_is_an_error_of_its_own(market: Market) -> None:
    with market.worker(market.operators[0]) as running:
        port = httpx.URL(running.worker.url).port
        second = Worker(market.settings("second", listen_port=port), market.operators[1])
        with pytest.raises(EndpointInUseError):
            second.run()
