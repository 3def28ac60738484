# SPDX-License-Identifier: Apache-2.0
"""The three verbs of a plug-in through the smallest one there is: the market's part of a method."""

from __future__ import annotations

from typing import Any

from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from web3.types import TxReceipt

from benchmarks import ROOT
from benchmarks.compiled import Factory
from benchmarks.market import DELIVER_WITHIN, GWEI, Market, payload
from benchmarks.pinned import PinnedChain
from benchmarks.scenes.posts import REFERENCE
from benchmarks.table import Recorder
from offchain_workers.chain.contracts import JobTerms, Tier
from offchain_workers.chain.contracts.terms import selector_of

VERIFIER = ROOT / "tests" / "contracts" / "methods" / "ToyVerifier.vy"
TOY = selector_of("toy")
FEE_BPS = 100
MAX_DELAY = 3600
BOND = 10**6 * GWEI
ARTIFACT = payload(32, "toy artifact")
INPUT = payload(64, "toy input")
RIGHT = keccak(b"toy" + INPUT)
WRONG = payload(32, "wrong answer")


class Toy:
    """A market with the plug-in listed, and a subnet under it."""

    def __init__(self, chain: PinnedChain) -> None:
        self.chain = chain
        self.market = Market.create(chain, {TOY: ARTIFACT})
        self._factory = Factory(chain, VERIFIER)
        self._verifier = self._listed()
        self.market.offer_all(self.market.enlist(3), Tier.WEB2_CLOUD, TOY)
        self.market.next_epoch()
        self._subnet = self.market.form(self.market.spec(TOY, k=3))
        self.primary = self._subnet.members[0]

    def _listed(self) -> str:
        network, owner = self.market.network, self.chain.account("owner")
        parts = (network.marketplace, network.subnets, network.models)
        addresses = [part.address for part in parts]
        verifier = self._factory.deploy(owner, *addresses, TOY, MAX_DELAY, BOND)
        method = (TOY, verifier, 1, MAX_DELAY, FEE_BPS, False)
        self.chain.send(owner, network.marketplace.call("add_method", *method))
        return verifier

    def post(self) -> JobTerms:
        """A new job."""
        terms = self.market.terms(
            self._subnet,
            artifact_id=ARTIFACT,
            input_commitment=keccak(INPUT),
            resolve_by=self.chain.now() + DELIVER_WITHIN + MAX_DELAY,
        )
        self.market.post(terms, REFERENCE)
        return terms

    def call(self, sender: LocalAccount, function: str, terms: JobTerms, *args: Any) -> TxReceipt:
        call = self._factory.call(self._verifier, function, terms.abi(), *args)
        return self.chain.send(sender, call)


def proofs(chain: PinnedChain, record: Recorder) -> None:
    """`paid`: the evidence decides at once."""
    toy = Toy(chain)
    for first_use in (True, False):
        receipt = toy.call(toy.primary, "deliver_paid", toy.post(), RIGHT, INPUT)
        note = "nobody had a balance" if first_use else ""
        record.add("deliver:toy:paid", receipt, first_use=first_use, note=note)


def claims(chain: PinnedChain, record: Recorder) -> None:
    """`pending`, then `final` when nobody objects."""
    toy = Toy(chain)
    # One claim stays open, so that stake remains reserved.
    for first_use in (True, False):
        receipt = toy.call(toy.primary, "claim", toy.post(), RIGHT)
        note = "the operator had no stake reserved" if first_use else "locks a bond"
        record.add("claim:toy:pending", receipt, first_use=first_use, note=note)
    for first_use in (True, False):
        terms = toy.post()
        toy.call(toy.primary, "claim", terms, RIGHT)
        chain.warp(chain.now() + MAX_DELAY)
        receipt = toy.call(chain.account("keeper"), "finalise", terms)
        note = "nobody had a balance" if first_use else "frees the bond"
        record.add("settle:toy:final", receipt, first_use=first_use, note=note)


def refutations(chain: PinnedChain, record: Recorder) -> None:
    """`final` after a wrong claim: the bond is slashed, the job is open again."""
    toy = Toy(chain)
    for first_use in (True, False):
        terms = toy.post()
        toy.call(toy.primary, "claim", terms, WRONG)
        receipt = toy.call(chain.account("challenger"), "refute", terms, INPUT)
        note = "the challenger had no credit" if first_use else "slashes the bond, re-opens the job"
        record.add("settle:toy:refuted", receipt, first_use=first_use, note=note)
