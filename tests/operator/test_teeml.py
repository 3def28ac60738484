# SPDX-License-Identifier: Apache-2.0
"""Workers with enclaves: registered by themselves, again when need be, honest when they can't."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from eth_account.signers.local import LocalAccount
from sqlalchemy import select

from offchain_workers.chain.contracts import Acceptance, JobStatus, JobTerms, ModelRecord
from offchain_workers.chain.contracts.teeml_verifier import (
    TEEML,
)
from offchain_workers.chain.db import Database
from offchain_workers.chain.past import Past
from offchain_workers.chain.wallet import Wallet
from offchain_workers.localnet.teeml import make_policy
from offchain_workers.operator.tables import JobRow, Stage
from offchain_workers.storage import LocalStore, content_id
from tests.operator.enclaved import SPARE, policy_id, teeml_terms
from tests.operator.world import (
    DIGITS,
    PIXELS,
    Market,
    Running,
    form,
    inline,
    refusal,
    until,
)
from verifiers.teeml.enclave.client import EnclaveClient, EnclaveProcess
from verifiers.teeml.gpus import GpuClaims
from verifiers.teeml.machine import Machine
from verifiers.teeml.market import verifier_of
from verifiers.teeml.method import TeemlMethod
from verifiers.teeml.registrar import Registrar
from verifiers.teeml.simulated.gpu import root_point
from verifiers.teeml.sources import SimulatedSource

HOLD = 300
TTL = 3_600
NOT_READY = "MN-WORKER-140"
PLATFORM_REMOVED = 4
TURN = 30


def keys(market: Market, operator: LocalAccount) -> list[str]:
    """All that it registered, the newest first."""
    verifier = verifier_of(market.network)
    past = Past(verifier, market.network.start_block)
    about, head = bytes.fromhex(operator.address[2:]), market.w3.eth.block_number
    found = past.newest_first({"KeyRegistered"}, None, head, about)
    return [event.args["key"] for event in found]


def live(market: Market, operator: LocalAccount) -> list[str]:
    verifier, policy = verifier_of(market.network), policy_id(market)
    return [key for key in keys(market, operator) if verifier.is_live(policy, key)]


def registered(market: Market, operator: LocalAccount, count: int = 1) -> None:
    """Until it has so many live keys; blocks come meanwhile."""

    def enough() -> bool:
        market.chain.mine()
        return len(live(market, operator)) >= count

    until(enough)


def promised(market: Market, running: Running, primary: int = 0) -> bytes:
    """A job that the worker owes, as soon as it knows of its own key."""
    return market.post(*promise(market, running, primary))


def promise(
    market: Market, running: Running, primary: int = 0
) -> tuple[JobTerms, bytes, Acceptance]:
    """The same before it is posted."""
    terms, answers = replace(teeml_terms(market), primary=primary), []

    def accepted() -> bool:
        market.chain.mine()
        answers.append(running.accept(terms, inline(PIXELS)))
        return answers[-1].is_success

    until(accepted)
    return terms, inline(PIXELS), Acceptance.from_json(answers[-1].json())


def test_a_worker_registers_its_key_and_is_paid_at_once(under: Callable[..., Market]) -> None:
    market = under()
    primary = market.operators[0]
    with market.worker(primary, vouching=False, accept_seconds=60) as running:
        registered(market, primary)
        job_id = promised(market, running)
        until(lambda: market.paid(job_id))
    assert len(keys(market, primary)) == 1


@pytest.mark.slow
def test_a_policy_that_wants_gpus_takes_keys_of_enclaves_that_asked_theirs(
    under: Callable[..., Market],
) -> None:
    """The claims are served under their hash, so that anybody can check them again."""
    market = replace(under(require_gpu=True), gpu="simulated")
    primary = market.operators[0]
    with market.worker(primary, vouching=False, accept_seconds=60) as running:
        registered(market, primary)
        verifier = verifier_of(market.network)
        past = Past(verifier, market.network.start_block)
        [event] = past.newest_first({"KeyRegistered"}, None, market.w3.eth.block_number)
        claims = "0x" + event.args["gpu_claims"].hex()
        found = httpx.get(f"{running.worker.url}/blobs/{claims}")
        assert content_id(found.content) == claims
        [device] = GpuClaims.parse(found.content).check(int(time.time()), root_point())
        assert device.chip == "SIMULATED"
        job_id = promised(market, running)
        until(lambda: market.paid(job_id))


@pytest.mark.slow
def test_a_policy_that_wants_gpus_takes_no_key_without(under: Callable[..., Market]) -> None:
    market = under(require_gpu=True)
    with market.worker(market.operators[0], vouching=False, accept_seconds=60) as running:
        answers = []

        def refused_for_it() -> bool:
            market.chain.mine()
            answers.append(running.accept(teeml_terms(market), inline(PIXELS)).text)
            return "no gpu evidence" in answers[-1]

        until(refused_for_it)
    assert keys(market, market.operators[0]) == []


@pytest.mark.slow
def test_nothing_is_promised_before_a_key_is_registered(under: Callable[..., Market]) -> None:
    """The policy is of software that this enclave is not."""
    [measurement] = make_policy("0x" + "00" * 20).measurements
    market = under(measurements=(replace(measurement, value=b"\x05" * 32),))
    with market.worker(market.operators[0], vouching=False, accept_seconds=60) as running:
        terms = teeml_terms(market)
        assert refusal(running.accept(terms, inline(PIXELS))) == NOT_READY
    assert keys(market, market.operators[0]) == []


def test_an_answer_under_a_hold_is_finalised_by_its_worker(under: Callable[..., Market]) -> None:
    market = under(hold=HOLD)
    primary = market.operators[0]
    with market.worker(primary, vouching=False, accept_seconds=60) as running:
        registered(market, primary)
        job_id = promised(market, running)
        until(lambda: market.job(job_id).status is JobStatus.PENDING)
        market.chain.increase_time(HOLD // 2)
        assert not market.paid(job_id)
        market.chain.increase_time(HOLD)
        until(lambda: market.paid(job_id))


@pytest.mark.slow
def test_a_key_is_renewed_before_it_ends(under: Callable[..., Market]) -> None:
    market = under(key_ttl=TTL)
    primary = market.operators[0]
    with market.worker(primary, vouching=False, accept_seconds=60) as running:
        registered(market, primary)
        [first] = live(market, primary)
        market.chain.increase_time(TTL * 7 // 8)
        until(lambda: len(keys(market, primary)) == 2)
        until(lambda: first not in live(market, primary))  # a platform has one place
        registered(market, primary)
        job_id = promised(market, running)
        until(lambda: market.paid(job_id))


@pytest.fixture
def machines(monkeypatch: pytest.MonkeyPatch) -> list[Machine]:
    """Of the workers, in the order in which they come."""
    made: list[Machine] = []
    configure = TeemlMethod.configure

    def configured(method: TeemlMethod, *given: Any) -> None:
        configure(method, *given)
        assert method._machine is not None
        made.append(method._machine)

    monkeypatch.setattr(TeemlMethod, "configure", configured)
    return made


def kill(machine: Machine) -> None:
    assert machine._process is not None
    machine._process.kill()


def rows(market: Market, operator: LocalAccount, job_id: bytes) -> JobRow:
    """The job in a worker's database, as soon as it is there."""
    path = f"sqlite:///{market.folder}/{operator.address}/worker.db"
    db, found = Database(path, exclusive=False), []

    def written() -> bool:
        with db.read() as session:
            found.extend(session.scalars(select(JobRow).where(JobRow.job_id == job_id)))
        return bool(found)

    until(written)
    db.close()
    return found[0]


