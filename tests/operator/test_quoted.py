# SPDX-License-Identifier: Apache-2.0
"""Workers that quote each answer: no key is registered, no box opens, no bond is taken."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest
from eth_account.signers.local import LocalAccount

from offchain_workers.chain.contracts import JobStatus
from offchain_workers.chain.past import Past
from offchain_workers.chain.wallet import Wallet
from tests.operator.enclaved import policy_id, teeml_terms
from tests.operator.test_teeml import HOLD, NOT_READY, keys, promised
from tests.operator.world import PIXELS, Market, inline, refusal, until
from verifiers.teeml.gpus import GpuClaims
from verifiers.teeml.market import verifier_of
from verifiers.teeml.simulated.gpu import root_point

NOT_ADMITTED = "MN-WORKER-128"


def quoting(market: Market, **changes: str) -> Market:
    return replace(market, deliver="quoted", **changes)


def test_a_quoted_answer_is_paid_and_no_key_is_registered(under: Callable[..., Market]) -> None:
    """Under a policy that wants GPUs: what was said of them is served by its hash."""
    market = quoting(under(require_gpu=True), gpu="simulated")
    primary = market.operators[0]
    with market.worker(primary, vouching=False, accept_seconds=60) as running:
        job_id = promised(market, running)
        until(lambda: market.paid(job_id))
        past = Past(market.network.marketplace, market.network.start_block)
        [event] = past.newest_first({"JobDelivered"}, job_id, market.w3.eth.block_number)
        call = market.w3.eth.get_transaction("0x" + event.tx_hash.hex())
        quoted = verifier_of(market.network)
        name, args = quoted.decode(call["input"])
        claims = httpx.get(f"{running.worker.url}/blobs/0x{args['gpu_claims'].hex()}").content
        assert GpuClaims.parse(claims).check(int(time.time()), root_point())
    assert name == "deliver_quoted"
    assert keys(market, primary) == []


@pytest.mark.slow
def test_a_quoted_answer_under_a_hold_is_finalised(under: Callable[..., Market]) -> None:
    market = quoting(under(hold=HOLD))
    with market.worker(market.operators[0], vouching=False, accept_seconds=60) as running:
        job_id = promised(market, running)
        until(lambda: market.job(job_id).status is JobStatus.PENDING)
        market.chain.increase_time(HOLD + 1)
        until(lambda: market.paid(job_id))


@pytest.mark.slow
def test_a_policy_with_a_bond_takes_no_quoted_answers(under: Callable[..., Market]) -> None:
    market = quoting(under(bond=1))
    with market.worker(market.operators[0], vouching=False, accept_seconds=60) as running:
        refused = running.accept(teeml_terms(market), inline(PIXELS))
        assert refusal(refused) == NOT_ADMITTED
        assert "bond" in refused.text


@pytest.mark.slow
def test_other_software_promises_no_quoted_answer(
    under: Callable[..., Market], guardian: LocalAccount
) -> None:
    """Its measurement was removed before it was asked: the contract says so."""
    market = quoting(under())
    verifier = verifier_of(market.network)
    Wallet(market.w3, guardian).send(verifier.call("remove_measurement", policy_id(market), 0))
    with market.worker(market.operators[0], vouching=False, accept_seconds=60) as running:
        answers = []

        def refused_for_it() -> bool:
            market.chain.mine()
            answers.append(running.accept(teeml_terms(market), inline(PIXELS)))
            return "measurement removed" in answers[-1].text

        until(refused_for_it)
        assert refusal(answers[-1]) == NOT_READY
