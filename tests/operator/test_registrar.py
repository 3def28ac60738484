# SPDX-License-Identifier: Apache-2.0
"""Registrations that the chain refuses: told as they are, and they cost no other key."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from eth_account.signers.local import LocalAccount

from offchain_workers.chain.contracts import JobStatus
from offchain_workers.chain.contracts.terms import sign_acceptance
from offchain_workers.chain.wallet import Wallet
from offchain_workers.storage import LocalStore
from tests.operator.enclaved import SPARE, policy_id, teeml_terms
from tests.operator.world import PIXELS, Market, inline
from verifiers.base import Step
from verifiers.errors import NotReadyError
from verifiers.teeml.enclave.client import EnclaveClient, EnclaveProcess
from verifiers.teeml.market import verifier_of
from verifiers.teeml.registrar import Registrar
from verifiers.teeml.sources import SimulatedSource


@pytest.fixture
def client(spare: EnclaveProcess) -> Iterator[EnclaveClient]:
    made = EnclaveClient(spare.ensure())
    yield made
    made.close()


def send(market: Market, steps: list[Step]) -> None:
    wallet = Wallet(market.w3, market.operators[0])
    for step in steps:
        wallet.send(step.call)


def registrar(market: Market, client: EnclaveClient) -> Registrar:
    """Serves the market's policy; its collateral is on the chain."""
    operator = market.operators[0].address
    made = Registrar(
        market.network, operator, client, SimulatedSource(SPARE), LocalStore(market.folder / "gpus")
    )
    made.serve(policy_id(market))
    while (found := list(made.look()))[0].what == "collateral":
        send(market, found)
    return made


def again(made: Registrar, market: Market) -> list[Step]:
    """A look as if the rest after a refusal were over."""
    made._standings[policy_id(market)].rests_until = 0.0
    return list(made.look())


def test_a_refused_registration_is_tried_with_the_same_key(
    under: Callable[..., Market], guardian: LocalAccount, client: EnclaveClient
) -> None:
    """A new key each minute would push the others out of the enclave."""
    market = under(platform=SPARE)
    made = registrar(market, client)
    removal = verifier_of(market.network).call("remove_measurement", policy_id(market), 0)
    Wallet(market.w3, guardian).send(removal)
    for _ in range(3):
        assert again(made, market) == []
        market.chain.mine()
    assert len(client.hello()["keys"]) == 1
    assert made.waits_for(policy_id(market)) == "measurement removed"


def test_whoever_owes_by_a_key_that_the_guardian_took_excuses_itself(
    under: Callable[..., Market], guardian: LocalAccount, client: EnclaveClient
) -> None:
    market = under(platform=SPARE)
    made = registrar(market, client)
    send(market, again(made, market))
    [key] = client.hello()["keys"]
    terms = teeml_terms(market)
    domain = market.network.marketplace.domain
    until = terms.deliver_by
    promise = sign_acceptance(market.operators[0], domain, market.job_id(terms), until, 10**9)
    job_id = market.post(terms, inline(PIXELS), promise)
    verifier = verifier_of(market.network)
    Wallet(market.w3, guardian).send(verifier.call("remove_measurement", policy_id(market), 0))
    assert market.job(job_id).pledge == 10**9
    Wallet(market.w3, market.operators[0]).send(verifier.excuse(terms, key))
    job = market.job(job_id)
    assert (job.status, job.pledge) == (JobStatus.OPEN, 0)


def test_a_registration_that_was_mined_unseen_is_found(
    under: Callable[..., Market], client: EnclaveClient
) -> None:
    market = under(platform=SPARE)
    made = registrar(market, client)
    policy = policy_id(market)
    [step] = again(made, market)
    assert step.what == "register"
    [key] = client.hello()["keys"]
    send(market, [step])
    # What `look` finds when the block comes between its two questions.
    standing = made._standings[policy]
    assert made._registration(policy, standing) == ()
    with pytest.raises(NotReadyError, match="already registered"):
        made.key(policy)
    assert again(made, market) == []
    assert made.key(policy) == key
