# SPDX-License-Identifier: Apache-2.0
"""A whole verification method from outside: the Python side of `ToyVerifier.vy`.

The right answer is keccak256("toy" | input), whatever the model says.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from offchain_workers.chain.call import Call, Multicall
from offchain_workers.chain.contracts import JobTerms, Network
from offchain_workers.chain.contracts.base import ContractWrapper
from offchain_workers.chain.contracts.terms import ZERO_32, selector_of
from offchain_workers.chain.merkle import batch_commitment
from offchain_workers.models import ModelCard
from scripts.build_artifacts import compile_contract
from verifiers.base import Assignment, Auditor, Candidate, Earning, ModelView

ROOT = Path(__file__).resolve().parents[2]
TOY = selector_of("toy")


@cache
def compiled() -> dict[str, Any]:
    """ABI and creation bytecode."""
    return compile_contract(ROOT, ROOT / "tests/contracts/methods/ToyVerifier.vy")


class ToyVerifier(ContractWrapper):
    """The contract that a market lists under the method's selector."""

    NAME = "ToyVerifier"

    @classmethod
    def of(cls, network: Network) -> ToyVerifier:
        listed = network.marketplace.method(TOY)
        assert listed is not None
        return cls(network.marketplace.w3, listed.plugin, compiled()["abi"])


class ToyMethod:
    """Delivers with the proof, and is paid at once."""

    name = "toy"
    selector = TOY

    def commit_input(self, items: Sequence[bytes], model: ModelView) -> bytes:
        return batch_commitment(items)

    def check_terms(self, terms: JobTerms, card: ModelCard) -> str | None:
        return "method toy needs an artifact" if terms.artifact_id == ZERO_32 else None

    def locks(self, network: Network, jobs: Sequence[JobTerms]) -> int:
        return 0

    def delivery_gas(self, terms: JobTerms, output_bytes: int) -> int:
        return 250_000

    def admit(self, candidate: Candidate) -> None:
        """Any model: it has no say."""

    def answer(self, inputs: Sequence[bytes]) -> bytes:
        return keccak(b"toy" + inputs[0])

    def deliver(self, job: Assignment) -> Call:
        verifier, inputs = ToyVerifier.of(job.network), job.items()
        return verifier.call("deliver_paid", job.terms.abi(), self.answer(inputs), inputs[0])

    def follow_up(self, job: Assignment) -> Sequence[Call]:
        """Finalise a claim that can no longer be refuted."""
        verifier = ToyVerifier.of(job.network)
        claimant, _, final_at = verifier.read("claims", job.job_id)
        now = verifier.w3.eth.get_block("latest")["timestamp"]
        if claimant != job.operator or now < final_at:
            return ()
        return (verifier.call("finalise", job.terms.abi()),)

    def auditor(self, network: Network, operator: str, budget: int) -> Auditor | None:
        return None

    def earnings(self, network: Network, operator: str, to: str) -> Sequence[Earning]:
        return ()

    def multicall(self, network: Network) -> Multicall | None:
        return None


class ClaimingToy(ToyMethod):
    """Claims without a proof, under a bond."""

    def deliver(self, job: Assignment) -> Call:
        answer = self.answer(job.items())
        return ToyVerifier.of(job.network).call("claim", job.terms.abi(), answer)


class StumblingToy(ToyMethod):
    """Has no word for what is in a model's files."""

    def admit(self, candidate: Candidate) -> None:
        raise RecursionError


class LyingToy(ClaimingToy):
    """What a dishonest operator would run."""

    def answer(self, inputs: Sequence[bytes]) -> bytes:
        return keccak(b"lie" + inputs[0])
