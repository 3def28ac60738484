# SPDX-License-Identifier: Apache-2.0
"""Method `opml` as a liar practises it: the same worker, another claim and other answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts.base import ZERO_ADDRESS
from verifiers.base import Assignment
from verifiers.opml.adversaries.cast import LYING_WORKERS
from verifiers.opml.adversaries.errors import UnknownAdversaryError, need_development_chain
from verifiers.opml.adversaries.players import Claimant, Confusing
from verifiers.opml.board import Look, OpenGame
from verifiers.opml.few import Few
from verifiers.opml.method import OpmlMethod, board_of, table_of
from verifiers.opml.moves import Move

# A stalling liar answers when no more than this is left of its clock.
LAST_SECONDS = 20


class LyingMethod(OpmlMethod):
    """``name`` as in ``LYING_WORKERS``. Raises UnknownAdversaryError."""

    def __init__(self, name: str) -> None:
        super().__init__()
        if name not in LYING_WORKERS:
            raise UnknownAdversaryError(f"no lying worker {name[:64]!r}")
        self._liar = LYING_WORKERS[name]
        self._claimants: Few[Claimant] = Few(2)

    def deliver(self, job: Assignment) -> Call:
        """Also raises NotDevelopmentError."""
        need_development_chain(job.network.marketplace.domain.chain_id)
        output = self._claimant(job).output
        return super().deliver(replace(job, output=lambda: output))

    def follow_up(self, job: Assignment) -> Sequence[Call]:
        """Decoys before all else: a game may come to what they stand for."""
        look = board_of(job.network).look(job.job_id)
        decoys = self._decoys(job, look) if look and look.claim.games else ()
        return [*decoys, *super().follow_up(job)]

    def _decoys(self, job: Assignment, look: Look) -> list[Call]:
        claimant = self._claimant(job)
        if not isinstance(claimant, Confusing):
            return []
        table = table_of(job, look, ZERO_ADDRESS)
        return [table.call(decoy) for decoy in claimant.decoys]

    def answer(self, job: Assignment, look: Look, game: OpenGame) -> Move | None:
        if self._liar.stalls and look.now < game.claimant_until - LAST_SECONDS:
            return None
        return self._claimant(job).answer(game.at)

    def _claimant(self, job: Assignment) -> Claimant:
        key = job.terms.artifact_id, job.terms.input_commitment
        return self._claimants.get(key, lambda: self._liar.claimant(self._execution(job)))
