# SPDX-License-Identifier: Apache-2.0
"""A watcher's own games, with what its checks know of the claims."""

from __future__ import annotations

from offchain_workers.challenger.check import Checker
from offchain_workers.challenger.docket import Claimed
from offchain_workers.challenger.reasons import LeftError, Reason
from verifiers.opml.play_errors import NothingDiffersError
from verifiers.opml.player import Due
from verifiers.opml.player import Player as OpmlPlayer


class Player:
    """Stateless: all is read from the chain and computed again."""

    def __init__(self, player: OpmlPlayer, checker: Checker) -> None:
        self._player = player
        self._checker = checker

    def due(self, claim: Claimed) -> Due | None:
        """What our game against the claim needs; None while we wait.

        Raises LeftError, UnansweredError when an endpoint hides an answer.
        """
        try:
            return self._player.due(claim.job_id, claim.word, lambda: self._checker.dispute(claim))
        except NothingDiffersError as error:
            raise LeftError(Reason.NOTHING_DIFFERS, error.message) from error

    def collected(self, claim: Claimed, now: int) -> Due | None:
        """Bond and reward of a game won, once nobody can join any more."""
        return self._player.collected(claim.job_id, claim.word, now)
