# SPDX-License-Identifier: Apache-2.0
"""InferenceConsumer: the example contract that buys inference and is called with the answer."""

from __future__ import annotations

from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts.base import ContractWrapper
from offchain_workers.chain.contracts.terms import Acceptance, JobTerms

_NO_ACCEPTANCE = Acceptance(0, 0, 0, 0, 0)


class Consumer(ContractWrapper):
    NAME = "InferenceConsumer"

    def answer_hash(self, job_id: bytes) -> bytes:
        """keccak256 of the answer that the callback brought; zero while there is none."""
        return bytes(self.read("answer_hash", job_id))

    def ask(self, terms: JobTerms, data: bytes, acceptance: Acceptance | None, value: int) -> Call:
        """Post in the contract's name; only its owner may."""
        given = acceptance or _NO_ACCEPTANCE
        return self.call("ask", terms.abi(), data, given.abi(), value=value)
