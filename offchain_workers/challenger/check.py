# SPDX-License-Identifier: Apache-2.0
"""Run a claim again and compare: what decides whether there is anything to dispute."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from offchain_workers.chain.contracts import JobTerms
from offchain_workers.challenger.docket import Claimed
from offchain_workers.challenger.jobs import Jobs
from offchain_workers.challenger.library import Library, Watched
from offchain_workers.challenger.reasons import LeftError, Reason
from offchain_workers.challenger.share import is_mine
from offchain_workers.daemon.clock import ChainClock
from verifiers.opml.claimed import claimed_output, is_claimed
from verifiers.opml.merkle import Tensor
from verifiers.opml.moves import Challenge
from verifiers.opml.player import Dispute


@dataclass(frozen=True)
class Rules:
    """``share`` of the jobs, ``models`` (none: all); ``margin``: seconds that must be left of a
    window to open a game."""

    share: float
    models: Collection[bytes]
    margin: int


@dataclass(frozen=True)
class Case:
    """A claim with all that it takes to judge it and to play against it."""

    terms: JobTerms
    model: Watched
    given: bytes

    def dispute(self, claim: Claimed) -> Dispute:
        """What it takes to play against the claim."""
        header = self.model.header

        def challenge() -> Challenge:
            return Challenge(header, self.model.played(self.given), claimed_output(claim.word))

        return Dispute(self.terms, header, challenge)


class Checker:
    """Judges claims; used from several threads."""

    def __init__(
        self, jobs: Jobs, library: Library, rules: Rules, address: str, clock: ChainClock
    ) -> None:
        self._jobs = jobs
        self._library = library
        self._rules = rules
        self._address = address
        self._clock = clock

    def is_right(self, claim: Claimed) -> bool:
        """Whether the claimed output is the program's. Raises LeftError with the reason not to say.

        Before a claim is called wrong it is computed again node by node, which has to lead to the
        same answer: a machine that computes now this, now that must cost no bond. Nor must files
        that somebody falsely vouched for: the reference has the last word on them.
        """
        if not is_mine(claim.job_id, self._address, self._rules.share):
            raise LeftError(Reason.NOT_IN_SHARE)
        self.in_time(claim)
        case = self.case(claim)
        self.in_time(claim, case.model.slowest)
        output = Tensor(case.model.answer(case.given))
        if is_claimed(output, claim.word):
            return True
        self.in_time(claim)
        case.model.execution(case.given)
        case.model.confirm(case.given)
        return False

    def case(self, claim: Claimed) -> Case:
        """What the claim is about, to judge it. Raises LeftError."""
        terms = self._jobs.terms(claim.job_id)
        if self._rules.models and terms.model_id not in self._rules.models:
            raise LeftError(Reason.MODEL_NOT_WATCHED)
        return self._case(claim, terms, self._library.model(terms))

    def dispute(self, claim: Claimed) -> Dispute:
        """What it takes to go on with a game against the claim. Raises LeftError."""
        terms = self._jobs.terms(claim.job_id)
        return self._case(claim, terms, self._library.playing(terms)).dispute(claim)

    def _case(self, claim: Claimed, terms: JobTerms, model: Watched) -> Case:
        return Case(terms, model, self._jobs.given(claim, model.card))

    def in_time(self, claim: Claimed, seconds: float = 0.0) -> None:
        """Raises LeftError unless a game can still be opened ``seconds`` from now."""
        left = claim.final_at - self._clock.now()
        if left < self._rules.margin + seconds:
            raise LeftError(Reason.TOO_LATE, f"{max(left, 0)} seconds are left")
