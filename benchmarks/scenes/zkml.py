# SPDX-License-Identifier: Apache-2.0
"""Method `zkml` with digits: deliver, verify and pay in one transaction."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
from web3.types import TxReceipt

from benchmarks.market import Market
from benchmarks.pinned import PinnedChain
from benchmarks.table import Recorder
from benchmarks.zkml.networks import committed as model
from offchain_workers.chain.contracts import JobTerms, Tier
from offchain_workers.chain.contracts.zkml import ZKML, ZkmlVerifier, deploy_zkml, place_circuit
from offchain_workers.chain.wallet import Wallet
from offchain_workers.localnet.zkml import make_circuit
from offchain_workers.models.demo import digits_mlp
from offchain_workers.storage.reference import encode_inline
from verifiers.zkml import bundle
from verifiers.zkml.bundle import PROGRAM_FILE, Bundle
from verifiers.zkml.keys import prepared
from verifiers.zkml.method import about, values_of
from verifiers.zkml.prover import Proof
from verifiers.zkml.settings import Binding
from verifiers.zkml.setup import Options, make

PIXELS = digits_mlp().samples[0][1]


@dataclass(frozen=True)
class Case:
    """A circuit with a proof about one item of wire bytes."""

    name: str
    note: str
    make: Callable[[Path], None]
    item: bytes


class Digits:
    """A market with a case's circuit, and a subnet under it."""

    def __init__(self, chain: PinnedChain, case: Case) -> None:
        self.chain = chain
        self._item = case.item
        self.found, self.proof = _proved(case)
        self.market = Market.create(chain, {ZKML: self.found.artifact_id})
        network, owner = self.market.network, chain.account("owner")
        code, setup = self.found.files[PROGRAM_FILE], self.found.description.neg_tau_g2
        with chain.automine():
            self.verifier: ZkmlVerifier = deploy_zkml(chain.w3, owner, network)
            place_circuit(Wallet(chain.w3, owner), self.verifier, code, setup)
        self.market.offer_all(self.market.enlist(3), Tier.WEB2_CLOUD, ZKML)
        self.market.next_epoch()
        self._subnet = self.market.form(self.market.spec(ZKML, k=3))

    def post(self) -> tuple[JobTerms, TxReceipt]:
        """A new job about one digit."""
        terms = self.market.terms(
            self._subnet,
            artifact_id=self.found.artifact_id,
            input_commitment=about(self.found, self.proof),
        )
        return terms, self.market.post(terms, encode_inline(self._item))

    def deliver(self, terms: JobTerms) -> TxReceipt:
        circuit, proof = self.found.circuit.abi(), self.proof
        call = self.verifier.deliver(terms, circuit, proof.data, proof.instances)
        return self.chain.send(self._subnet.members[0], call)


def deliveries(chain: PinnedChain, record: Recorder) -> None:
    """A proof is paid at once. Proofs and setups are random: some bytes of calldata differ."""
    digits = Digits(chain, PUBLIC)
    for first_use in (True, False):
        terms, posted = digits.post()
        if not first_use:
            record.add(f"post:{PUBLIC.name}", posted, note="64 bytes of pixels inline")
        note = "nobody had a balance" if first_use else PUBLIC.note
        record.add(f"deliver:{PUBLIC.name}", digits.deliver(terms), first_use=first_use, note=note)


def committed(chain: PinnedChain, record: Recorder) -> None:
    """The input stays out of calldata; its commitment is the first point of the proof."""
    digits = Digits(chain, COMMITTED)
    digits.deliver(digits.post()[0])  # the first writes balances
    terms, _ = digits.post()
    record.add(f"deliver:{COMMITTED.name}", digits.deliver(terms), note=COMMITTED.note)


def _make_convolution(folder: Path) -> None:
    images = [np.frombuffer(PIXELS, np.uint8), np.zeros(64)]
    options = Options(input=Binding.POLYCOMMIT, scale=7, input_scale=0, name="digits-cnn")
    make(model("digits_cnn"), images, options).bundle.write(folder)


PUBLIC = Case(
    "zkml:digits",
    "74 public values, weights committed to",
    partial(make_circuit, digits_mlp()),
    PIXELS,
)
COMMITTED = Case(
    "zkml:digits-cnn",
    "a convolution; input committed to, 10 public values, weights fixed",
    _make_convolution,
    np.frombuffer(PIXELS, np.uint8).astype("<i4").tobytes(),
)


@cache
def _proved(case: Case) -> tuple[Bundle, Proof]:
    with tempfile.TemporaryDirectory() as name:
        folder, place = Path(name) / "bundle", Path(name) / "prover"
        place.mkdir()
        case.make(folder)
        found = bundle.read(folder)
        return found, prepared(found, place).prove(values_of(found.card, case.item))
