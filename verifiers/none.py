# SPDX-License-Identifier: Apache-2.0
"""Method `none`: no evidence; the market itself takes the delivery and pays at once."""

from __future__ import annotations

from collections.abc import Sequence

from offchain_workers.chain.call import Call, Multicall
from offchain_workers.chain.contracts import JobTerms, Network
from offchain_workers.chain.contracts.terms import ZERO_32, selector_of
from offchain_workers.chain.merkle import batch_commitment
from offchain_workers.models import ModelCard
from verifiers.base import Assignment, Auditor, Candidate, Earning, ModelView

# Whole-transaction gas of a delivery of few bytes, then what each byte and each item of a batch
# adds (calldata, event, hashing).
_GAS, _GAS_PER_BYTE, _GAS_PER_ITEM = 85_000, 30, 1_500


class NoneMethod:
    """See the module."""

    name = "none"
    selector = selector_of("none")

    def commit_input(self, items: Sequence[bytes], model: ModelView) -> bytes:
        """keccak256 of the one item, or the Merkle root over more."""
        return batch_commitment(items)

    def check_terms(self, terms: JobTerms, card: ModelCard) -> str | None:
        """The method has no artifact."""
        return None if terms.artifact_id == ZERO_32 else "method none takes no artifact"

    def locks(self, network: Network, jobs: Sequence[JobTerms]) -> int:
        """Nothing: an answer can't be refuted."""
        return 0

    def admit(self, candidate: Candidate) -> None:
        """Any model, on any machine."""

    def delivery_gas(self, terms: JobTerms, output_bytes: int) -> int:
        """Linear in bytes and items."""
        items = terms.n if terms.n > 1 else 0
        return _GAS + _GAS_PER_BYTE * output_bytes + _GAS_PER_ITEM * items

    def deliver(self, job: Assignment) -> Call:
        """The bare output: the sender of the transaction is the operator."""
        return job.network.marketplace.deliver(job.terms, job.operator, job.output())

    def follow_up(self, job: Assignment) -> Sequence[Call]:
        """Nothing: a delivery is final."""
        return ()

    def auditor(self, network: Network, operator: str, budget: int) -> Auditor | None:
        """Nothing to compare with."""
        return None

    def earnings(self, network: Network, operator: str, to: str) -> Sequence[Earning]:
        """The market keeps the money."""
        return ()

    def multicall(self, network: Network) -> Multicall | None:
        """Each delivery is a transaction: the market asks who sent it."""
        return None
