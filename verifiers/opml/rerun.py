# SPDX-License-Identifier: Apache-2.0
"""A claim run again: is it right, and if not, what is our side of a game against it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property

from offchain_workers.chain.contracts import Network
from offchain_workers.chain.contracts.base import ZERO_ADDRESS
from offchain_workers.chain.contracts.opml import OpmlVerifier
from offchain_workers.chain.past import Past
from verifiers.base import Assignment
from verifiers.opml.audit_errors import AuditLeftError, Reason
from verifiers.opml.board import claim_id
from verifiers.opml.claimed import claimed_output, is_claimed
from verifiers.opml.few import Few
from verifiers.opml.files import Files
from verifiers.opml.merkle import Tensor
from verifiers.opml.moves import Challenge
from verifiers.opml.openings import Execution
from verifiers.opml.player import Dispute
from verifiers.opml.unfinished import Key

_TIME = 2**36 - 1


class Verdict(Enum):
    """Unsure: this machine and the reference differ."""

    RIGHT = "right"
    WRONG = "wrong"
    UNSURE = "unsure"


@dataclass(frozen=True)
class Examined:
    """One claim as of one block, whose number, time and base fee are here too."""

    job: Assignment
    word: int
    stands: bool
    block: int
    now: int
    base_fee: int

    @cached_property
    def job_id(self) -> bytes:
        return self.job.job_id

    @property
    def key(self) -> Key:
        return Key(self.job_id, self.word)

    @cached_property
    def id(self) -> bytes:
        return claim_id(self.job_id, self.word)

    @property
    def final_at(self) -> int:
        return self.word & _TIME


class Rerun:
    """``execute`` runs a job on this machine, node by node. The last results are kept."""

    def __init__(
        self, network: Network, verifier: OpmlVerifier, execute: Callable[[Assignment], Execution]
    ) -> None:
        self._verifier = verifier
        self._execute = execute
        self._past = Past(verifier, network.start_block)
        self._references: Few[Execution] = Few(1)
        self._verdicts: Few[Verdict] = Few(256)

    def verdict(self, claim: Examined) -> Verdict:
        """On its output, and on the whole trace once the claimant posted that. May take long.

        A difference is confirmed by the reference, which the contracts follow: a sick machine must
        cost no bond. Raises FusionError.
        """
        posted = self._verifier.trace_root(claim.id)
        return self._verdicts.get((claim.id, posted), lambda: self._judge(claim, posted))

    def root(self, claim: Examined) -> bytes:
        """Of our own trace."""
        return self._execute(self._given(claim)).trace.root

    def dispute(self, claim: Examined) -> Dispute:
        """Our side of a game."""
        header = Files.of(claim.job).header()

        def challenge() -> Challenge:
            return Challenge(header, self._reference(claim), claimed_output(claim.word))

        return Dispute(claim.job.terms, header, challenge)

    def _judge(self, claim: Examined, posted: bytes | None) -> Verdict:
        if self._agrees(claim, posted, self._execute(self._given(claim))):
            return Verdict.RIGHT
        sure = not self._agrees(claim, posted, self._reference(claim))
        return Verdict.WRONG if sure else Verdict.UNSURE

    def _agrees(self, claim: Examined, posted: bytes | None, execution: Execution) -> bool:
        output = execution.outputs[Files.of(claim.job).header().output_node]
        return is_claimed(output, claim.word) and posted in (None, execution.trace.root)

    def _reference(self, claim: Examined) -> Execution:
        terms, job = claim.job.terms, self._given(claim)
        key = terms.artifact_id, terms.input_commitment
        return self._references.get(key, lambda: Files.of(job).program().execution(job.items()[0]))

    def _given(self, claim: Examined) -> Assignment:
        """With a callback the claim carries the input: nobody has to serve it."""
        if claim.job.terms.callback_target == ZERO_ADDRESS:
            return claim.job
        return replace(claim.job, items=lambda: [self._carried(claim)])

    def _carried(self, claim: Examined) -> bytes:
        for event in self._past.newest_first(("Claimed",), claim.job_id, claim.block):
            given = bytes(event.args["input"])
            if Tensor(given).commitment == claim.job.terms.input_commitment:
                return given
        raise AuditLeftError(Reason.INPUT_HIDDEN)
