# SPDX-License-Identifier: Apache-2.0
"""A game from its begin to its end, between a claimant and a challenger of the zoo."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import boa

from tests.opml.game.arena import Arena, Claim, Game
from tests.opml.game.models import GIVEN
from tests.opml.game.zoo import Challenger, Claimant, Confusing, Honest, Wandering
from verifiers.opml.merkle import Tensor
from verifiers.opml.moves import Challenge
from verifiers.opml.openings import Execution

PROVED, CLAIMANT_LATE, CHALLENGER_LATE = "proved", "claimant late", "challenger late"


@dataclass
class Duel:
    """One game; ``moves`` are the names of those made so far."""

    game: Game
    claimant: Claimant
    challenger: Challenger
    moves: list[str] = field(default_factory=list)

    def play(self) -> str:
        """How the game ended. Who withholds loses by time, a second after its clock."""
        while True:
            ended = self.step()
            if ended:
                return ended

    def step(self) -> str:
        """One move; empty while the game goes on."""
        game = self.game
        if game.is_answered:
            return self._challenge()
        move = self.claimant.answer(game.at)
        if move is None or not can_send(lambda: game.send_answer(move)):
            self._wait(game.state.claimant_left)
            game.claimant_timeout()
            return CLAIMANT_LATE
        self.moves.append(move.name)
        return ""

    def _challenge(self) -> str:
        game = self.game
        move = self.challenger.move(game.at, game.published())
        if move is None:
            self._wait(game.state.challenger_left)
            game.challenger_timeout()
            return CHALLENGER_LATE
        game.send(move)
        self.moves.append(move.name)
        return PROVED if move.name == "prove" else ""

    def _wait(self, seconds: int) -> None:
        world = self.game.claim.arena.world
        world.warp(world.now + seconds + 1)


def can_send(send: Callable[[], None]) -> bool:
    """Whether the contract takes a call; a false answer is refused."""
    try:
        send()
    except boa.BoaError:
        return False
    return True


def truth_of(arena: Arena) -> Execution:
    return arena.program.execute(GIVEN)


def claimed_by(arena: Arena, claimant: Claimant) -> Claim:
    """A new job, answered by the first member as the claimant says."""
    claim = arena.claim(arena.post(GIVEN), claimant.output)
    if isinstance(claimant, Confusing):
        for decoy in claimant.decoys:
            claim.publish(decoy)
    return claim


def honest(claim: Claim, own: Execution | None = None) -> Honest:
    """A challenger that ran the job itself."""
    header, ran = claim.arena.program.header, own or truth_of(claim.arena)
    return Honest(Challenge(header, ran, Tensor(claim.output).commitment))


def duel(arena: Arena, claimant: Claimant, challenger: Challenger | None = None) -> Duel:
    """A claim with one game, by an honest challenger if not told otherwise."""
    claim = claimed_by(arena, claimant)
    return Duel(claim.open(), claimant, challenger or honest(claim))


def first_lie(truth: Execution, told: Execution) -> tuple[int, int]:
    """The element in which an execution first differs; any when it does not."""
    pairs = zip(truth.outputs, told.outputs, strict=False)
    for j, (right, other) in enumerate(pairs):
        size = min(len(right.data), len(other.data))
        wrong = next((i for i in range(size) if right.data[i] != other.data[i]), None)
        if wrong is not None:
            width = 1 << (truth.nodes[j].out_code & 3)
            return j, wrong - wrong % width
    return 0, 0


class Leftmost(random.Random):
    """Chance that always falls on the first."""

    def randrange(self, *bounds: int) -> int:
        return 0


def ask_first(game: Game, traced: Execution) -> None:
    """Ask about the first of what the last answer showed."""
    move = Wandering(traced, Leftmost()).move(game.at, b"")
    assert move is not None
    game.send(move)