def test_a_lost_enclave_is_started_again_with_another_key(
    under: Callable[..., Market], machines: list[Machine]
) -> None:
    market = under()
    primary = market.operators[0]
    with market.worker(primary, vouching=False, accept_seconds=60) as running:
        registered(market, primary)
        [lost] = live(market, primary)
        kill(machines[0])
        until(lambda: market.chain.mine() is None and len(keys(market, primary)) == 2)
        until(lambda: lost not in live(market, primary))
        job_id = promised(market, running)
        until(lambda: market.paid(job_id))


@pytest.mark.slow
def test_an_answer_under_a_key_that_was_replaced_is_signed_again(
    under: Callable[..., Market], spare: EnclaveProcess
) -> None:
    """A backup's, made before its turn: when that comes, another key has its platform's place."""
    market = under(platform=SPARE)
    backup = market.operators[1]
    with market.worker(backup, vouching=False, accept_seconds=60):
        registered(market, backup)
        [first] = live(market, backup)
        other = Registrar(
            market.network,
            backup.address,
            EnclaveClient(spare.ensure()),
            SimulatedSource(SPARE),
            LocalStore(market.folder / "other"),
        )
        other.serve(policy_id(market))
        [register] = [step for step in other.look() if step.what == "register"]
        job_id = market.post(teeml_terms(market), inline(PIXELS))
        market.chain.increase_time(TURN - 5)
        with market.without_mining():
            until(lambda: rows(market, backup, job_id).stage == Stage.READY)
            wallet = Wallet(market.w3, backup)
            market.w3.eth.send_raw_transaction(wallet._signed(register.call, None, None))
            market.chain.mine()
        assert first not in live(market, backup)
        until(lambda: market.chain.mine() is None and market.paid(job_id))
    assert rows(market, backup, job_id).deliveries > 1
    assert len(keys(market, backup)) == 3


