# SPDX-License-Identifier: Apache-2.0
"""Workers that serve a method from outside: one contract, one module, one line of a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount
from sqlalchemy import select

from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts import JobStatus, JobTerms, ModelRecord, Network
from offchain_workers.chain.db import Database
from offchain_workers.chain.tables import OutboxRow
from offchain_workers.chain.wallet import Wallet
from offchain_workers.operator.tables import JobRow, Stage
from tests.operator.toy import TOY, ToyMethod, ToyVerifier, compiled
from tests.operator.world import (
    DIGITS,
    ETHER,
    PIXELS,
    PRICE,
    Market,
    Running,
    form,
    inline,
    refusal,
    until,
)

ARTIFACT = b"\x07" * 32
DELAY = 3600
BOND = ETHER // 10

PROVING = {"toy": "tests.operator.toy:ToyMethod"}
CLAIMING = {"toy": "tests.operator.toy:ClaimingToy"}
STUMBLING = {"toy": "tests.operator.toy:StumblingToy"}
LYING = {"toy": "tests.operator.toy:LyingToy"}


def install(network: Network, owner: LocalAccount) -> None:
    """Deploy the plug-in and list it in the market."""
    market, w3 = network.marketplace, network.marketplace.w3
    parts = [market.address, network.subnets.address, network.models.address]
    factory = w3.eth.contract(abi=compiled()["abi"], bytecode=compiled()["bytecode"])
    creation = factory.constructor(*parts, TOY, DELAY, BOND).data_in_transaction
    wallet = Wallet(w3, owner)
    plugin = wallet.send(Call("", bytes.fromhex(creation[2:])))["contractAddress"]
    wallet.send(market.call("add_method", TOY, plugin, 1, DELAY, 0, False))


@pytest.fixture(scope="module")
def toy_chain(market_chain: Market) -> Iterator[Market]:
    """The market with the method listed, the digits published with an artifact, a subnet of two."""
    base = market_chain
    snapshot = base.chain.rpc("evm_snapshot")
    install(base.network, base.chain.accounts[0])
    hashes = (bytes.fromhex(cid[2:]) for cid in (DIGITS.spec.onnx_cid, DIGITS.card.hash()))
    record = ModelRecord(*hashes, artifacts={TOY: ARTIFACT})
    Wallet(base.w3, base.publisher).send(base.network.models.publish(record, "http://127.0.0.1:9"))
    model_id = base.network.models.model_id(base.publisher.address, record)
    subnet = form(base.chain, base.network, model_id, base.operators, base.requester, TOY)
    by_address = {account.address: account for account in base.operators}
    operators = [by_address[address] for address, _ in subnet.members]
    yield replace(base, model_id=model_id, subnet=subnet, operators=operators)
    assert base.chain.rpc("evm_revert", snapshot)


@pytest.fixture
def toys(toy_chain: Market, tmp_path: Path) -> Iterator[Market]:
    snapshot = toy_chain.chain.rpc("evm_snapshot")
    yield replace(toy_chain, folder=tmp_path)
    assert toy_chain.chain.rpc("evm_revert", snapshot)


def toy_terms(toys: Market) -> JobTerms:
    terms = toys.terms(selector=TOY, artifact_id=ARTIFACT, item_size=0)
    return replace(terms, resolve_by=terms.deliver_by + DELAY)


def post(toys: Market) -> bytes:
    """A job that nobody owes."""
    return toys.post(toy_terms(toys), inline(PIXELS))


def pending(toys: Market, job_id: bytes) -> bool:
    return toys.job(job_id).status is JobStatus.PENDING


def stake(toys: Market, operator: LocalAccount) -> int:
    found = toys.network.subnets.operator(operator.address)
    assert found is not None
    return found.stake


def rows(toys: Market, operator: LocalAccount, job_id: bytes) -> tuple[JobRow, dict[str, str]]:
    """The job's row in a worker's database, and its outbox: key without the job to state."""
    db = Database(f"sqlite:///{toys.folder}/{operator.address}/worker.db", exclusive=False)
    mark = f":0x{job_id.hex()}"
    with db.read() as session:
        job = session.get_one(JobRow, job_id)
        sent = session.scalars(select(OutboxRow).where(OutboxRow.key.contains(mark)))
        states = {row.key.replace(mark, ""): row.state for row in sent}
    db.close()
    return job, states


def right(toys: Market, job_id: bytes) -> bool:
    """Whether the last answer is the right one."""
    return bool(toys.delivered(job_id)[-1]["output"] == ToyMethod().answer([PIXELS]))


def test_a_proof_is_paid_at_once(toys: Market) -> None:
    with toys.worker(toys.operators[0], PROVING, vouching=False) as running:
        terms = toy_terms(toys)
        job_id = toys.post(terms, inline(PIXELS), running.promise(terms, inline(PIXELS)))
        until(lambda: toys.paid(job_id))
    assert right(toys, job_id)
    assert len(toys.delivered(job_id)) == 1


def test_a_model_whose_files_a_method_stumbles_over_is_barred_and_the_worker_goes_on(
    toys: Market,
) -> None:
    with toys.worker(toys.operators[0], STUMBLING, vouching=False) as running:
        answer = running.accept(toy_terms(toys), inline(PIXELS))
        assert refusal(answer) == "MN-WORKER-128"
        assert "RecursionError" in answer.json()["error"]["message"]
        assert running.get("/health").json()["ready"]


def test_a_claim_is_finalised_by_its_worker_when_its_time_has_come(toys: Market) -> None:
    primary = toys.operators[0]
    with toys.worker(primary, CLAIMING, vouching=False):
        job_id = post(toys)
        until(lambda: pending(toys, job_id))
        toys.chain.increase_time(DELAY // 2)
        assert pending(toys, job_id)
        toys.chain.increase_time(DELAY // 2)
        until(lambda: toys.paid(job_id))
        until(lambda: rows(toys, primary, job_id)[0].stage == Stage.DONE)
    _, sent = rows(toys, primary, job_id)
    [key] = [key for key in sent if key.startswith("follow:")]
    assert sent == {"deliver": "mined_ok", key: "mined_ok"}
    tip = toys.network.marketplace.keeper_tip
    assert toys.network.marketplace.balance(primary.address) == PRICE + tip


def test_a_lie_costs_its_bond_and_the_next_member_is_paid(toys: Market) -> None:
    liar, honest = toys.operators
    subnets = toys.network.subnets
    staked, credit = stake(toys, liar), subnets.credit(toys.requester.address)
    with (
        toys.worker(honest, PROVING, vouching=False),
        toys.worker(liar, LYING, vouching=False) as lying,
    ):
        terms = toy_terms(toys)
        job_id = toys.post(terms, inline(PIXELS), lying.promise(terms, inline(PIXELS)))
        until(lambda: pending(toys, job_id))
        refute(toys, terms)
        until(lambda: toys.paid(job_id))
        lying.stop()
    assert [event["operator"] for event in toys.delivered(job_id)] == [liar.address, honest.address]
    assert right(toys, job_id)
    assert staked - stake(toys, liar) == BOND
    assert subnets.credit(toys.requester.address) - credit == BOND // 2
    assert toys.network.marketplace.balance(liar.address) == 0


def refute(toys: Market, terms: JobTerms) -> None:
    """By the requester, who has the input."""
    verifier = ToyVerifier.of(toys.network)
    Wallet(toys.w3, toys.requester).send(verifier.call("refute", terms.abi(), PIXELS))


def test_a_worker_whose_claim_was_refuted_leaves_the_job_and_may_stop(toys: Market) -> None:
    """Nobody else is there: in its next turn it could claim again."""
    liar = toys.operators[0]
    with toys.worker(liar, LYING, vouching=False) as lying:
        terms = toy_terms(toys)
        job_id = toys.post(terms, inline(PIXELS))
        until(lambda: pending(toys, job_id))
        refute(toys, terms)
        until(lambda: rows(toys, liar, job_id)[0].stage == Stage.SKIPPED)
        toys.chain.increase_time(121)
        block = f"chain_block {toys.w3.eth.block_number}.0"
        until(lambda: block in lying.get("/metrics").text)
        lying.stop()
    job, sent = rows(toys, liar, job_id)
    assert (job.reason, sent) == ("MN-WORKER-127", {"deliver": "mined_ok"})


@pytest.mark.parametrize("leave", [Running.stop, Running.abandon])
def test_a_claim_is_finalised_after_a_restart(toys: Market, leave: Any) -> None:
    """Stopped in good order or killed, the worker is away while the claim ripens."""
    primary = toys.operators[0]
    with toys.worker(primary, CLAIMING, vouching=False) as running:
        job_id = post(toys)
        until(lambda: pending(toys, job_id))
        leave(running)
    toys.chain.increase_time(DELAY)
    with toys.worker(primary, CLAIMING, vouching=False):
        until(lambda: toys.paid(job_id))
    assert len(toys.delivered(job_id)) == 1


def test_a_finalised_claim_that_the_chain_forgot_is_finalised_again(toys: Market) -> None:
    """Back to a block before its time, as in a reorganisation: the first call fails there."""
    primary = toys.operators[0]
    with toys.worker(primary, CLAIMING, vouching=False):
        job_id = post(toys)
        until(lambda: pending(toys, job_id))
        before = toys.chain.rpc("evm_snapshot")
        toys.chain.increase_time(DELAY)
        until(lambda: rows(toys, primary, job_id)[0].stage == Stage.DONE)
        assert toys.chain.rpc("evm_revert", before)
        assert pending(toys, job_id)
        until(lambda: "mined_reverted" in rows(toys, primary, job_id)[1].values())
        toys.chain.increase_time(DELAY)
        until(lambda: toys.paid(job_id))
    _, sent = rows(toys, primary, job_id)
    assert sorted(key.partition("#")[2] for key in sent if key.startswith("follow:")) == ["", "2"]
