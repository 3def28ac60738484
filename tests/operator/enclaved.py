# SPDX-License-Identifier: Apache-2.0
"""Fixtures: markets whose model is under a policy of method teeml, and a second enclave."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount

from offchain_workers.chain.contracts import JobTerms, ModelRecord
from offchain_workers.chain.contracts.teeml_verifier import TEEML, TeemlParams, deploy_teeml
from offchain_workers.chain.wallet import Wallet
from offchain_workers.devnet.accounts import CHAIN_ID
from offchain_workers.localnet.teeml import make_policy
from tests.operator.world import DIGITS, Market, form
from verifiers.teeml.enclave.client import EnclaveProcess
from verifiers.teeml.market import verifier_of
from verifiers.teeml.onchain import root_words
from verifiers.teeml.simulated import Authority

# A platform for two.
SPARE = "shared"


@pytest.fixture(scope="module")
def teeml_chain(market_chain: Market) -> Iterator[Market]:
    """The market with method teeml listed."""
    base = market_chain
    snapshot = base.chain.rpc("evm_snapshot")
    trust = Authority().trust
    root = root_words(trust, trust.until)
    owner = base.chain.accounts[0]
    deploy_teeml(base.w3, owner, base.network, root, TeemlParams.development())
    yield base
    assert base.chain.rpc("evm_revert", snapshot)


@pytest.fixture
def guardian(teeml_chain: Market) -> LocalAccount:
    return teeml_chain.chain.accounts[8]


@pytest.fixture
def under(
    teeml_chain: Market, guardian: LocalAccount, tmp_path: Path
) -> Iterator[Callable[..., Market]]:
    """Makes a market whose digits are under a policy: ``under(hold=...)``."""
    base = teeml_chain
    snapshot = base.chain.rpc("evm_snapshot")

    def make(platform: str = "", **changes: Any) -> Market:
        policy = replace(make_policy(guardian.address), **changes)
        publisher = Wallet(base.w3, base.publisher)
        publisher.send(verifier_of(base.network).create_policy(policy))
        hashes = (bytes.fromhex(cid[2:]) for cid in (DIGITS.spec.onnx_cid, DIGITS.card.hash()))
        record = ModelRecord(*hashes, artifacts={TEEML: policy.policy_id})
        publisher.send(base.network.models.publish(record, "http://127.0.0.1:9"))
        model_id = base.network.models.model_id(base.publisher.address, record)
        subnet = form(base.chain, base.network, model_id, base.operators, base.requester, TEEML)
        by_address = {account.address: account for account in base.operators}
        operators = [by_address[address] for address, _ in subnet.members]
        return replace(
            base, model_id=model_id, subnet=subnet, operators=operators, folder=tmp_path,
            platform=platform,
        )  # fmt: skip

    yield make
    assert base.chain.rpc("evm_revert", snapshot)


def policy_id(market: Market) -> bytes:
    return market.network.models.artifact(market.model_id, TEEML)


def teeml_terms(market: Market) -> JobTerms:
    terms = market.terms(selector=TEEML, artifact_id=policy_id(market), item_size=0, turn_length=30)
    longest = TeemlParams.development().max_hold
    return replace(terms, resolve_by=terms.deliver_by + longest)


@pytest.fixture
def spare() -> Iterator[EnclaveProcess]:
    """A second enclave on a worker's platform."""
    process = EnclaveProcess(
        ("--provider", "simulated", "--platform", SPARE, "--chain", str(CHAIN_ID))
    )
    yield process
    process.stop()