def test_a_removed_platform_promises_nothing_and_does_not_insist(
    under: Callable[..., Market], guardian: LocalAccount
) -> None:
    market = under()
    primary, backup = market.operators
    verifier = verifier_of(market.network)
    with (
        market.worker(primary, vouching=False, accept_seconds=60) as removed,
        market.worker(backup, vouching=False, accept_seconds=60),
    ):
        registered(market, primary)
        registered(market, backup)
        [key] = live(market, primary)
        record = verifier.key_of(policy_id(market), key)
        call = verifier.call("remove_platform", policy_id(market), record.platform)
        Wallet(market.w3, guardian).send(call)
        assert verifier.key_of(policy_id(market), key).reason == PLATFORM_REMOVED
        terms = teeml_terms(market)
        assert refusal(removed.accept(terms, inline(PIXELS))) == NOT_READY
        job_id = market.post(terms, inline(PIXELS))
        market.chain.increase_time(40)
        until(lambda: market.paid(job_id))
    assert market.job(job_id).operator == backup.address
    assert keys(market, primary) == [key]


@pytest.mark.slow
def test_a_shared_platform_goes_to_the_larger_stake(under: Callable[..., Market]) -> None:
    """Neighbours on one machine of a cloud; the policy lets one key in."""
    market = under(platform="shared")
    poor, rich = market.operators
    Wallet(market.w3, rich).send(market.network.subnets.add_stake(rich.address, 10**18))
    with market.worker(poor, vouching=False, accept_seconds=60):
        registered(market, poor)
        with market.worker(rich, vouching=False, accept_seconds=60) as running:
            registered(market, rich)
            until(lambda: market.chain.mine() is None and not live(market, poor))
            job_id = promised(market, running, primary=1)
            until(lambda: market.paid(job_id))
            assert len(keys(market, poor)) == len(keys(market, rich)) == 1


def test_a_worker_whose_key_the_guardian_took_is_excused_from_what_it_owes(
    under: Callable[..., Market], guardian: LocalAccount
) -> None:
    """Its stake is whole; the next member is first."""
    market = under()
    primary = market.operators[0]
    verifier, subnets = verifier_of(market.network), market.network.subnets
    with market.worker(primary, vouching=False, accept_seconds=60) as running:
        registered(market, primary)
        given = promise(market, running)
        [key] = live(market, primary)
        platform = verifier.key_of(policy_id(market), key).platform
        Wallet(market.w3, guardian).send(
            verifier.call("remove_platform", policy_id(market), platform)
        )
        before = subnets.operator(primary.address)
        job_id = market.post(*given)
        past = Past(market.network.marketplace, market.network.start_block)

        def excused() -> bool:
            market.chain.mine()
            head = market.w3.eth.block_number
            return any(past.newest_first({"JobExcused"}, job_id, head))

        until(excused)
    assert subnets.operator(primary.address) == before
    assert market.job(job_id).first == 1


@pytest.mark.slow
def test_a_worker_that_lost_its_place_keeps_what_it_promised(
    under: Callable[..., Market],
) -> None:
    """A neighbour with more stake has its platform; nothing new is promised."""
    market = under(platform="shared")
    poor, rich = market.operators
    Wallet(market.w3, rich).send(market.network.subnets.add_stake(rich.address, 10**18))
    with market.worker(poor, vouching=False, accept_seconds=60) as running:
        registered(market, poor)
        given = promise(market, running)
        with market.worker(rich, vouching=False, accept_seconds=60):
            registered(market, rich)
            until(lambda: market.chain.mine() is None and not live(market, poor))
            job_id = market.post(*given)
            until(lambda: market.paid(job_id))
            assert market.job(job_id).operator == poor.address
            refused = running.accept(teeml_terms(market), inline(PIXELS))
            assert refusal(refused) == NOT_READY


def test_a_policy_nobody_created_bars_the_model(teeml_chain: Market, tmp_path: Path) -> None:
    base = teeml_chain
    snapshot = base.chain.rpc("evm_snapshot")
    hashes = (bytes.fromhex(cid[2:]) for cid in (DIGITS.spec.onnx_cid, DIGITS.card.hash()))
    record = ModelRecord(*hashes, artifacts={TEEML: b"\x01" * 32})
    Wallet(base.w3, base.publisher).send(base.network.models.publish(record, "http://127.0.0.1:9"))
    model_id = base.network.models.model_id(base.publisher.address, record)
    subnet = form(base.chain, base.network, model_id, base.operators, base.requester, TEEML)
    market = replace(base, model_id=model_id, subnet=subnet, folder=tmp_path)
    [primary] = [a for a in market.operators if a.address == subnet.members[0][0]]
    with market.worker(primary, vouching=False, accept_seconds=60) as running:
        refused = refusal(running.accept(teeml_terms(market), inline(PIXELS)))
    assert refused == "MN-WORKER-128"
    assert base.chain.rpc("evm_revert", snapshot)
