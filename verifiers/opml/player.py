# SPDX-License-Identifier: Apache-2.0
"""A challenger's own games: what each needs now, by the chain's state and clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts import JobStatus, JobTerms, Network
from offchain_workers.chain.contracts.opml import OpmlVerifier, Position, clock_of
from verifiers.opml.board import Board, OpenGame, claim_id, question_key
from verifiers.opml.calls import Table
from verifiers.opml.line import Line, follow
from verifiers.opml.moves import Challenge, Move
from verifiers.opml.play_errors import NothingDiffersError
from verifiers.opml.program import Header

log = structlog.get_logger(__name__)

# After a claim fell, others' proofs share the reward for so long.
JOIN_SECONDS = 3_600
# A game with less than this share of its clock left is worth a warning.
_LOW = 4


@dataclass(frozen=True)
class Due:
    """A call that should go out now: ``what`` in one word, ``about`` which question."""

    what: str
    about: bytes
    call: Call


@dataclass(frozen=True)
class Dispute:
    """A claim that its challenger holds for wrong; ``challenge`` makes our side of the game from
    its beginning, and may take long."""

    terms: JobTerms
    header: Header
    challenge: Callable[[], Challenge]


@dataclass(frozen=True)
class View:
    """The game and its claim as of one block; ``now`` is that block's time."""

    block: int
    now: int
    open: OpenGame
    stands: bool
    fell_at: int


class Player:
    """Plays for ``me``. Stateless: all is read from the chain and computed again."""

    def __init__(self, network: Network, verifier: OpmlVerifier, board: Board, me: str) -> None:
        self._network = network
        self._verifier = verifier
        self._board = board
        self._me = me

    def due(self, job_id: bytes, word: int, about: Callable[[], Dispute]) -> Due | None:
        """What our game against the claim needs; None while we wait, or have no game.

        Raises NothingDiffersError, UnansweredError when an endpoint hides an answer.
        """
        view = self._view(job_id, word)
        if view is None:
            return None
        dispute = about()
        table = Table(self._verifier, dispute.header, dispute.terms, job_id, word, self._me)
        if not view.open.answered_at:
            return self._unanswered(view, table)
        self._watch_clock(view, table)
        move = self._move(view, word, dispute)
        if move is not None:
            return Due(move.name, view.open.key, table.call(move))
        return None if view.stands else self._closed(view, table)

    # --- the claimant is on turn ---------------------------------------------------------------

    def _unanswered(self, view: View, table: Table) -> Due | None:
        """Its silence wins, in a claim that fell too, when that is soon enough to share."""
        until = view.open.claimant_until
        joined_until = view.fell_at + JOIN_SECONDS
        if not view.stands and (not view.fell_at or max(until, view.now) >= joined_until):
            return self._closed(view, table)
        if view.now > until:
            return Due("claimant_timeout", view.open.key, table.claimant_timeout())
        return None

    # --- we are -------------------------------------------------------------------------------

    def _move(self, view: View, word: int, dispute: Dispute) -> Move | None:
        if not view.stands and view.now > view.fell_at + JOIN_SECONDS:
            return None
        challenge, named = dispute.challenge(), view.open.claim_id
        try:
            line: Line = follow(challenge, named, word, lambda at: self._answer(view, at))
            return line.next_move(view.open.at, view.stands)
        except ValueError as error:
            raise NothingDiffersError(str(error)) from error

    def _answer(self, view: View, at: Position) -> bytes | None:
        """What is published at a position, which our game has reached or will."""
        named = view.open.claim_id
        key = question_key(named, at)
        answered = self._verifier.answered_at(named, key, view.block)
        if not answered:
            return None
        there = replace(
            view.open, game=view.open.game._replace(at=at), key=key, answered_at=answered
        )
        return self._board.published(there, view.block)

    def _watch_clock(self, view: View, table: Table) -> None:
        left = view.open.challenger_until - view.now
        if left < clock_of(table.claim) // _LOW:
            log.warning("our clock runs out", job=f"0x{table.job_id.hex()}", seconds=left)

    # --- the end ------------------------------------------------------------------------------

    def _closed(self, view: View, table: Table) -> Due | None:
        """The bond comes back from a claim that fell, or that the market gave up."""
        if not view.fell_at:
            status = self._network.marketplace.job(table.job_id, view.block).status
            if status is JobStatus.PENDING:
                return None  # another claim stands: what we saw of ours is not settled yet
        return Due("close", view.open.claim_id, table.close())

    def collected(self, job_id: bytes, word: int, now: int) -> Due | None:
        """Bond and reward of a game won, once nobody can join any more."""
        head, named = self._verifier.w3.eth.block_number, claim_id(job_id, word)
        fell = self._verifier.fell_at(named, head)
        if not fell or now <= fell + JOIN_SECONDS:
            return None
        return Due("collect", named, self._verifier.call("collect", job_id, word, self._me))

    def _view(self, job_id: bytes, word: int) -> View | None:
        """None when the chain has no such game (any more)."""
        head = self._verifier.w3.eth.get_block("latest")
        block, now = int(head["number"]), int(head["timestamp"])
        game, named = self._verifier.game(job_id, word, self._me, block), claim_id(job_id, word)
        if game is None:
            return None
        key = question_key(named, game.at)
        answered = self._verifier.answered_at(named, key, block)
        standing = self._verifier.claim_of(job_id, block)
        stands = standing is not None and standing.word == word
        fell = self._verifier.fell_at(named, block)
        opened = OpenGame(self._me, game, named, key, answered)
        return View(block, now, opened, stands and self._pending(job_id, block), fell)

    def _pending(self, job_id: bytes, block: int) -> bool:
        """The market may give a job up whose claim still stands in the verifier."""
        return self._network.marketplace.job(job_id, block).status is JobStatus.PENDING
