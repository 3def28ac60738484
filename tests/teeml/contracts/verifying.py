# SPDX-License-Identifier: Apache-2.0
"""The TEE contracts on a chain of this process, fed with collateral and asked about quotes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.teeml.contracts.machine import Contract, Machine
from verifiers.teeml.collateral import Collateral
from verifiers.teeml.onchain import INTEL_WORDS, STATUSES, chosen, quote_words, steps
from verifiers.teeml.quote import Quote


@dataclass(frozen=True)
class Chain:
    """A machine with the TEE contracts on it."""

    machine: Machine
    certificates: Contract
    documents: Contract
    collateral: Contract
    dcap: Contract

    @classmethod
    def start(cls, root: tuple[Any, ...] = INTEL_WORDS, chain_id: int = 31_337) -> Chain:
        """Raises RevertedError."""
        machine = Machine(chain_id)
        certificates = machine.deploy_named("CertificateParser")
        documents = machine.deploy_named("TcbParser")
        collateral = machine.deploy_named(
            "IntelCollateral", certificates.address, documents.address, root
        )
        dcap = machine.deploy_named("DcapVerifier", collateral.address)
        return cls(machine, certificates, documents, collateral, dcap)

    def load(self, given: Collateral) -> None:
        """Puts all of it on the chain. Raises RevertedError."""
        for step in steps(given):
            self.collateral.send(step.function, *step.args)

    def verify(self, quote: bytes, given: Collateral) -> dict[str, Any]:
        """The claims, by collateral that is on the chain. Raises RevertedError."""
        return self.verify_words(quote_words(Quote.parse(quote)), given)

    def verify_words(self, quote: tuple[Any, ...], given: Collateral) -> dict[str, Any]:
        claims: dict[str, Any] = self.dcap.call("verify", quote, *chosen(given))
        return claims

    def status(self, quote: bytes, given: Collateral, now: int) -> str:
        """Status of a quote by collateral that nothing knew before. Raises RevertedError."""
        self.machine.at(now)
        with self.machine.undone():
            self.load(given)
            return str(STATUSES[self.verify(quote, given)["status"]])


@cache
def intel() -> Chain:
    """Contracts under Intel's root, shared: undo what you add."""
    return Chain.start()
