# SPDX-License-Identifier: Apache-2.0
"""The typed wrappers against the real contracts on a development chain."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from web3 import HTTPProvider, Web3

from offchain_workers.chain.contracts import (
    ChainParams,
    JobStatus,
    JobTerms,
    ModelRecord,
    Network,
    Spec,
    Tier,
    deploy,
    sign_acceptance,
)
from offchain_workers.chain.contracts.subnets import book_id
from offchain_workers.chain.contracts.terms import accepted_by, selector_of
from offchain_workers.chain.errors import (
    CallRevertedError,
    ContractMissingError,
    TermsInvalidError,
)
from offchain_workers.chain.wallet import Wallet
from offchain_workers.devnet import Devnet, start_devnet

NONE = selector_of("none")
PRICE = 10**12
PARAMS = ChainParams.development()


@pytest.fixture(scope="module")
def devnet() -> Iterator[Devnet]:
    with start_devnet() as running:
        yield running


@pytest.fixture(scope="module")
def w3(devnet: Devnet) -> Web3:
    return Web3(HTTPProvider(devnet.url))


@pytest.fixture(scope="module")
def network(w3: Web3, devnet: Devnet) -> Network:
    return deploy(w3, devnet.accounts[0], PARAMS)


@pytest.fixture(scope="module")
def model_id(w3: Web3, devnet: Devnet, network: Network) -> bytes:
    record = ModelRecord(keccak(b"onnx"), keccak(b"card"), royalty_bps=500)
    publisher = devnet.accounts[1]
    Wallet(w3, publisher).send(network.models.publish(record, "http://127.0.0.1/"))
    return network.models.model_id(publisher.address, record)


@pytest.fixture(scope="module")
def spec(w3: Web3, devnet: Devnet, network: Network, model_id: bytes) -> Spec:
    """A spec whose subnet of two is formed."""
    for index, account in enumerate(devnet.accounts[2:4]):
        wallet = Wallet(w3, account)
        wallet.send(network.subnets.register(bytes(32), "http://127.0.0.1:1", (index + 1) * 10**18))
        wallet.send(network.subnets.opt_in(NONE))
        wallet.send(network.subnets.offer(model_id, NONE, Tier.VIRTUAL_NODE, PRICE))
    devnet.mine(PARAMS.epoch_blocks)
    spec = Spec(model_id, NONE, band=40, k=2)
    requester = Wallet(w3, devnet.accounts[4])
    requester.send(network.subnets.request(spec, network.subnets.request_cost(spec)))
    while w3.eth.block_number <= network.subnets.seed_block(spec):
        devnet.mine()
    requester.send(network.subnets.form(spec))
    return spec


def terms_for(network: Network, spec: Spec, requester: LocalAccount, salt: bytes) -> JobTerms:
    latest = network.subnets.latest_subnet(spec)
    assert latest is not None
    now = int(time.time())
    return JobTerms(
        requester=requester.address,
        model_id=spec.model_id,
        selector=NONE,
        subnet_id=latest[0],
        input_commitment=keccak(b"input"),
        max_price=2 * PRICE,
        deliver_by=now + 3600,
        resolve_by=now + 7200,
        turn_length=60,
        fee_cap=100,
        royalty_cap=500,
        salt=keccak(salt),
    )


def operator_of(devnet: Devnet, address: str) -> LocalAccount:
    return next(account for account in devnet.accounts if account.address == address)


def test_an_accepted_job_is_posted_delivered_and_paid(
    w3: Web3, devnet: Devnet, network: Network, spec: Spec
) -> None:
    market = network.marketplace
    requester = devnet.accounts[5]
    terms = terms_for(network, spec, requester, b"accepted")
    job_id = terms.job_id(market.domain)
    assert job_id == market.read("job_id_of", terms.abi())

    subnet = network.subnets.subnet(terms.subnet_id)
    assert subnet is not None
    assert (subnet.royalty_bps, len(subnet.members)) == (500, 2)
    primary = operator_of(devnet, subnet.members[0][0])
    acceptance = sign_acceptance(primary, market.domain, job_id, int(time.time()) + 3600, 10**15)
    assert accepted_by(acceptance, market.domain, job_id) == primary.address

    call = market.post(terms, b"\x00input", acceptance, market.value_due(terms))
    Wallet(w3, requester).send(call)
    assert market.job(job_id).status is JobStatus.OPEN
    assert market.job(job_id).pledge == 10**15
    stake = network.subnets.operator(primary.address)
    assert stake is not None
    assert stake.reserved == 10**15

    Wallet(w3, primary).send(market.deliver(terms, primary.address, b"answer"))
    job = market.job(job_id)
    assert (job.status, job.operator, job.pledge) == (JobStatus.PAID, primary.address, 0)
    assert market.balance(primary.address) == PRICE * 94 // 100 + market.keeper_tip
    assert market.balance(devnet.accounts[1].address) == PRICE * 5 // 100
    assert market.balance(requester.address) == PRICE
    assert market.fees() == PRICE // 100


def test_terms_survive_the_trip_through_the_event(
    w3: Web3, devnet: Devnet, network: Network, spec: Spec
) -> None:
    market = network.marketplace
    requester = devnet.accounts[5]
    terms = terms_for(network, spec, requester, b"event")
    receipt = Wallet(w3, requester).send(
        market.post(terms, b"\x00input", None, market.value_due(terms))
    )
    contract = w3.eth.contract(address=market.address, abi=market.abi)  # type: ignore[call-overload]
    [posted] = contract.events.JobPosted().process_receipt(receipt)
    assert JobTerms.from_abi(posted["args"]["terms"]) == terms


def test_a_refusal_comes_in_the_contracts_words(
    w3: Web3, devnet: Devnet, network: Network, spec: Spec
) -> None:
    terms = terms_for(network, spec, devnet.accounts[5], b"thief")
    with pytest.raises(CallRevertedError, match="not the requester"):
        Wallet(w3, devnet.accounts[6]).send(network.marketplace.post(terms, b"", None, 10**18))


def test_a_wrong_address_says_that_no_contract_is_there(w3: Web3, devnet: Devnet) -> None:
    nobody = devnet.accounts[9].address
    with pytest.raises(ContractMissingError, match="right chain"):
        Network.at(w3, nobody, nobody, nobody).marketplace.job(bytes(32))


def test_conditions_that_do_not_fit_are_refused(network: Network, spec: Spec) -> None:
    terms = terms_for(network, spec, Web3().eth.account.create(), b"bits")
    with pytest.raises(TermsInvalidError, match="primary"):
        terms.with_primary(256).abi()


def test_local_hashes_equal_the_contracts(network: Network, spec: Spec) -> None:
    subnets = network.subnets
    assert subnets.read("spec_id_of", spec.abi()) == spec.spec_id
    assert subnets.read("book_id_of", spec.model_id, spec.selector, spec.token) == book_id(
        spec.model_id, spec.selector, spec.token
    )
    assert network.marketplace.method(NONE).plugin == network.marketplace.address  # type: ignore[union-attr]


def test_terms_and_acceptances_survive_json(devnet: Devnet, network: Network, spec: Spec) -> None:
    terms = terms_for(network, spec, devnet.accounts[5], b"json")
    assert JobTerms.from_json(terms.to_json()) == terms
    acceptance = sign_acceptance(
        devnet.accounts[5], network.marketplace.domain, bytes(32), 1, 10**9
    )
    assert type(acceptance).from_json(acceptance.to_json()) == acceptance


@pytest.mark.parametrize("broken", [{"salt": "0x12"}, {"n": "many"}, {"requester": "nobody"}])
def test_broken_terms_are_refused_by_field(
    devnet: Devnet, network: Network, spec: Spec, broken: dict[str, str]
) -> None:
    document = terms_for(network, spec, devnet.accounts[5], b"broken").to_json() | broken
    with pytest.raises(TermsInvalidError, match=next(iter(broken))):
        JobTerms.from_json(document)
