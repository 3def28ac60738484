# SPDX-License-Identifier: Apache-2.0
"""How far back the block may lie that a key's quote names, on anvil under Osaka's rules."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from eth_account import Account
from eth_utils.crypto import keccak
from web3 import HTTPProvider, Web3
from web3.exceptions import ContractLogicError

from offchain_workers.chain.contracts import ChainParams, deploy
from offchain_workers.chain.contracts.base import ZERO_ADDRESS
from offchain_workers.chain.contracts.enclaves import Binding, Measurement, Policy
from offchain_workers.chain.contracts.teeml_verifier import (
    TeemlParams,
    TeemlVerifier,
    deploy_teeml,
)
from offchain_workers.chain.wallet import Wallet
from offchain_workers.devnet import Devnet
from verifiers.teeml.collateral import Collateral
from verifiers.teeml.onchain import chosen, quote_words, root_words, steps
from verifiers.teeml.quote import Quote
from verifiers.teeml.simulated import Platform, td_report

HISTORY = "0x0000F90827F1C53a10cb7A02335B175320002935"
# Of EIP-2935.
WINDOW = 8_191
SEALING = keccak(b"sealing key")

pytestmark = pytest.mark.anvil


@dataclass(frozen=True)
class Site:
    """A verifier with live collateral, a policy without a bond, and who registers."""

    chain: Devnet
    verifier: TeemlVerifier
    platform: Platform
    given: Collateral
    policy: Policy
    wallet: Wallet

    def registration(self, anchor: int, block_hash: bytes | None = None) -> Any:
        """Of a new key, by a quote over that block's hash, or the one given."""
        w3 = self.verifier.w3
        found = bytes(w3.eth.get_block(anchor)["hash"]) if block_hash is None else block_hash
        key = Account.create().address
        binding = Binding(self.wallet.address, key, SEALING, bytes(32), bytes(32), anchor)
        bound = self.verifier.domain().binding_hash(self.policy.policy_id, binding)
        quote = Quote.parse(self.platform.quote(4, td_report(bound + found)))
        evidence = (quote_words(quote), *chosen(self.given), 0)
        return self.verifier.register(self.policy, evidence, binding), binding

    def refusal(self, back: int, block_hash: bytes | None = None) -> str | None:
        """What the chain says to an anchor so many blocks before the head; None: it is taken."""
        head = self.verifier.w3.eth.block_number
        call, _ = self.registration(head - back, block_hash)
        sent = {"from": self.wallet.address, "to": call.to, "data": call.data}
        try:
            self.verifier.w3.eth.call(sent, head)
        except ContractLogicError as error:
            return str(error)
        return None


Made = Callable[[str], Site]


@pytest.fixture
def made(anvil: Devnet) -> Made:
    """Makes a site whose verifier asks that contract for hashes."""

    def make(history: str) -> Site:
        w3, owner = Web3(HTTPProvider(anvil.url)), anvil.accounts[0]
        wallet = Wallet(w3, owner)
        platform = Platform(issued=int(w3.eth.get_block("latest")["timestamp"]) - 3_600)
        root = root_words(platform.authority.trust, platform.authority.until)
        params = replace(TeemlParams.development(), block_history=history)
        network = deploy(w3, owner, ChainParams.development())
        verifier = deploy_teeml(w3, owner, network, root, params)
        given = Collateral.parse(json.dumps(platform.collateral()))
        for step in steps(given):
            wallet.send(verifier.collateral().call(step.function, *step.args))
        measured = Quote.parse(platform.quote(4, td_report())).measurement
        policy = Policy((Measurement(measured, True),))
        wallet.send(verifier.create_policy(policy))
        return Site(anvil, verifier, platform, given, policy, wallet)

    return make


def test_with_the_history_contract_an_anchor_may_be_older_than_256_blocks(made: Made) -> None:
    site = made(HISTORY)
    site.chain.mine(300)
    assert [site.refusal(back) for back in (1, 255, 256, 257, 300)] == [None] * 5
    call, binding = site.registration(site.verifier.w3.eth.block_number - 300)
    site.wallet.send(call)
    assert site.verifier.is_live(site.policy.policy_id, binding.key)


def test_its_hash_must_be_the_chains(made: Made) -> None:
    site = made(HISTORY)
    site.chain.mine(300)
    other = bytes(site.verifier.w3.eth.get_block(1)["hash"])
    for wrong in (other, bytes(32)):
        assert "anchor" in str(site.refusal(299, wrong))


def test_a_block_that_is_not_yet_there_is_no_anchor(made: Made) -> None:
    site = made(HISTORY)
    for back in (0, -1):
        assert "no block hash" in str(site.refusal(back, bytes(32)))


def test_without_it_256_blocks_are_the_end(made: Made) -> None:
    site = made(ZERO_ADDRESS)
    site.chain.mine(300)
    assert [site.refusal(back) for back in (1, 255, 256)] == [None] * 3
    assert site.refusal(257) is not None


@pytest.mark.slow
def test_the_history_contracts_window_is_the_end(made: Made) -> None:
    site = made(HISTORY)
    for _ in range(0, WINDOW, 500):
        site.chain.mine(500)
    assert [site.refusal(back) for back in (8_000, WINDOW)] == [None] * 2
    for back in (WINDOW + 1, WINDOW + 300):
        assert "no block hash" in str(site.refusal(back))
