# SPDX-License-Identifier: Apache-2.0
"""Moves as calls of OpmlVerifier: which job, claim and game they belong to."""

from __future__ import annotations

from dataclasses import dataclass

from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts import JobTerms
from offchain_workers.chain.contracts.opml import OpmlVerifier
from verifiers.opml.moves import Move
from verifiers.opml.program import Header


@dataclass(frozen=True)
class Table:
    """One game: where it is played, about what, and by which challenger."""

    verifier: OpmlVerifier
    header: Header
    terms: JobTerms
    job_id: bytes
    claim: int
    challenger: str

    def call(self, move: Move) -> Call:
        """Either side's move, ready to be sent."""
        terms, header, verifier = self.terms.abi(), self.header.abi(), self.verifier
        if move.name == "pick":
            return verifier.call("pick", self.job_id, self.claim, move.path)
        if move.name == "prove":
            return verifier.call("prove", terms, self.claim, header, move.path, move.evidence)
        if move.name in ("answer_partials", "state"):
            return verifier.call(move.name, self.job_id, self.claim, self.challenger, *move.args)
        return verifier.call(move.name, self.job_id, self.claim, *move.args)

    def open(self, bond: int) -> Call:
        """``bond`` in wei: a whole number of gwei."""
        return self.verifier.open(self.job_id, self.claim, bond)

    def open_at(self, bond: int, node_index: int, place: int) -> Call:
        """A game that begins with a question about an element."""
        return self.verifier.open_at(self.job_id, self.claim, node_index, place, bond)

    def claimant_timeout(self) -> Call:
        args = self.terms.abi(), self.claim, self.challenger
        return self.verifier.call("claimant_timeout", *args)

    def challenger_timeout(self) -> Call:
        return self._call("challenger_timeout")

    def close(self) -> Call:
        return self._call("close")

    def collect(self) -> Call:
        return self._call("collect")

    def _call(self, name: str) -> Call:
        return self.verifier.call(name, self.job_id, self.claim, self.challenger)
