# SPDX-License-Identifier: Apache-2.0
"""An auditor's duty: run a claim again when the lot says so, be paid when it was right, and play
against it when it was wrong.

What to do follows from the chain and from running the job again. Kept in memory is only where to
look; ``recover`` finds that on the chain after a restart.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from offchain_workers.chain.contracts import JobStatus, Network
from offchain_workers.chain.contracts.audits import Audit, OpmlAudits, audit_commitment
from offchain_workers.errors import FusionError
from verifiers.base import Assignment, Duty, Step
from verifiers.opml.audit_errors import AuditLeftError, Reason
from verifiers.opml.bets import Bets
from verifiers.opml.board import Board, claim_id
from verifiers.opml.openings import Execution
from verifiers.opml.player import Due, Player
from verifiers.opml.rerun import Examined, Rerun, Verdict
from verifiers.opml.unfinished import Unfinished

DRAWN, COMMITTED, ENDED = 1, 2, 3
# Gas of the auditor's transactions, whole.
_DRAW_GAS, _COMMIT_GAS, _CONFIRM_GAS = 140_000, 110_000, 105_000
# A lot so many blocks old is no other after any reorganisation worth thinking of.
_SETTLED = 64


class OpmlAuditor:
    """For the operator ``me``; ``execute`` runs a job on this machine, node by node."""

    def __init__(
        self,
        network: Network,
        board: Board,
        audits: OpmlAudits,
        me: str,
        budget: int,
        execute: Callable[[Assignment], Execution],
    ) -> None:
        self._network = network
        self._verifier = board.verifier
        self._audits = audits
        self._me = me
        self._rerun = Rerun(network, board.verifier, execute)
        self._player = Player(network, board.verifier, board, me)
        # The contract's own game, that makes the claimant post its trace.
        self._stand_in = Player(network, board.verifier, board, audits.address)
        self._open = Unfinished(network, board.verifier, audits, me)
        self._bets = Bets(board.verifier, budget)
        self._others: set[bytes] = set()

    def recover(self) -> None:
        """Audits and games of ours that are not over. Raises FusionError."""
        self._open.recover()

    def unfinished(self) -> Collection[bytes]:
        """Their jobs."""
        return self._open.jobs()

    def due(self, job: Assignment) -> Duty:
        """About the job's standing claim, when another member made it, and earlier ones in which we
        have something to do still."""
        head = self._verifier.w3.eth.get_block("latest")
        standing = self._standing(job)
        words = self._open.words(job.job_id) | ({standing} if standing else set())
        steps: list[Step] = []
        left: FusionError | None = None
        for word in sorted(words):
            seen = int(head["number"]), int(head["timestamp"]), int(head.get("baseFeePerGas", 0))
            claim = Examined(job, word, word == standing, *seen)
            if claim.key in self._open:
                steps += self._game(claim)
            try:
                steps += self._audit(claim)
            except AuditLeftError as error:
                left = error
        return Duty(steps, left)

    def _standing(self, job: Assignment) -> int | None:
        """The claim of another member that is pending."""
        found = self._verifier.claim_of(job.job_id)
        if found is None or claim_id(job.job_id, found.word) in self._others:
            return None
        now = self._network.marketplace.job(job.job_id)
        pending = now.status is JobStatus.PENDING and now.operator != self._me
        return found.word if pending else None

    # --- our own game ---------------------------------------------------------------------------

    def _game(self, claim: Examined) -> list[Step]:
        due = self._player.due(*claim.key, lambda: self._rerun.dispute(claim))
        if due is None and self._verifier.has_won(*claim.key, self._me):
            due = self._player.collected(*claim.key, claim.now)
        game = self._verifier.game(*claim.key, self._me)
        self._bets.seen(claim.id, game.bond if game else None, claim.stands)
        self._open.review(claim.key)
        return _steps(due)

    # --- the audit --------------------------------------------------------------------------------

    def _audit(self, claim: Examined) -> Sequence[Step]:
        """Raises AuditLeftError."""
        audit = self._audits.audit(*claim.key)
        if audit is None:
            return self._undrawn(claim) if claim.stands else ()
        if audit.auditor != self._me:
            return self._not_ours(claim)
        if audit.stage == ENDED:
            return self._harvest(claim)
        self._open.add(claim.key)
        if audit.stage == DRAWN:
            return self._drawn(claim, audit)
        return self._committed(claim)

    def _undrawn(self, claim: Examined) -> Sequence[Step]:
        """Nobody else has a reason to draw an audit that we are paid for."""
        lot = self._audits.lot(claim.id, claim.word, claim.block)
        if lot is None:
            return ()
        if lot % 2**16 >= self._audits.share or self._named(claim, lot >> 16) != self._me:
            return self._not_ours(claim)
        pay = self._audits.pay(claim.base_fee)
        self._must_pay(pay, _DRAW_GAS + _COMMIT_GAS + _CONFIRM_GAS)
        if self._audits.fund() < pay:
            raise AuditLeftError(Reason.FUND_EMPTY)
        against = self._against(claim)
        if against is not None:
            return against
        self._must_be_secret(claim)
        return [Step("draw", self._audits.draw(claim.job.terms, claim.word))]

    def _drawn(self, claim: Examined, audit: Audit) -> Sequence[Step]:
        if claim.now > audit.since + self._audits.commit_seconds:
            return [Step("lapse", self._audits.lapse(*claim.key))]
        if not claim.stands:
            return ()
        against = self._against(claim)
        if against is not None:
            return against
        self._must_be_secret(claim)
        self._must_pay(audit.pay, _COMMIT_GAS + _CONFIRM_GAS)
        root = self._rerun.root(claim)
        return [Step("commit", self._audits.commit(*claim.key, self._me, root))]

    def _committed(self, claim: Examined) -> Sequence[Step]:
        root = self._verifier.trace_root(claim.id)
        lapse = Step("lapse", self._audits.lapse(*claim.key))
        if root is None:
            return self._silent(claim) if claim.stands else [lapse]
        if self._audits.commitment(claim.id) == audit_commitment(self._me, root):
            return [Step("confirm", self._audits.confirm(*claim.key))]
        posted_at = self._verifier.answered_at(claim.id, claim.id)
        if not claim.stands or claim.now > posted_at + self._audits.confirm_seconds:
            return [lapse]
        return self._against(claim) or ()

    def _silent(self, claim: Examined) -> Sequence[Step]:
        """A claimant that does not post its trace loses the claim to the clock."""
        return _steps(self._stand_in.due(*claim.key, lambda: self._rerun.dispute(claim)))

    def _harvest(self, claim: Examined) -> Sequence[Step]:
        """The fund's share of a claim that fell by its silence."""
        if self._stand_in.collected(*claim.key, claim.now) is None:
            return ()
        if not self._verifier.has_won(*claim.key, self._audits.address):
            return ()
        return [Step("harvest", self._audits.harvest(*claim.key))]

    def _not_ours(self, claim: Examined) -> Sequence[Step]:
        """Don't look again, once the lot can't be another."""
        if (claim.block - (claim.word >> 56)) % 2**16 >= _SETTLED and claim.key not in self._open:
            self._others.add(claim.id)
        return ()

    def _named(self, claim: Examined, lot: int) -> str | None:
        """Whom OpmlAudits would draw."""
        subnet = self._network.subnets.subnet(claim.job.terms.subnet_id)
        claimant = self._network.marketplace.job(claim.job_id).operator
        others = [member for member, _ in subnet.members if member != claimant] if subnet else []
        return others[lot % len(others)] if others else None

    def _against(self, claim: Examined) -> Sequence[Step] | None:
        """What a wrong claim gets: a game; None when the claim is right."""
        verdict = self._rerun.verdict(claim)
        if verdict is Verdict.RIGHT:
            return None
        if verdict is Verdict.UNSURE:
            raise AuditLeftError(Reason.MACHINE_DIFFERS)
        if self._verifier.game(*claim.key, self._me) is not None:
            return ()
        bond = self._bets.bond(claim.id, claim.final_at - claim.now)
        self._open.add(claim.key)
        return [Step("open", self._verifier.open(*claim.key, bond))]

    # --- conditions -------------------------------------------------------------------------------

    def _must_pay(self, pay: int, gas: int) -> None:
        cost = gas * int(self._verifier.w3.eth.gas_price)
        if pay < cost:
            raise AuditLeftError(Reason.UNPAID, f"{pay} wei, the gas is {cost} wei")

    def _must_be_secret(self, claim: Examined) -> None:
        if self._verifier.trace_root(claim.id) is not None:
            raise AuditLeftError(Reason.TRACE_PUBLIC)


def _steps(due: Due | None) -> list[Step]:
    return [Step(due.what, due.call)] if due else []
