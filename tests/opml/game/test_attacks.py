# SPDX-License-Identifier: Apache-2.0
"""What somebody might try against the contract's calls, beside its moves."""

from __future__ import annotations

import boa

from tests.opml.game.arena import Arena
from tests.opml.game.duel import claimed_by, truth_of
from tests.opml.game.zoo import Answering
from verifiers.opml.merkle import ZERO
from verifiers.opml.moves import TRACE, Position, answer


def test_a_claimant_posts_its_trace_only_when_a_game_asks_for_it(arena: Arena) -> None:
    """What is public already keeps every audit of the claim away."""
    truth = truth_of(arena)
    claim = claimed_by(arena, Answering(truth))
    move = answer(truth, Position(TRACE, 7, 0, 0, 0, ZERO))
    with boa.reverts("not asked"), boa.env.prank(claim.claimant.address):
        claim.verifier.post_trace(claim.job_id, claim.word, *move.args)
    gone = claim.open("gone")
    gone.challenger_timeout(by="gone")
    with boa.reverts("not asked"):
        gone.send_answer(move)
    claim.open("challenger").send_answer(move)
    assert claim.verifier.trace_roots(claim.id) == truth.trace.root
